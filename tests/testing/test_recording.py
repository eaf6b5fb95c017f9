"""Recording: what was said is kept, pictures shrink, and no credential can be there."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from routercore.provider import (
    Call,
    FixedSizes,
    Flow,
    Generated,
    HttpRequest,
    HttpResponse,
    InputImage,
    ModelCard,
    OneShot,
    ProviderFailed,
    RawImage,
    Row,
    Task,
    bearer,
    post_json,
)
from routercore.testing.providers import PNG, PNG_BASE64
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


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"out of clay", {"text": "out of clay"}),
        (PNG + bytes(3000), {"base64": PNG_BASE64}),
        (b"", {}),
    ],
)
async def test_an_answer_that_is_no_json(body: bytes, kept: dict[str, str]) -> None:
    """Text is kept as text, a picture as one of a pixel, and nothing as nothing."""
    text, _ = await recorded(HttpResponse(status=502, body=body))
    assert {"status": 502, **kept} == json.loads(text)["exchanges"][0]["response"]


async def test_an_event_that_is_no_json() -> None:
    """It is kept as text, and does not end the recording."""
    final = {"type": "image_generation.completed", "b64_json": BIG}
    lines = f"event: note\ndata: hello\n\nevent: {final['type']}\ndata: {json.dumps(final)}\n\n"
    head = {"content-type": "text/event-stream"}
    answer = HttpResponse(status=200, headers=head, body=lines.encode())
    text, _ = await recorded(answer, stream=True, partial_images=1)
    events = json.loads(text)["exchanges"][0]["response"]["events"]
    assert {"event": "note", "data": "hello"} == events[0]


async def test_an_edit_by_a_form(tmp_path: Path) -> None:
    """The fields of a form are kept by their names, and replay."""
    task = Task(prompt="a jug", card=CARD, base_url=BASE, images=(picture("png"),), stream=True)
    recording = Recording.of("An edit.", task, BASE)
    transport = FakeTransport([json_answer({"data": [{"b64_json": BIG}]})])
    await record(KILN, task, recording, transport=transport, secret=SECRET)
    sent = recording.exchanges[0]["request"]
    assert ("a jug", True) == (sent["form"]["prompt"], recording.task["stream"])


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (json_answer({"data": [{"b64_json": BIG}]}), (True, "1 image")),
        (json_answer({"data": [{"b64_json": BIG}] * 2}), (True, "2 images")),
        (json_answer({"error": {"message": "slow"}}, 429), (False, "rate_limited: slow")),
    ],
)
async def test_what_came_of_it(answer: Answer, ended: tuple[bool, str]) -> None:
    """It is said in a few words, and whether it is a success."""
    recording = Recording("A jug.", {})
    task = Task(prompt="a jug", card=CARD, base_url=BASE)
    await record(KILN, task, recording, transport=FakeTransport([answer]), secret=SECRET)
    assert ended == (recording.is_success, recording.ended)


async def test_a_vendor_that_looks_at_errors_itself() -> None:
    """Its flow sees what it asked to see raw, and one that goes on after a failure is followed."""

    class Patient(Inline):
        def generate(self, task: Task) -> Flow[Generated]:
            refused = yield Call(post_json(task.url("/a"), {"numbers": [1, 2]}), raw=True)
            assert isinstance(refused, HttpResponse)
            try:
                yield Call(post_json(task.url("/b"), {"nothing": None}))
            except ProviderFailed:
                return Generated(images=(RawImage(data=PNG),) * refused.json()["n"])
            raise AssertionError("it was refused")

    task = Task(prompt="x", card=CARD, base_url=BASE, images=(picture("png"),) * 2)
    recording = Recording.of("An edit.", task, "https://elsewhere.example")
    transport = FakeTransport([json_answer({"n": 3}, 409), json_answer({}, 500)])
    await record(Patient(), task, recording, transport=transport, secret=SECRET)
    assert "3 images" == recording.ended
    assert [{"numbers": [1, 2]}, {"nothing": None}] == [
        exchange["request"]["json"] for exchange in recording.exchanges
    ]
