"""Leonardo: uploads, jobs, and errors that only words tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    Charge,
    Fault,
    Flow,
    Generated,
    HttpResponse,
    InputImage,
    RawImage,
    Size,
    Task,
)
from routercore.testing.flows import Played, play
from routercore.testing.strategies import replies
from routercore_leonardo import Leonardo

PROVIDER = Leonardo()
BY_NAME = {card.name: card for card in PROVIDER.catalogue()}
API = "https://cloud.leonardo.ai/api/rest/v1"
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
PLACE = {
    "uploadInitImage": {
        "id": "i1",
        "url": "https://image-server.s3-accelerate.example/",
        "fields": json.dumps({"key": "users/1/i1.png", "Policy": "abc"}),
    }
}
SUBMITTED = {"sdGenerationJob": {"generationId": "c8ef", "apiCreditCost": 14}}
PENDING = {"generations_by_pk": {"status": "PENDING", "generated_images": []}}
DONE = {
    "generations_by_pk": {
        "status": "COMPLETE",
        "generated_images": [{"id": "e1", "url": "https://cdn.leonardo.ai/a.jpg", "nsfw": False}],
    }
}


def task(model: str = "lucid-origin", **settings: Any) -> Task:
    return Task(card=BY_NAME[model], **{"prompt": "an oak clock", "base_url": API, **settings})


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


def run(*bodies: Any, flow: Flow[Generated] | None = None) -> Played[Generated]:
    return play(PROVIDER, flow or PROVIDER.generate(task()), [answer(body) for body in bodies])


def test_a_generation_is_polled_until_it_is_complete() -> None:
    """The job is asked after by its id, and its pictures are read."""
    played = run(SUBMITTED, PENDING, DONE)
    assert [f"{API}/generations/c8ef"] * 2 == [request.url for request in played.requests[1:]]
    assert (RawImage(url="https://cdn.leonardo.ai/a.jpg"),) == played.result.images


def test_settings_are_sent() -> None:
    """Pixels, number, seed and the model's UUID have fields of their own."""
    options = {"alchemy": True}
    sent = PROVIDER.build(task(size=Size(1024, 768), n=2, seed=4, options=options)).json
    assert {
        "prompt": "an oak clock",
        "modelId": "7b592283-e8a7-4c5a-9ba6-d18c31f258b9",
        "width": 1024,
        "height": 768,
        "num_images": 2,
        "seed": 4,
        "alchemy": True,
    } == sent


def test_a_picture_is_uploaded_first() -> None:
    """The form is sent as it was signed, the file behind its fields, and nobody bills for it."""
    flow = PROVIDER.generate(task("sdxl-1.0", images=(PICTURE,)))
    played = run(PLACE, {}, SUBMITTED, DONE, flow=flow)
    place, upload, submit = played.requests[:3]
    assert {"extension": "png"} == place.json
    assert "https://image-server.s3-accelerate.example/" == upload.url
    assert upload.form is not None
    assert ["key", "Policy", "file"] == [part.name for part in upload.form]
    assert PICTURE.data == upload.form[-1].data
    assert "i1" == submit.json["init_image_id"]
    assert [False, False, True] == [request.is_billable for request in played.requests[:3]]


@pytest.mark.parametrize("place", [{}, {"uploadInitImage": {"id": "i1"}}])
def test_an_upload_without_a_place_ends_before_the_work(place: Any) -> None:
    """Where there is nowhere to upload to, nothing is submitted, and nothing is charged."""
    played = run(place, flow=PROVIDER.generate(task("sdxl-1.0", images=(PICTURE,))))
    assert played.failed is not None
    assert Charge.NONE is played.failed.failure.charge
    assert 1 == len(played.requests)


def test_a_bucket_that_refuses_says_nothing_about_the_key() -> None:
    """A 403 of the bucket is not one of the API, and ends before the work."""
    replies = [answer(PLACE), answer({}, 403), answer(SUBMITTED)]
    played = play(PROVIDER, PROVIDER.generate(task("sdxl-1.0", images=(PICTURE,))), replies)
    assert played.failed is not None
    failure = played.failed.failure
    assert (Fault.SERVER_ERROR, Charge.NONE, 403) == (failure.fault, failure.charge, failure.status)
    assert 2 == len(played.requests)


@pytest.mark.parametrize(
    ("last", "fault"),
    [
        ({"status": "FAILED"}, Fault.JOB_FAILED),
        ({"status": "COMPLETE", "generated_images": []}, Fault.NO_IMAGE),
        ({"status": "COMPLETE", "generated_images": [{"nsfw": True}]}, Fault.REFUSED_RESULT),
    ],
)
def test_the_end_of_a_generation(last: Any, fault: Fault) -> None:
    """Each way of ending without a picture has its class."""
    played = run(SUBMITTED, PENDING, {"generations_by_pk": last})
    assert played.failed is not None
    assert fault is played.failed.failure.fault


@pytest.mark.parametrize(
    ("status", "error", "code", "fault"),
    [
        (400, "Authentication hook unauthorized this request", "access-denied",
         Fault.UNAUTHENTICATED),
        (500, "Invalid response from authorization hook", "unexpected", Fault.UNAUTHENTICATED),
        (400, "Content moderated", "unexpected", Fault.REFUSED),
        (400, "not enough api tokens", "unexpected", Fault.QUOTA),
        (400, "width out of range", "validation-failed", Fault.INVALID_REQUEST),
        (429, "too many", "limit", Fault.RATE_LIMITED),
    ],
)  # fmt: skip
def test_errors(status: int, error: str, code: str, fault: Fault) -> None:
    """The vendor's code and words decide where its statuses are ambiguous."""
    failure = PROVIDER.classify(answer({"error": error, "path": "$", "code": code}, status))
    assert (fault, code, error) == (failure.fault, failure.code, failure.message)


@given(replies([SUBMITTED, PENDING, DONE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure, and submits once."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
    assert 1 == sum(request.method == "POST" for request in played.requests)


@given(replies([PLACE, {}, SUBMITTED, PENDING, DONE]))
def test_any_answer_to_an_edit_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes of the upload, at most one request that is billed is sent."""
    flow = PROVIDER.generate(task("sdxl-1.0", images=(PICTURE,)))
    played = play(PROVIDER, flow, script)
    assert (played.value is None) != (played.failed is None)
    assert 1 >= sum(request.is_billable for request in played.requests)
