"""Every plugin's recorded cases, through the real driver."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from routercore.provider import Header, HttpRequest, ModelCard, Provider, Row
from routercore.testing.driven import replay_driven
from routercore.testing.transcripts import Exchange, Mismatch, Transcript, load

PLUGINS = Path(__file__).parents[2] / "plugins"
TRANSCRIPTS = sorted(PLUGINS.glob("*/tests/transcripts/*.json"))


@pytest.fixture(scope="module")
def installed() -> dict[str, Provider]:
    modules = [entry.load() for entry in entry_points(group="routercore")]
    return {one.name: one for module in modules for one in module.routercore_providers()}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: f"{path.parts[-4]}-{path.stem}")
async def test_recorded_case(path: Path, installed: dict[str, Provider]) -> None:
    """The case comes to the same through the driver, and the key goes only where it may."""
    transcript = load(path)
    if transcript.provider not in installed:
        pytest.skip(f"the plugin of {transcript.provider!r} is not installed")
    await replay_driven(installed[transcript.provider], transcript)


class Forgetful(Header):
    """Signs nothing."""

    def sign(self, request: HttpRequest, secret: str) -> HttpRequest:
        return request


async def test_a_request_without_the_key_is_noticed() -> None:
    """A provider whose requests reach its own origin unsigned does not pass."""
    card = ModelCard(id="m")
    row = Row(name="row", auth=Forgetful("K"), origins=("https://a.example/v1",), cards=(card,))
    request = {"method": "POST", "url": "https://a.example/v1/images/generations"}
    exchange = Exchange(request, {"status": 200, "json": {}})
    transcript = Transcript(
        provider="row", about="", task={"model": "m", "prompt": ""}, exchanges=(exchange,),
        failure={"fault": "no_image"},
    )  # fmt: skip
    with pytest.raises(Mismatch, match=r"no key was sent to https://a\.example"):
        await replay_driven(row, transcript)
