"""fal: its queue, its flags, its errors, its table of models."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    WILDCARD,
    Accepted,
    Charge,
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
from routercore_fal import Fal
from routercore_fal.endpoints import ENDPOINTS

PROVIDER = Fal()
CARDS = {card.id: card for card in PROVIDER.catalogue()}
BY_NAME = {card.name: card for card in PROVIDER.catalogue()}
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
HOME = "https://queue.fal.run/fal-ai/flux/requests/9f"
SUBMITTED = {
    "request_id": "9f",
    "status_url": f"{HOME}/status",
    "response_url": HOME,
    "cancel_url": f"{HOME}/cancel",
}
QUEUED = {"status": "IN_QUEUE", "queue_position": 2, "request_id": "9f"}
DONE = {"status": "COMPLETED", "metrics": {"inference_time": 1.9}}
RESULT = {
    "images": [
        {"url": "https://v3.fal.media/files/x/a.png", "width": 1024, "height": 768},
        {"url": "https://v3.fal.media/files/x/b.png", "width": 1024, "height": 768},
    ],
    "seed": 11,
    "has_nsfw_concepts": [False, False],
}


def task(model: str = "flux-dev", **settings: Any) -> Task:
    plain = {"prompt": "a lighthouse", "base_url": "https://queue.fal.run", **settings}
    return Task(card=BY_NAME[model], **plain)


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status=status, headers=named, body=json.dumps(body).encode())


def run(*answers: Any, flow: Flow[Generated] | None = None) -> Played[Generated]:
    script = [one if isinstance(one, HttpResponse) else answer(one) for one in answers]
    return play(PROVIDER, flow or PROVIDER.generate(task()), script)


def test_the_returned_urls_are_used() -> None:
    """Status and result are asked for where the submit said, without the sub-path of the id."""
    played = run(SUBMITTED, QUEUED, DONE, RESULT)
    urls = ["https://queue.fal.run/fal-ai/flux/dev", f"{HOME}/status", f"{HOME}/status", HOME]
    assert urls == [request.url for request in played.requests]
    assert (11, 2) == (played.result.images[0].seed, len(played.result.images))


def test_missing_urls_follow_from_the_model() -> None:
    """A submit that tells only an id leads to the same URLs, at the base URL of the task."""
    flow = PROVIDER.generate(task(base_url="http://127.0.0.1:9"))
    notice = run({"request_id": "9f"}, flow=flow).notices[0]
    home = "http://127.0.0.1:9/fal-ai/flux/requests/9f"
    urls = {"poll": f"{home}/status", "result": home, "cancel": f"{home}/cancel"}
    assert Accepted({"id": "9f", **urls}) == notice


def test_a_job_is_called_off() -> None:
    """A cancel is a PUT that nobody bills for, and a job that is already over is no failure."""
    notice = run(SUBMITTED).notices[0]
    assert isinstance(notice, Accepted)
    played = play(PROVIDER, PROVIDER.cancel(notice.handle), [answer({}, 400)])
    assert [("PUT", f"{HOME}/cancel")] == [(r.method, r.url) for r in played.requests]
    assert not played.requests[0].is_billable
    assert played.failed is None


def test_a_flagged_picture_is_left_out() -> None:
    """Of two pictures the one that was blacked out is not delivered."""
    played = run(SUBMITTED, DONE, {**RESULT, "has_nsfw_concepts": [True, False]})
    assert (RawImage(url="https://v3.fal.media/files/x/b.png", seed=11),) == played.result.images


@pytest.mark.parametrize(
    "flags", [{"has_nsfw_concepts": [True, True]}, {"nsfw_content_detected": True}]
)
def test_nothing_but_flagged_pictures_is_a_refusal(flags: dict[str, Any]) -> None:
    """Where every picture was blacked out the result was refused, after the work."""
    played = run(SUBMITTED, DONE, {"images": RESULT["images"], **flags})
    assert played.failed is not None
    assert Fault.REFUSED_RESULT is played.failed.failure.fault


def test_a_single_image_is_read() -> None:
    """Endpoints that give one ``image`` are read like the others; data URLs stay what they are."""
    played = run(SUBMITTED, DONE, {"image": {"url": "data:image/png;base64,iVBO"}})
    assert (RawImage(url="data:image/png;base64,iVBO"),) == played.result.images


def problem(kind: str) -> dict[str, Any]:
    return {"detail": [{"loc": ["body", "prompt"], "msg": "no", "type": kind}]}


@pytest.mark.parametrize(
    ("reply", "fault", "charge"),
    [
        (answer(problem("content_policy_violation"), 422), Fault.REFUSED, Charge.UNKNOWN),
        (answer(problem("image_too_small"), 422), Fault.INVALID_REQUEST, Charge.UNKNOWN),
        (answer(problem("feature_not_supported"), 422), Fault.UNSUPPORTED, Charge.UNKNOWN),
        (answer(problem("no_media_generated"), 422), Fault.NO_IMAGE, Charge.UNKNOWN),
        (answer(problem("internal_server_error"), 500), Fault.JOB_FAILED, Charge.NONE),
        (answer(problem("generation_timeout"), 504), Fault.JOB_FAILED, Charge.NONE),
        (answer({"detail": "x", "error_type": "startup_timeout"}, 504), Fault.JOB_FAILED,
         Charge.NONE),
        (answer({}, 503, x_fal_error_type="runner_disconnected"), Fault.JOB_FAILED, Charge.NONE),
    ],
)  # fmt: skip
def test_a_failed_job_says_so_when_collected(
    reply: HttpResponse, fault: Fault, charge: Charge
) -> None:
    """COMPLETED is not success: the collected answer is the job's failure, at once."""
    played = run(SUBMITTED, {**DONE, "error": "x"}, reply)
    assert played.failed is not None
    assert (fault, charge) == (played.failed.failure.fault, played.failed.failure.charge)


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (answer({"detail": "Unauthorized"}, 401), Fault.UNAUTHENTICATED),
        (answer({"detail": "Exhausted balance. Top up"}, 403), Fault.QUOTA),
        (answer({"detail": "Forbidden"}, 403), Fault.FORBIDDEN),
        (answer({"detail": "Too many"}, 429), Fault.RATE_LIMITED),
        (answer({"message": "not found"}, 404), Fault.MODEL_NOT_FOUND),
        (answer({"error": {"message": "bad", "code": "x"}}, 500), Fault.SERVER_ERROR),
    ],
)
def test_errors(reply: HttpResponse, fault: Fault) -> None:
    """Errors of the queue itself are told by their status."""
    assert fault is PROVIDER.classify(reply).fault


def sent(model: str, **settings: Any) -> tuple[str, dict[str, Any]]:
    request = PROVIDER.build(task(model, **settings))
    return request.url.removeprefix("https://queue.fal.run/"), request.json


def test_size_and_quality_have_the_fields_of_their_endpoint() -> None:
    """Pixels as an object or as text, ratio and tier, quality or speed: as each endpoint wants."""
    path, body = sent("gpt-image-2", size=Size(1536, 1024), quality="low", n=2)
    assert "openai/gpt-image-2" == path
    assert {
        "prompt": "a lighthouse",
        "image_size": {"width": 1536, "height": 1024},
        "quality": "low",
        "num_images": 2,
    } == body
    assert "1536x1024" == sent("gpt-image-1.5", size=Size(1536, 1024))[1]["image_size"]
    _, body = sent("gemini-3-pro-image", aspect_ratio="16:9", resolution="2K")
    assert ("16:9", "2K") == (body["aspect_ratio"], body["resolution"])
    assert "TURBO" == sent("ideogram-v3", quality="TURBO")[1]["rendering_speed"]
    assert "num_images" not in sent("flux-2-pro")[1]


def test_edits_go_to_their_own_endpoint() -> None:
    """An edit has its path, its field for images and its field for the mask."""
    path, body = sent("gpt-image-2", images=(PICTURE, PICTURE), mask=PICTURE)
    assert "openai/gpt-image-2/edit" == path
    assert [PICTURE.data_url] * 2 == body["image_urls"]
    assert PICTURE.data_url == body["mask_url"]
    path, body = sent("flux-kontext-pro", images=(PICTURE,))
    assert ("fal-ai/flux-pro/kontext", PICTURE.data_url) == (path, body["image_url"])
    assert "fal-ai/flux-pro/kontext/text-to-image" == sent("flux-kontext-pro")[0]


def test_any_endpoint_can_be_had_by_its_id() -> None:
    """What no row names is called by its id, with the fields that most endpoints share."""
    card = CARDS[WILDCARD].named("fal-ai/z-image/turbo")
    request = PROVIDER.build(
        Task(card=card, prompt="x", base_url="http://h", size=Size(640, 480), options={"steps": 8})
    )
    assert "http://h/fal-ai/z-image/turbo" == request.url
    size = {"width": 640, "height": 480}
    assert {"prompt": "x", "image_size": size, "steps": 8} == request.json


@pytest.mark.parametrize(
    ("model", "settings", "price"),
    [
        ("gpt-image-2", {"size": Size(1024, 1024), "quality": "medium"}, "0.053"),
        ("gpt-image-2", {"size": Size(1024, 1024), "quality": "high",
                         "images": (PICTURE,)}, "0.219"),
        ("gpt-image-2", {"size": Size(1024, 1024)}, "0.211"),
        ("gpt-image-2.5-flare", {"size": Size(3840, 2160), "quality": "max"}, "0.40026"),
        ("flux-dev", {"size": Size(1024, 1024)}, "0.025"),
        ("flux-schnell", {"size": Size(1536, 1024), "n": 2}, "0.012"),
        ("gemini-3.1-flash-image", {"aspect_ratio": "1:1", "resolution": "4K"}, "0.16"),
        ("gemini-3-pro-image", {}, "0.15"),
        ("flux-2-pro", {"size": Size(1024, 1024)}, None),
    ],
)  # fmt: skip
def test_prices(model: str, settings: dict[str, Any], price: str | None) -> None:
    """A request costs what fal lists for its size, quality and operation; unknown is unknown."""
    expected = estimate(BY_NAME[model], Settings(prompt="x", **settings)).expected
    assert (Decimal(price) if price else None) == expected


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.id)
def test_cards_are_consistent(card: ModelCard) -> None:
    """Whoever edits takes images, one where the field takes one; no price is without a source."""
    edits = card.operations - {Operation.GENERATE}
    assert bool(edits) == bool(card.max_images)
    assert (Operation.INPAINT in card.operations) == (card.mask is not None)
    assert bool(card.prices) == bool(card.price_source)
    assert bool(card.prices) != ("prices" in card.unverified)
    if edits and card.id in ENDPOINTS and ENDPOINTS[card.id].images == "image_url":
        assert 1 == card.max_images


def test_rows_and_cards_belong_together() -> None:
    """No row without a card, and no public name twice."""
    assert not ENDPOINTS.keys() - CARDS.keys()
    assert len(CARDS) == len(BY_NAME)


@given(replies([SUBMITTED, QUEUED, DONE, RESULT]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure, and submits once."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
    assert 1 == sum(request.method == "POST" for request in played.requests)
