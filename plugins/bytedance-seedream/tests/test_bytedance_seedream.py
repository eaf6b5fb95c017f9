"""Seedream: its pictures and failures in one list, its two addresses, its cards."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    WILDCARD,
    Charge,
    Fault,
    HttpResponse,
    InputImage,
    ModelCard,
    Provider,
    RawImage,
    ServerEvent,
    Size,
    Task,
    fail,
)
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import replay
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_bytedance_seedream import Seedream, routercore_providers

PROVIDER = Seedream()
CARDS = {card.name: card for card in PROVIDER.catalogue()}
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
CHINA = "https://ark.cn-beijing.volces.com/api/v3"
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
MADE = {"model": "seedream-4-5-251128", "data": [{"b64_json": "iVBO", "size": "2048x2048"}]}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(PROVIDER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "bytedance-seedream" == provider.name


def task(model: str = "seedream-4.5", **settings: Any) -> Task:
    plain = {"prompt": "porcelain fox", "base_url": PROVIDER.origins[0], **settings}
    return Task(card=CARDS[model], **plain)


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


def sent(of: Task) -> dict[str, Any]:
    return dict(PROVIDER.build(of).json)


def test_ids_in_china() -> None:
    """There the owner's name is part of an id, but not of an endpoint's."""
    assert "seedream-4-5-251128" == sent(task())["model"]
    assert "doubao-seedream-4-5-251128" == sent(task(base_url=CHINA))["model"]
    mine = CARDS[WILDCARD].named("ep-20260101-x")
    assert "ep-20260101-x" == sent(Task(card=mine, prompt="x", base_url=CHINA))["model"]


def test_everything_goes_to_another_base_url() -> None:
    """The one path lies under the base URL of the task."""
    request = PROVIDER.build(task(base_url="http://127.0.0.1:9"))
    assert "http://127.0.0.1:9/images/generations" == request.url


def test_input_images() -> None:
    """One picture is sent as a text, several as a list."""
    url = PICTURE.data_url
    assert url == sent(task(images=(PICTURE,)))["image"]
    assert [url, url] == sent(task(images=(PICTURE, PICTURE)))["image"]
    assert "adaptive" == sent(task("seededit-3.0", images=(PICTURE,)))["size"]
    assert "image" not in sent(task())


def test_a_failed_picture_among_good_ones() -> None:
    """What was made is delivered, in whatever form it came."""
    error = {"error": {"code": "OutputImageSensitiveContentDetected", "message": "no"}}
    items = [error, {"b64_json": "iVBO"}, {"url": "https://ark.example/x.jpeg"}]
    made = PROVIDER.parse(task(), answer({"data": items}))
    url = RawImage(url="https://ark.example/x.jpeg", expires_in=86400.0)
    assert (RawImage(base64="iVBO"), url) == made.images


def event(kind: str, **data: Any) -> ServerEvent:
    return ServerEvent(f"image_generation.{kind}", json.dumps(data))


HEAD = HttpResponse(status=200, headers={"content-type": "text/event-stream"})
BROKEN = fail(Fault.REPLY_CUT, "the connection broke")


@pytest.mark.parametrize("end", [[], [BROKEN], [ServerEvent("message", "{")]])
def test_a_stream_that_breaks_gives_what_had_come(end: list[Any]) -> None:
    """Pictures that arrived are paid for and delivered; without one the failure stands."""
    stream = task(stream=True, options={"sequential_image_generation": "auto"})
    first = event("partial_succeeded", image_index=0, b64_json="iVBO")
    made = play(PROVIDER, PROVIDER.generate(stream), [HEAD, first, *end])
    assert made.value is not None
    assert (RawImage(base64="iVBO"),) == made.value.images
    none = play(PROVIDER, PROVIDER.generate(stream), [HEAD, *end])
    assert none.failed is not None
    assert Fault.REPLY_CUT is none.failed.failure.fault


def test_an_error_in_a_stream_decides() -> None:
    """An error that is no picture's ends the stream, with whatever it says."""
    lost = event("error", error={"code": "InternalServiceError", "message": "no"})
    played = play(PROVIDER, PROVIDER.generate(task(stream=True)), [HEAD, lost])
    assert played.failed is not None
    assert Fault.SERVER_ERROR is played.failed.failure.fault


def test_an_answer_instead_of_a_stream() -> None:
    """A service that does not stream after all is read like one that was not asked to."""
    played = play(PROVIDER, PROVIDER.generate(task(stream=True)), [answer(MADE)])
    assert played.value is not None
    assert 1 == len(played.value.images)


@pytest.mark.parametrize(
    ("model", "most", "images", "fault"),
    [
        ("seedream-5.0-pro", 2, (), Fault.UNSUPPORTED),
        ("seedream-4.5", 15, (PICTURE,), Fault.INVALID_REQUEST),
        ("seedream-4.5", 14, (PICTURE,), None),
    ],
)
def test_a_series_that_cannot_be_is_not_sent(
    model: str, most: int, images: Any, fault: Fault | None
) -> None:
    """Pro makes none, and fifteen pictures are the most, input images among them."""
    options = {"sequential_image_generation": "auto",
               "sequential_image_generation_options": {"max_images": most}}  # fmt: skip
    played = play(PROVIDER, PROVIDER.generate(task(model, images=images, options=options)),
                  [answer(MADE)])  # fmt: skip
    assert fault == (played.failed.failure.fault if played.failed else None)
    assert bool(fault) != bool(played.requests)


def test_a_model_that_does_not_stream_is_not_asked_to() -> None:
    """The fifth generation's Pro refuses a stream, so that it answers in one piece."""
    assert "stream" not in sent(task("seedream-5.0-pro", stream=True))
    assert sent(task(stream=True))["stream"] is True


@pytest.mark.parametrize(
    ("code", "fault", "charge"),
    [
        ("InputTextSensitiveContentDetected", Fault.REFUSED, Charge.NONE),
        ("InputImageSensitiveContentDetected.PolicyViolation", Fault.REFUSED, Charge.NONE),
        ("OutputImageSensitiveContentDetected", Fault.REFUSED_RESULT, Charge.NONE),
        ("QuotaExceeded", Fault.QUOTA, None),
        ("AccountOverdueError", Fault.QUOTA, None),
        ("RateLimitExceeded.EndpointRPMExceeded", Fault.RATE_LIMITED, None),
        ("ModelAccountIpmRateLimitExceeded", Fault.RATE_LIMITED, None),
        ("InvalidEndpointOrModel.NotFound", Fault.MODEL_NOT_FOUND, None),
        ("AuthenticationError", Fault.UNAUTHENTICATED, None),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_codes_decide(code: str, status: int, fault: Fault, charge: Charge | None) -> None:
    """An error means the same whatever status it comes with."""
    failure = PROVIDER.classify(answer({"error": {"code": code, "message": "no"}}, status))
    assert (fault, charge, code) == (failure.fault, failure.charge, failure.code)


@pytest.mark.parametrize(
    ("status", "fault"),
    [(200, Fault.SERVER_ERROR), (500, Fault.SERVER_ERROR), (400, Fault.INVALID_REQUEST)],
)
def test_unknown_codes(status: int, fault: Fault) -> None:
    """A code that nobody documented leaves the decision to the status."""
    assert fault is PROVIDER.classify(answer({"error": {"code": "Novel"}}, status)).fault


@pytest.mark.parametrize(
    ("model", "price"),
    [("seedream-4.5", "0.04"), ("seedream-4.0", "0.03"), ("seedream-5.0-lite", "0.035"),
     ("seedream-5.0-pro", "0.09"), ("seedream-3.0", None)],
)  # fmt: skip
def test_prices(model: str, price: str | None) -> None:
    """A picture costs the same whatever its size; a price that is not known is not zero."""
    guess = estimate(CARDS[model], Settings(prompt="x", size=Size(2048, 2048)))
    assert (Decimal(price) if price else None) == guess.expected


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.name)
def test_ids_are_known_by_both_addresses(card: ModelCard) -> None:
    """Whoever writes the id of one address is understood at the other."""
    assert WILDCARD == card.id or f"doubao-{card.id}" in card.names


@given(replies([MADE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
