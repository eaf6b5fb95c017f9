"""The recorded exchanges and the cards of the myrouter plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from routercore.provider import Provider
from routercore.testing.transcripts import replay
from routercore_myrouter import MYROUTER, routercore_providers

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(MYROUTER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert provider.name == "myrouter"
