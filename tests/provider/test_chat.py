"""Rows whose models are reached through chat completions: what is sent, and what is read."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from routercore.provider import (
    AnySize,
    Fault,
    FixedSizes,
    HttpResponse,
    InputImage,
    MaskPolarity,
    ModelCard,
    Operation,
    ProviderFailed,
    RatioSizes,
    RawImage,
    Row,
    Task,
    Usage,
    bearer,
)
from routercore.provider.chat import as_chat_images
from routercore.testing.flows import play
from routercore.testing.providers import PNG_BASE64

CARD = ModelCard(
    id="vendor/painter",
    by_chat=True,
    operations=frozenset({Operation.GENERATE, Operation.EDIT}),
    sizes=RatioSizes(ratios=("1:1", "3:2"), tiers=("1K", "2K")),
    max_images=3,
    seed=True,
)
ROW = Row(
    name="relay", auth=bearer("KEY"), origins=("https://relay.example/v1",), cards=(CARD,),
    setting_fields={"negative_prompt": "avoid"}, extra={"tier": "plain"},
)  # fmt: skip
DATA_URL = f"data:image/png;base64,{PNG_BASE64}"
LINK = "https://cdn.example/a.png"


def task(**changes: Any) -> Task:
    settings: dict[str, Any] = {
        "prompt": "a jug", "card": CARD, "base_url": "https://relay.example/v1", **changes,
    }  # fmt: skip
    return Task(**settings)


def answer(message: Any, **more: Any) -> HttpResponse:
    """An answer with one choice."""
    choice = {"index": 0, "message": message, "finish_reason": "stop", **more.pop("choice", {})}
    return HttpResponse(status=200, body=json.dumps({"choices": [choice], **more}).encode())


def made(message: Any, **more: Any) -> tuple[RawImage, ...]:
    return play(ROW, ROW.generate(task()), [answer(message, **more)]).result.images


def failed(response: HttpResponse) -> ProviderFailed:
    played = play(ROW, ROW.generate(task()), [response])
    assert played.failed is not None
    return played.failed


def test_a_prompt_alone() -> None:
    """The prompt is the message; ratio and tier have their own place, other settings theirs."""
    wanted = task(aspect_ratio="3:2", resolution="2K", seed=7, options={"top_p": 1})
    (request,) = play(ROW, ROW.generate(wanted), []).requests

    assert "https://relay.example/v1/chat/completions" == request.url
    assert {
        "model": "vendor/painter",
        "messages": [{"role": "user", "content": "a jug"}],
        "modalities": ["text", "image"],
        "image_config": {"aspect_ratio": "3:2", "image_size": "2K"},
        "seed": 7,
        "tier": "plain",
        "top_p": 1,
    } == request.json


def test_pictures_go_along() -> None:
    """An edit is the prompt with the pictures behind it."""
    picture = InputImage(b"png", "image/png", "a.png")
    keyed = task(images=(picture, picture), idempotency_key="once")
    (request,) = play(ROW, ROW.generate(keyed), []).requests

    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}}
    (message,) = request.json["messages"]
    assert [{"type": "text", "text": "a jug"}, part, part] == message["content"]
    assert "image_config" not in request.json
    assert "once" == request.headers["idempotency-key"]


IMAGE = RawImage(base64=DATA_URL)
AT_LINK = RawImage(url=LINK)


@pytest.mark.parametrize(
    ("message", "images"),
    [
        ({"images": [{"type": "image_url", "image_url": {"url": DATA_URL}}]}, [IMAGE]),
        ({"images": [{"image_url": DATA_URL}, {"url": LINK}]}, [IMAGE, AT_LINK]),
        ({"images": [{"b64_json": PNG_BASE64}]}, [RawImage(base64=PNG_BASE64)]),
        (
            {"content": f"![it]({LINK})", "images": [{"image_url": {"url": DATA_URL}}]},
            [IMAGE],
        ),
        ({"content": [{"type": "text", "text": "Here"}, {"image_url": {"url": LINK}}]}, [AT_LINK]),
        ({"content": [{"type": "text", "text": f"![it]({LINK})"}]}, [AT_LINK]),
        ({"content": f"Here it is:\n\n![a jug]({DATA_URL})\n\nEnjoy!"}, [IMAGE]),
        ({"content": f'![1]({LINK} "title") and ![2](<{LINK}?2>)'},
         [AT_LINK, RawImage(url=f"{LINK}?2")]),
        ({"content": f"![1]({LINK}) ![again]({LINK})"}, [AT_LINK]),
        ({"content": "Here: ![it](https://cdn.example/results/17)"},
         [RawImage(url="https://cdn.example/results/17")]),
        ({"content": DATA_URL}, [IMAGE]),
        ({"content": f'<img src="{DATA_URL}"> <img src="{LINK}">'}, [IMAGE]),
        ({"content": f"Download: {LINK}?x=1 (see https://relay.example/terms)"},
         [RawImage(url=f"{LINK}?x=1")]),
        ({"content": f"**{LINK}**, and https://cdn.example/get?file=b.png."},
         [RawImage(url=LINK), RawImage(url="https://cdn.example/get?file=b.png")]),
        ({"content": "https://cdn.example/results/17\n"},
         [RawImage(url="https://cdn.example/results/17")]),
        ({"images": None, "content": f"![it]({LINK})"}, [AT_LINK]),
    ],
)  # fmt: skip
def test_where_pictures_are(message: Any, images: list[RawImage]) -> None:
    """Each place in which a service is known to put a picture is read, the surest first."""
    assert tuple(images) == made(message)


@pytest.mark.parametrize(
    "message",
    [
        None, {}, {"content": None}, {"content": ""}, {"content": "I cannot draw."},
        {"content": "See https://relay.example/terms for more."}, {"content": "![broken]("},
        {"content": "![empty]()"}, {"images": [1, None, {}]}, {"content": [None, 3, []]},
    ],
)  # fmt: skip
def test_no_picture(message: Any) -> None:
    """Words alone are a failure that quotes them."""
    failure = failed(answer(message)).failure

    assert Fault.NO_IMAGE == failure.fault
    if message and message.get("content") == "I cannot draw.":
        assert "I cannot draw." in failure.message


@pytest.mark.parametrize(
    ("response", "fault"),
    [
        (answer({"refusal": "I will not."}), Fault.REFUSED),
        (answer({"content": ""}, choice={"finish_reason": "content_filter"}), Fault.REFUSED_RESULT),
        (answer({"content": "no"}, choice={"native_finish_reason": "IMAGE_SAFETY"}),
         Fault.REFUSED_RESULT),
        (HttpResponse(status=200, body=b'{"error": {"code": "insufficient_quota"}}'),
         Fault.QUOTA),
        (HttpResponse(status=429, body=b"{}"), Fault.RATE_LIMITED),
        (HttpResponse(status=200, body=b"<html>"), Fault.REPLY_CUT),
    ],
)  # fmt: skip
def test_failures(response: HttpResponse, fault: Fault) -> None:
    """Refusals and errors are told apart, whatever the status."""
    assert fault == failed(response).failure.fault


def test_what_it_cost() -> None:
    """Tokens have chat's names; a reported cost counts where the row says so."""
    row = replace(ROW, reports_cost=True)
    usage = {"prompt_tokens": 9, "completion_tokens": 1300,
             "completion_tokens_details": {"image_tokens": 1290}}  # fmt: skip
    response = answer({"content": DATA_URL}, usage=usage, cost=0.04, model="painter-v2")
    generated = play(row, row.generate(task()), [response]).result

    assert Usage(text_in=9, image_out=1290, text_out=10) == generated.usage
    assert ("0.04", "painter-v2") == (str(generated.cost_usd), generated.model)


def test_several_choices() -> None:
    """Each choice may have its pictures."""
    choices = [{"message": {"content": DATA_URL}}, {"message": {"content": f"![]({LINK})"}}]
    body = json.dumps({"choices": choices}).encode()

    images = play(ROW, ROW.generate(task()), [HttpResponse(status=200, body=body)]).result.images
    assert (IMAGE, AT_LINK) == images


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"sizes": AnySize()}, "size"),
        ({"sizes": FixedSizes(("1024x1024", "512x512"))}, "size"),
        ({"max_n": 2}, "n"),
        ({"mask": MaskPolarity.ALPHA}, "mask"),
        ({"partial_images": 1}, "partial_images"),
        ({"qualities": ("low",)}, "quality"),
        ({"formats": ("png", "webp")}, "output_format"),
        ({"backgrounds": ("opaque",)}, "background"),
        ({"accepts": frozenset({"style"})}, "style"),
    ],
)
def test_what_chat_has_no_place_for(changes: dict[str, Any], name: str) -> None:
    """A card that promises what would not be sent is refused when the row is made."""
    with pytest.raises(ValueError, match=f"declares {name}"):
        replace(ROW, cards=(replace(CARD, **changes),))


def test_what_a_service_adds() -> None:
    """A field of the service's own makes room for a setting."""
    card = replace(CARD, qualities=("low", "high"), sizes=FixedSizes(("1024x1024",)))
    row = replace(ROW, cards=(card,), setting_fields={"quality": "image_quality"})
    (request,) = play(row, row.generate(task(card=card, quality="high")), []).requests

    assert "high" == request.json["image_quality"]


@pytest.mark.parametrize("text", ["http://" * 14_000, "data:image/ " * 100_000, "![](x " * 100_000])
def test_no_text_is_read_for_long(text: str) -> None:
    """However often the beginning of a picture is in it, a text is gone through about once."""
    began = time.process_time()
    with contextlib.suppress(ProviderFailed):
        as_chat_images({"choices": [{"message": {"content": text}}]})
    assert time.process_time() - began < 1
