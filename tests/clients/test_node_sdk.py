"""The official Node SDK; `nox -s node_clients` installs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.clients.server import HURRIED, KEY, serving
from tests.upstreams import mask, picture

MODULES = os.environ.get("ROUTERCORE_NODE_MODULES", "")
"""A folder in which npm has installed openai."""
SCRIPT = Path(__file__).parent / "node" / "openai.test.mjs"


@pytest.mark.skipif(not MODULES, reason="npm's openai is not installed; run nox -s node_clients")
def test_node_sdk(tmp_path: Path) -> None:
    """Everything that the Python SDK does, the Node SDK does."""
    (tmp_path / "a.png").write_bytes(picture(256, 256))
    (tmp_path / "mask.png").write_bytes(mask(256, 256))
    with serving(tmp_path) as origin:
        known = {"ORIGIN": origin, "KEY": KEY, "HURRIED": HURRIED, "MODULES": MODULES,
                 "PICTURES": str(tmp_path)}  # fmt: skip
        ended = subprocess.run(
            ["node", "--test", str(SCRIPT)], env={**os.environ, **known}, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip

    assert 0 == ended.returncode, ended.stdout + ended.stderr
