"""Recording: what was said is kept, pictures shrink, and no credential can be there."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from routercore.provider import FixedSizes, ModelCard, Row, Task, bearer
from routercore.testing.providers import PNG
from routercore.testing.recording import Recording, record
from routercore.testing.transcripts import load, replay
from routercore.testing.transport import Answer, FakeTransport, events_answer, json_answer

BASE = "https://api.kiln.example/v1"
CARD = ModelCard(id="clay", sizes=FixedSizes(("1024x1024",)), partial_images=3)
KILN = Row(name="kiln", auth=bearer("KILN_API_KEY"), origins=(BASE,), cards=(CARD,))
BIG = base64.b64encode(PNG + bytes(3000)).decode()
SECRET = "sk-canary-of-the-test"


async def recorded(answer: Answer, **settings: Any) -> tuple[str, FakeTransport]:
    """The text of a transcript of one call that got ``answer``."""
    transport = FakeTransport([answer])
    asked = {"model": "clay", "prompt": "a jug"}
    recording = Recording("A jug.", {**asked, **settings})
    task = Task(prompt="a jug", card=CARD, base_url=BASE, **settings)
    await record(KILN, task, recording, transport=transport, secret=SECRET)
    return recording.as_json("kiln"), transport


def played(text: str, tmp_path: Path) -> dict[str, Any]:
    """The transcript, after a replay of it has succeeded."""
    path = tmp_path / "case.json"
    path.write_text(text)
    replay(KILN, load(path))
    return dict(json.loads(text))


async def test_a_success_replays(tmp_path: Path) -> None:
    """Request, answer and outcome are kept; a large picture becomes one of a pixel."""
    text, _ = await recorded(json_answer({"data": [{"b64_json": BIG}]}))
    case = played(text, tmp_path)
    assert {"images": 1} == case["result"]
    assert {"model": "clay", "prompt": "a jug"} == case["exchanges"][0]["request"]["json"]
    assert len(text) < 2000


async def test_an_error_replays(tmp_path: Path) -> None:
    """An error answer is an exchange too, and what it means is the outcome."""
    text, _ = await recorded(json_answer({"error": {"message": "slow"}}, 429, retry_after="3"))
    case = played(text, tmp_path)
    assert {"fault": "rate_limited"} == case["failure"]
    assert "3" == case["exchanges"][0]["response"]["headers"]["retry-after"]


async def test_a_stream_replays(tmp_path: Path) -> None:
    """Events are kept in order."""
    partial = {"type": "image_generation.partial_image", "b64_json": BIG, "partial_image_index": 0}
    final = {"type": "image_generation.completed", "b64_json": BIG}
    answer = events_answer((partial["type"], partial), (final["type"], final))
    text, _ = await recorded(answer, stream=True, partial_images=1)
    case = played(text, tmp_path)
    assert 2 == len(case["exchanges"][0]["response"]["events"])


async def test_no_credential_is_recorded() -> None:
    """The request was signed on the wire, and nothing of that is in the transcript."""
    answer = json_answer({"data": [{"b64_json": BIG}]}, set_cookie=f"session={SECRET}")
    text, transport = await recorded(answer)
    assert f"Bearer {SECRET}" == transport.requests[0].headers["authorization"]
    assert SECRET not in text
