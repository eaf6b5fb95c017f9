"""Black Forest Labs: its jobs, its two refusals, its prices."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    Accepted,
    Fault,
    Flow,
    Generated,
    HttpResponse,
    InputImage,
    ModelCard,
    Operation,
    RawImage,
    Size,
    Task,
)
from routercore.testing.flows import Played, play
from routercore.testing.strategies import replies
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_black_forest_labs import BlackForestLabs

PROVIDER = BlackForestLabs()
CARDS = {card.id: card for card in PROVIDER.catalogue()}
POLL = "https://api.us2.bfl.ai/v1/get_result?id=6b1f"
SUBMITTED = {"id": "6b1f", "polling_url": POLL, "cost": 3.0, "input_mp": 0.0, "output_mp": 1.03}
PENDING = {"id": "6b1f", "status": "Pending", "result": None, "progress": 0.4}
READY = {
    "id": "6b1f",
    "status": "Ready",
    "result": {"sample": "https://delivery-us1.bfl.ai/x.png?se=1", "seed": 5, "duration": 6.2},
}
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")


def task(model: str = "flux-2-pro", **settings: Any) -> Task:
    plain = {"prompt": "a brass telescope", "base_url": "https://api.bfl.ai/v1", **settings}
    return Task(card=CARDS[model], **plain)


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


def run(*bodies: Any, flow: Flow[Generated] | None = None) -> Played[Generated]:
    return play(PROVIDER, flow or PROVIDER.generate(task()), [answer(body) for body in bodies])


def body(of: Task) -> dict[str, Any]:
    sent: dict[str, Any] = PROVIDER.build(of).json
    return sent


def test_the_returned_url_is_polled() -> None:
    """A job is asked after where the submit said, not at the host that took it."""
    played = run(SUBMITTED, PENDING, READY)
    assert [POLL, POLL] == [request.url for request in played.requests[1:]]


def test_everything_goes_to_another_base_url() -> None:
    """The submit, and the poll where the vendor names no URL for it, go to the base URL."""
    flow = PROVIDER.generate(task(base_url="http://127.0.0.1:9"))
    played = run({"id": "6b1f"}, READY, flow=flow)
    urls = ["http://127.0.0.1:9/flux-2-pro", "http://127.0.0.1:9/get_result?id=6b1f"]
    assert urls == [request.url for request in played.requests]


def test_the_handle_carries_the_cost_to_another_process() -> None:
    """A job resumed from its handle alone gives the picture, its lifetime and its cost."""
    notice = run(SUBMITTED).notices[0]
    assert isinstance(notice, Accepted)
    handle = json.loads(json.dumps(notice.handle))
    result = run(READY, flow=PROVIDER.resume(task(), handle)).result
    sample = "https://delivery-us1.bfl.ai/x.png?se=1"
    assert (RawImage(url=sample, expires_in=600.0, seed=5),) == result.images
    assert Decimal("0.030") == result.cost_usd


@pytest.mark.parametrize("cost", [None, "x", True, [], float("nan"), float("inf")])
def test_an_absurd_cost_is_unknown(cost: Any) -> None:
    """A cost that is no number is not a cost, and costs no picture."""
    assert run({**SUBMITTED, "cost": cost}, READY).result.cost_usd is None


@pytest.mark.parametrize(
    ("last", "fault"),
    [
        ({"status": "Request Moderated"}, Fault.REFUSED),
        ({"status": "Content Moderated"}, Fault.REFUSED_RESULT),
        ({"state": "Content Moderated"}, Fault.REFUSED_RESULT),
        ({"status": "Error"}, Fault.JOB_FAILED),
        ({"status": "Failed"}, Fault.JOB_FAILED),
        ({"status": "Ready", "result": None}, Fault.NO_IMAGE),
    ],
)
def test_the_end_of_a_job(last: Any, fault: Fault) -> None:
    """Each final state is a failure of its own class, at once."""
    played = run(SUBMITTED, PENDING, {"status": "Reasoning"}, last)
    assert played.failed is not None
    assert fault is played.failed.failure.fault


def test_moderation_reasons_are_categories() -> None:
    """The reasons of a refusal reach the caller."""
    details = {"Moderation Reasons": ["violence", 3, None]}
    played = run(SUBMITTED, {"status": "Request Moderated", "details": details})
    assert played.failed is not None
    assert ("violence",) == played.failed.failure.categories


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (403, {"detail": "Not authenticated"}, Fault.UNAUTHENTICATED),
        (403, {"detail": "not for you"}, Fault.FORBIDDEN),
        (402, {"detail": "Insufficient credits"}, Fault.QUOTA),
        (429, {"detail": "too many tasks"}, Fault.RATE_LIMITED),
        (422, {"detail": [{"loc": ["body", "steps"], "msg": "too many"}]}, Fault.INVALID_REQUEST),
        (404, {"detail": "Not Found"}, Fault.MODEL_NOT_FOUND),
    ],
)
def test_errors(status: int, body: Any, fault: Fault) -> None:
    """An error of the submit is of the class that policy needs."""
    assert fault is PROVIDER.classify(answer(body, status)).fault


def test_a_validation_error_names_the_field() -> None:
    """FastAPI's list of problems is put in words, with the field."""
    problems = {"detail": [{"loc": ["body", "steps"], "msg": "too many", "type": "x"}]}
    failure = PROVIDER.classify(answer(problems, 422))
    assert ("steps: too many", "steps") == (failure.message, failure.param)


def test_input_images_are_numbered_or_single() -> None:
    """FLUX.2 and Kontext number their images; fill and expand have one, under another name."""
    many = body(task(images=(PICTURE, PICTURE, PICTURE)))
    assert ["input_image", "input_image_2", "input_image_3"] == [k for k in many if "image" in k]
    fill = body(task("flux-pro-1.0-fill", images=(PICTURE,), mask=PICTURE))
    assert {"prompt", "image", "mask"} == fill.keys()
    assert PICTURE.base64 == fill["image"]


def test_settings_are_sent_and_options_passed_on() -> None:
    """Pixels, seed and format have fields of their own; options go through as they are."""
    options = {"safety_tolerance": 4, "prompt_upsampling": False}
    sent = body(task(size=Size(1344, 768), seed=0, output_format="png", options=options))
    assert {
        "prompt": "a brass telescope",
        "width": 1344,
        "height": 768,
        "seed": 0,
        "output_format": "png",
        **options,
    } == sent
    ultra = body(task("flux-pro-1.1-ultra", aspect_ratio="3:2", options={"raw": True}))
    assert {"prompt": "a brass telescope", "aspect_ratio": "3:2", "raw": True} == ultra


@pytest.mark.parametrize(
    ("model", "size", "images", "price"),
    [
        ("flux-2-pro", Size(1024, 1024), 0, "0.03"),
        ("flux-2-pro", Size(1024, 1024), 1, "0.045"),
        ("flux-2-max", Size(2048, 2048), 0, "0.16"),
        ("flux-2-flex", Size(1024, 1024), 1, "0.10"),
        ("flux-2-klein-4b", Size(1024, 1024), 0, "0.014"),
        ("flux-pro-1.1-ultra", None, 0, "0.06"),
        ("flux-kontext-max", None, 1, "0.08"),
    ],
)
def test_prices(model: str, size: Size | None, images: int, price: str) -> None:
    """The first megapixel, the further ones and the input add up as the vendor lists them."""
    settings = Settings(prompt="x", size=size, images=(PICTURE,) * images)
    assert Decimal(price) == estimate(CARDS[model], settings).expected


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.id)
def test_cards_are_consistent(card: ModelCard) -> None:
    """Whoever edits takes images, whoever inpaints has a polarity, every price has its source."""
    edits = card.operations - {Operation.GENERATE}
    assert bool(edits) == bool(card.max_images)
    assert (Operation.INPAINT in card.operations) == (card.mask is not None)
    assert card.prices
    assert card.price_source
    assert card.price_date


@given(replies([SUBMITTED, PENDING, READY]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever JSON comes, a flow ends in images or in a failure, and submits once."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
    assert 1 == sum(request.method == "POST" for request in played.requests)
