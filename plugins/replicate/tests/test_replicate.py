"""Replicate: predictions, uploads, cancels, and refusals that only words tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
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
from routercore_replicate import Replicate
from routercore_replicate.inputs import INPUTS

PROVIDER = Replicate()
CARDS = {card.id: card for card in PROVIDER.catalogue()}
BY_NAME = {card.name: card for card in PROVIDER.catalogue()}
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
LARGE = InputImage.of(b"\x89PNG\r\n\x1a\n" + bytes(300_000))
HOME = "https://api.replicate.com/v1/predictions/p7k"
SUBMITTED = {"id": "p7k", "status": "starting", "urls": {"get": HOME, "cancel": f"{HOME}/cancel"}}
RUNNING = {"id": "p7k", "status": "processing"}
DONE = {"id": "p7k", "status": "succeeded", "output": ["https://replicate.delivery/x/out-0.png"]}


def task(model: str = "flux-schnell", **settings: Any) -> Task:
    plain = {"prompt": "a moss garden", "base_url": "https://api.replicate.com/v1", **settings}
    return Task(card=BY_NAME[model], **plain)


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


def run(*bodies: Any, flow: Flow[Generated] | None = None) -> Played[Generated]:
    return play(PROVIDER, flow or PROVIDER.generate(task()), [answer(body) for body in bodies])


def sent(model: str, **settings: Any) -> dict[str, Any]:
    inputs: dict[str, Any] = PROVIDER.build(task(model, **settings)).json["input"]
    return inputs


def test_a_prediction_is_polled_at_its_url() -> None:
    """The prediction's own URLs are used; its outputs live an hour."""
    played = run(SUBMITTED, RUNNING, DONE)
    assert [HOME, HOME] == [request.url for request in played.requests[1:]]
    url = "https://replicate.delivery/x/out-0.png"
    assert (RawImage(url=url, expires_in=3600.0),) == played.result.images


def test_missing_urls_follow_from_the_id() -> None:
    """An answer with an id alone leads to the base URL of the task."""
    flow = PROVIDER.generate(task(base_url="http://127.0.0.1:9"))
    home = "http://127.0.0.1:9/predictions/p7k"
    notice = run({"id": "p7k"}, flow=flow).notices[0]
    assert Accepted({"id": "p7k", "poll": home, "cancel": f"{home}/cancel"}) == notice


def test_a_prediction_is_called_off() -> None:
    """A cancel is a POST that is not billed; one that comes too late is no failure."""
    notice = run(SUBMITTED).notices[0]
    assert isinstance(notice, Accepted)
    played = play(PROVIDER, PROVIDER.cancel(notice.handle), [answer({}, 404)])
    assert [("POST", f"{HOME}/cancel", False)] == [
        (request.method, request.url, request.is_billable) for request in played.requests
    ]
    assert played.failed is None


def test_large_inputs_are_uploaded_first() -> None:
    """A small picture goes along, a large one by the URL of its upload, which is not billed."""
    flow = PROVIDER.generate(task("flux-2-pro", images=(PICTURE, LARGE)))
    file = {"id": "f", "urls": {"get": "https://api.replicate.com/v1/files/f"}}
    played = run(file, SUBMITTED, DONE, flow=flow)
    upload, submit = played.requests[:2]
    assert ("https://api.replicate.com/v1/files", False) == (upload.url, upload.is_billable)
    images = [PICTURE.data_url, "https://api.replicate.com/v1/files/f"]
    assert images == submit.json["input"]["input_images"]


def test_an_upload_without_a_url_ends_before_the_work() -> None:
    """Where the upload leads nowhere nothing is submitted, and nothing is charged."""
    played = run({}, flow=PROVIDER.generate(task("flux-dev", images=(LARGE,))))
    assert played.failed is not None
    assert Charge.NONE is played.failed.failure.charge
    assert 1 == len(played.requests)


@pytest.mark.parametrize(
    ("last", "fault", "code"),
    [
        ({"status": "failed", "error": "NSFW content detected."}, Fault.REFUSED_RESULT, None),
        ({"status": "failed", "error": "flagged as sensitive (E005)"}, Fault.REFUSED_RESULT,
         "E005"),
        ({"status": "failed", "error": "E1001: out of memory"}, Fault.JOB_FAILED, "E1001"),
        ({"status": "failed", "error": None}, Fault.JOB_FAILED, None),
        ({"status": "canceled"}, Fault.JOB_FAILED, None),
        ({"status": "aborted"}, Fault.JOB_FAILED, None),
    ],
)  # fmt: skip
def test_the_end_of_a_prediction(last: Any, fault: Fault, code: str | None) -> None:
    """A prediction that ended badly fails at once, and what it cost is unknown."""
    played = run(SUBMITTED, RUNNING, last)
    assert played.failed is not None
    failure = played.failed.failure
    assert (fault, code, Charge.UNKNOWN) == (failure.fault, failure.code, failure.charge)


def test_a_deleted_output_is_told_from_none() -> None:
    """An output that was deleted is a result that came too late."""
    gone = {"status": "succeeded", "output": None}
    for body, fault in (
        ({**gone, "data_removed": True}, Fault.RESULT_UNAVAILABLE),
        (gone, Fault.NO_IMAGE),
    ):
        played = run(SUBMITTED, body)
        assert played.failed is not None
        assert fault is played.failed.failure.fault


def test_each_model_has_its_own_inputs() -> None:
    """Pixels, formats, several pictures: by the names that the model gives them."""
    body = sent("flux-2-pro", size=Size(1280, 720), output_format="jpeg", output_compression=90)
    assert {
        "prompt": "a moss garden",
        "aspect_ratio": "custom",
        "width": 1280,
        "height": 720,
        "output_format": "jpg",
        "output_quality": 90,
    } == body
    assert "1365x1024" == sent("recraft-v3", size=Size(1365, 1024), style="any")["size"]
    assert PICTURE.data_url == sent("flux-kontext-pro", images=(PICTURE,))["input_image"]


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("acme/lamp", "/models/acme/lamp/predictions"),
        ("acme/lamp:5c7d", "/predictions"),
        ("5c7d", "/predictions"),
        ("deployments/acme/lamp", "/deployments/acme/lamp/predictions"),
    ],
)
def test_anything_can_be_had_by_its_id(model: str, path: str) -> None:
    """Official models, versions and deployments are told by the form of their id."""
    unlisted = Task(card=CARDS["*"].named(model), prompt="x", base_url="http://h")
    assert f"http://h{path}" == PROVIDER.build(unlisted).url


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.id)
def test_cards_are_consistent(card: ModelCard) -> None:
    """Whoever edits takes images, whoever inpaints has a polarity, no price without a source."""
    edits = card.operations - {Operation.GENERATE}
    assert bool(edits) == bool(card.max_images)
    assert (Operation.INPAINT in card.operations) == (card.mask is not None)
    assert bool(card.prices) == bool(card.price_source)
    assert card.max_images <= 1 or INPUTS[card.id].many
    assert not INPUTS.keys() - CARDS.keys()


@given(replies([SUBMITTED, RUNNING, DONE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure, and submits once."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
    assert 1 == sum(request.method == "POST" for request in played.requests)
