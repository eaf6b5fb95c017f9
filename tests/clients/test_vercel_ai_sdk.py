"""The image models of the Vercel AI SDK; `nox -s vercel_clients` installs them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.clients.server import KEY, serving
from tests.upstreams import mask, picture

MODULES = os.environ.get("ROUTERCORE_VERCEL_MODULES", "")
"""A folder in which npm has installed ai, @ai-sdk/openai and @ai-sdk/openai-compatible."""
SCRIPT = Path(__file__).parent / "node" / "vercel.test.mjs"


@pytest.mark.skipif(not MODULES, reason="the SDK is not installed; run nox -s vercel_clients")
def test_vercel_ai_sdk(tmp_path: Path) -> None:
    """Both image models generate, edit and fail as their users expect."""
    (tmp_path / "a.png").write_bytes(picture(256, 256))
    (tmp_path / "mask.png").write_bytes(mask(256, 256))
    with serving(tmp_path) as origin:
        known = {"ORIGIN": origin, "KEY": KEY, "MODULES": MODULES, "PICTURES": str(tmp_path)}
        ended = subprocess.run(
            ["node", "--test", str(SCRIPT)], env={**os.environ, **known}, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip

    assert 0 == ended.returncode, ended.stdout + ended.stderr
