"""Recording: what was said is kept, pictures shrink, and no credential can be there."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from routercore.provider import (
    FixedSizes,
    Generated,
    HttpRequest,
    HttpResponse,
    InputImage,
    ModelCard,
    OneShot,
    RawImage,
    Row,
    Task,
    bearer,
    post_json,
)
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


def picture(format: str) -> InputImage:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(buffer, format)
    return InputImage.of(buffer.getvalue())


class Inline(OneShot):
    """A vendor that takes pictures in JSON: bare, behind a prefix, and as a list of bytes."""

    name = "kiln"
    auth = bearer("KILN_API_KEY")
    origins = (BASE,)

    def catalogue(self) -> tuple[ModelCard, ...]:
        return (CARD,)

    def build(self, task: Task) -> HttpRequest:
        assert task.mask is not None
        first, second = task.images
        body = {"image": first.data_url, "more": [{"b": second.base64}],
                "mask": list(task.mask.data)}  # fmt: skip
        return post_json(task.url("/edit"), body)

    def parse(self, task: Task, response: HttpResponse) -> Generated:
        return Generated(images=(RawImage(base64=response.json()["image"]),))


async def test_pictures_of_the_caller_shrink(tmp_path: Path) -> None:
    """Those that are sent are whole; small ones of their kind stand in for them, and replay."""
    images, mask = (picture("jpeg"), picture("webp")), picture("png")
    task = Task(prompt="a jug", card=CARD, base_url=BASE, images=images, mask=mask)
    transport = FakeTransport([json_answer({"image": BIG})])
    recording = Recording.of("An edit.", task, BASE)
    await record(Inline(), task, recording, transport=transport, secret=SECRET)
    path = tmp_path / "case.json"
    path.write_text(recording.as_json("kiln"))
    assert list(mask.data) == transport.requests[0].json["mask"]
    assert path.stat().st_size < 4000
    assert ["image/jpeg", "image/webp"] == [
        one.media_type for one in load(path).task_for(Inline()).images
    ]
    replay(Inline(), load(path))


async def test_a_picture_by_its_url_stays_one(tmp_path: Path) -> None:
    """The URL is what is recorded."""
    image = replace(picture("png"), url="https://pictures.example/a.png")
    task = Task(prompt="a jug", card=CARD, base_url=BASE, images=(image,), seed=4)
    recording = Recording.of("An edit.", task, "https://elsewhere.example")
    assert {
        "model": "clay", "prompt": "a jug", "seed": 4, "base_url": BASE,
        "images": ["https://pictures.example/a.png"],
    } == recording.task  # fmt: skip
