"""The recorded cases, played through the provider."""

from __future__ import annotations

from pathlib import Path

import pytest

from routercore.testing.transcripts import replay
from routercore_leonardo import Leonardo

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.json"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path) -> None:
    """The provider asks what the recorded case says, and makes of the answers what it says."""
    replay(Leonardo(), path)
