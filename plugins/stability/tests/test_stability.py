"""Stability: forms, both forms of answer, both forms of refusal, the slow jobs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    Accepted,
    Charge,
    Fault,
    HttpRequest,
    HttpResponse,
    InputImage,
    ModelCard,
    Operation,
    RawImage,
    Task,
)
from routercore.testing.flows import Played, play
from routercore.testing.strategies import replies
from routercore.values.check import Fit, check
from routercore.values.images import ImageRequest, Settings
from routercore.values.money import estimate
from routercore_stability import Stability
from routercore_stability.endpoints import ENDPOINTS

PROVIDER = Stability()
CARDS = {card.id: card for card in PROVIDER.catalogue()}
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
MASK = InputImage.of(b"\x89PNG\r\n\x1a\n mask")
DONE = {"image": "iVBORw0KGgo=", "finish_reason": "SUCCESS", "seed": 99}


def task(model: str = "sd3.5-medium", **settings: Any) -> Task:
    plain = {"prompt": "a clay fox", "base_url": "https://api.stability.ai", **settings}
    return Task(card=CARDS[model], **plain)


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status=status, headers=named, body=data)


def run(of: Task, *answers: HttpResponse) -> Played[Any]:
    return play(PROVIDER, PROVIDER.generate(of), answers)


def form(request: HttpRequest) -> dict[str, Any]:
    assert request.form is not None
    return {part.name: part.data for part in request.form}


def test_a_request_is_always_a_form() -> None:
    """Also without a file the request is multipart, and asks for JSON."""
    request = PROVIDER.build(task(aspect_ratio="3:2", seed=99, output_format="webp"))
    assert "https://api.stability.ai/v2beta/stable-image/generate/sd3" == request.url
    assert "application/json" == request.headers["accept"]
    assert {
        "prompt": "a clay fox",
        "model": "sd3.5-medium",
        "mode": "text-to-image",
        "aspect_ratio": "3:2",
        "seed": "99",
        "output_format": "webp",
    } == form(request)


def test_an_edit_by_a_generator_has_a_strength() -> None:
    """The vendor insists on a strength; a request's own goes first."""
    sent = form(PROVIDER.build(task(images=(PICTURE,))))
    assert ("image-to-image", "0.7") == (sent["mode"], sent["strength"])
    sent = form(PROVIDER.build(task("ultra", images=(PICTURE,), options={"strength": 0.2})))
    assert ("0.2", PICTURE.data) == (sent["strength"], sent["image"])
    assert "mode" not in sent


def test_a_ratio_beside_an_input_image_is_not_dropped_silently() -> None:
    """SD 3.5 keeps the shape of its input, so that another is left out with a warning."""
    [card] = [card for card in PROVIDER.catalogue() if card.id == "sd3.5-large"]
    request = ImageRequest(prompt="a fox", model=card.id, images=(PICTURE,), aspect_ratio="16:9")
    fit = check(card, request, date(2026, 11, 21))
    assert isinstance(fit, Fit)
    assert (None, ["aspect_ratio"]) == (
        fit.request.aspect_ratio,
        [warning.param for warning in fit.warnings],
    )
    plain = check(card, replace(request, images=()), date(2026, 11, 21))
    assert isinstance(plain, Fit)
    assert ("16:9", ()) == (plain.request.aspect_ratio, plain.warnings)


def test_mask_and_image_are_files() -> None:
    """An inpainting sends both pictures as files."""
    request = PROVIDER.build(task("inpaint", images=(PICTURE,), mask=MASK, style="anime"))
    sent = form(request)
    assert (PICTURE.data, MASK.data) == (sent["image"], sent["mask"])
    assert "anime" == sent["style_preset"]
    assert {"image", "mask"} == {part.name for part in request.form or () if part.filename}


@pytest.mark.parametrize("model", ["erase", "remove-background", "upscale-fast"])
def test_wordless_endpoints_get_no_prompt(model: str) -> None:
    """Where the endpoint takes no words, none are sent."""
    assert {"image"} == form(PROVIDER.build(task(model, images=(PICTURE,)))).keys()


@pytest.mark.parametrize(
    ("model", "option"),
    [("search-and-replace", "search_prompt"), ("search-and-recolor", "select_prompt")],
)
def test_a_missing_option_is_named_before_anything_is_sent(model: str, option: str) -> None:
    """What the vendor would refuse is said at once, by the option's name."""
    played = run(task(model, images=(PICTURE,)))
    assert played.failed is not None
    assert (Fault.INVALID_REQUEST, option) == (
        played.failed.failure.fault,
        played.failed.failure.param,
    )
    assert [] == played.requests
    sent = form(PROVIDER.build(task(model, images=(PICTURE,), options={option: "hat"})))
    assert "hat" == sent[option]


def test_json_is_read() -> None:
    """Base64 stays base64, with the seed."""
    assert (RawImage(base64="iVBORw0KGgo=", seed=99),) == run(task(), answer(DONE)).result.images


def test_bytes_are_read() -> None:
    """A body that is the picture is taken as it is, with the seed of the header."""
    reply = answer(b"picture", content_type="image/png", finish_reason="SUCCESS", seed="7")
    assert (RawImage(data=b"picture", seed=7),) == run(task(), reply).result.images


@pytest.mark.parametrize(
    "reply",
    [
        answer({**DONE, "finish_reason": "CONTENT_FILTERED"}),
        answer(b"blurred", content_type="image/png", finish_reason="CONTENT_FILTERED"),
    ],
)
def test_a_filtered_result_is_a_refusal_after_work(reply: HttpResponse) -> None:
    """The blurred picture is never delivered, and what it cost is unknown."""
    failed = run(task(), reply).failed
    assert failed is not None
    assert (Fault.REFUSED_RESULT, Charge.UNKNOWN) == (failed.failure.fault, failed.failure.charge)


@pytest.mark.parametrize(
    ("status", "name", "fault", "charge"),
    [
        (403, "content_moderation", Fault.REFUSED, Charge.NONE),
        (403, "forbidden", Fault.FORBIDDEN, None),
        (401, "unauthorized", Fault.UNAUTHENTICATED, None),
        (402, "payment_required", Fault.QUOTA, None),
        (400, "bad_request", Fault.INVALID_REQUEST, None),
        (413, "payload_too_large", Fault.UNSUPPORTED, None),
        (429, "rate_limit_exceeded", Fault.RATE_LIMITED, None),
        (500, "internal_error", Fault.SERVER_ERROR, None),
    ],
)
def test_errors(status: int, name: str, fault: Fault, charge: Charge | None) -> None:
    """The vendor's name and words are kept, and a flagged request is known to be free."""
    failure = PROVIDER.classify(answer({"id": "a", "name": name, "errors": ["one", 2]}, status))
    expected = (fault, charge, name, "one; 2")
    assert expected == (failure.fault, failure.charge, failure.code, failure.message)


def test_too_many_requests_block_for_a_minute() -> None:
    """Without a Retry-After a key is left alone for the minute that the vendor blocks it."""
    assert 60.0 == PROVIDER.classify(answer({}, 429)).retry_after
    assert 5.0 == PROVIDER.classify(answer({}, 429, retry_after="5")).retry_after


@pytest.mark.parametrize(
    ("last", "image"),
    [
        (answer({"result": "iVBO", "finish_reason": "SUCCESS"}), RawImage(base64="iVBO")),
        (answer({"image": "iVBO"}), RawImage(base64="iVBO")),
        (answer(b"picture", content_type="image/webp"), RawImage(data=b"picture")),
    ],
)
def test_slow_endpoints_are_jobs(last: HttpResponse, image: RawImage) -> None:
    """A job is polled every ten seconds until its picture comes, in whatever form."""
    waiting = answer({"id": "ab", "status": "in-progress"}, 202)
    of = task("upscale-creative", images=(PICTURE,))
    played = run(of, answer({"id": "ab"}), waiting, waiting, last)
    assert (image,) == played.result.images
    assert [10.0, 10.0, 10.0] == played.waits
    assert "https://api.stability.ai/v2beta/results/ab" == played.requests[-1].url
    assert Accepted({"id": "ab", "poll": played.requests[-1].url}) == played.notices[0]


def test_a_filtered_job_is_a_refusal() -> None:
    """A finished job says in its answer that the result was filtered."""
    of = task("replace-background-and-relight", images=(PICTURE,))
    played = run(of, answer({"id": "ab"}), answer({**DONE, "finish_reason": "CONTENT_FILTERED"}))
    assert played.failed is not None
    assert Fault.REFUSED_RESULT is played.failed.failure.fault
    assert "a clay fox" == form(played.requests[0])["background_prompt"]


@pytest.mark.parametrize(
    ("model", "price"),
    [("ultra", "0.08"), ("core", "0.03"), ("sd3.5-large", "0.065"), ("inpaint", "0.05"),
     ("upscale-creative", "0.60"), ("outpaint", "0.04")],
)  # fmt: skip
def test_prices(model: str, price: str) -> None:
    """A picture costs what the vendor lists, ten times what a widely copied list says."""
    assert Decimal(price) == estimate(CARDS[model], Settings(prompt="x")).expected


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.id)
def test_cards_are_consistent(card: ModelCard) -> None:
    """Every card has its endpoint, and takes no more images than the endpoint has fields."""
    edits = card.operations - {Operation.GENERATE}
    assert bool(edits) == bool(card.max_images)
    assert card.max_images <= len(ENDPOINTS[card.id].images)
    assert (Operation.INPAINT in card.operations) == (card.mask is not None)
    assert card.price_source
    assert card.price_date
    assert CARDS.keys() == ENDPOINTS.keys()


@given(replies([DONE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)


@given(replies([{"id": "ab"}, {"id": "ab", "status": "in-progress"}, DONE]))
def test_any_answer_of_a_job_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a job ends in images or in a failure, and is submitted once."""
    of = task("upscale-creative", images=(PICTURE,))
    played = play(PROVIDER, PROVIDER.generate(of), script)
    assert (played.value is None) != (played.failed is None)
    assert 1 == sum(request.method == "POST" for request in played.requests)
