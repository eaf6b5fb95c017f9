"""Runware: its lists of tasks, its errors beside results, its money."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given

from routercore.provider import (
    Fault,
    HttpResponse,
    InputImage,
    Provider,
    RawImage,
    Task,
)
from routercore.testing.flows import Played, play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import replay
from routercore.values.images import Generated
from routercore_runware import Runware, routercore_providers, task_id

PROVIDER = Runware()
CARDS = {card.id: card for card in PROVIDER.catalogue()}
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
MADE = {"data": [{"taskType": "imageInference", "imageBase64Data": "iVBO", "cost": 0.0038}]}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(PROVIDER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "runware" == provider.name


def task(model: str = "runware:101@1", **settings: Any) -> Task:
    plain = {"prompt": "jade compass", "base_url": "https://api.runware.ai/v1", **settings}
    return Task(card=CARDS[model], **plain)


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


def run(body: Any) -> Played[Generated]:
    return play(PROVIDER, PROVIDER.generate(task()), [answer(body)])


def sent(of: Task) -> dict[str, Any]:
    (body,) = PROVIDER.build(of).json
    return dict(body)


def test_a_task_is_named_by_its_attempt() -> None:
    """The id is a UUID of version 4, the same for one attempt and another for the next."""
    first, again = task(idempotency_key="a"), task(idempotency_key="b")
    assert 4 == UUID(task_id(first)).version
    assert task_id(first) == task_id(task(idempotency_key="a"))
    assert task_id(first) != task_id(again)


def test_options_make_it_no_other_task() -> None:
    """What kind of task it is, and by which id it is found again, is not for options to say."""
    asked = task(options={"taskType": "videoInference", "taskUUID": "another", "steps": 9})
    (sent,) = PROVIDER.build(asked).json
    assert ("imageInference", task_id(asked), 9) == (
        sent["taskType"], sent["taskUUID"], sent["steps"],
    )  # fmt: skip


def test_everything_goes_to_another_base_url() -> None:
    """The one URL is the base URL of the task."""
    assert "http://127.0.0.1:9/v1" == PROVIDER.build(task(base_url="http://127.0.0.1:9/v1")).url


def test_input_images_by_kind_of_model() -> None:
    """Some models start from a picture, others are shown it, and a mask needs one to lie on."""
    url = PICTURE.data_url
    assert url == sent(task(images=(PICTURE,)))["seedImage"]
    assert [url] == sent(task("runware:400@1", images=(PICTURE,)))["referenceImages"]
    assert [url, url] == sent(task(images=(PICTURE, PICTURE)))["referenceImages"]
    masked = sent(task(images=(PICTURE,), mask=PICTURE))
    assert (url, url) == (masked["seedImage"], masked["maskImage"])


@pytest.mark.parametrize(
    ("item", "image"),
    [
        ({"imageBase64Data": "iVBO"}, RawImage(base64="iVBO")),
        ({"imageDataURI": "data:image/png;base64,iVBO"},
         RawImage(base64="data:image/png;base64,iVBO")),
        ({"imageURL": "https://im.runware.ai/x.png", "seed": 7},
         RawImage(url="https://im.runware.ai/x.png", seed=7)),
    ],
)  # fmt: skip
def test_every_form_is_read(item: dict[str, Any], image: RawImage) -> None:
    """A picture is taken in whatever form it comes."""
    assert (image,) == run({"data": [item]}).result.images


def test_answers_to_other_tasks_are_not_ours() -> None:
    """An item with the id of another task is left out."""
    played = run({"data": [{"taskUUID": "other", "imageBase64Data": "iVBO"}]})
    assert played.failed is not None
    assert Fault.NO_IMAGE is played.failed.failure.fault


@pytest.mark.parametrize("cost", [None, "x", -1, True])
def test_an_absurd_cost_is_unknown(cost: Any) -> None:
    """Where one picture says no cost, the sum is unknown, and not too small."""
    made = run({"data": [*MADE["data"], {"imageBase64Data": "iVBO", "cost": cost}]}).result
    assert (2, None) == (len(made.images), made.cost_usd)
    assert Decimal("0.0038") == run(MADE).result.cost_usd


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("invalidApiKey", Fault.UNAUTHENTICATED),
        ("insufficientCredits", Fault.QUOTA),
        ("invalidProviderContent", Fault.REFUSED),
        ("invalidWidth", Fault.INVALID_REQUEST),
        ("timeoutProvider", Fault.GATEWAY),
    ],
)
def test_codes_decide(code: str, status: int, fault: Fault) -> None:
    """An error means the same whatever status it comes with."""
    body = {"errors": [{"code": code, "message": "no", "parameter": "width"}]}
    failure = PROVIDER.classify(answer(body, status))
    assert (fault, code, "width") == (failure.fault, failure.code, failure.param)


@pytest.mark.parametrize(
    ("status", "fault"), [(200, Fault.SERVER_ERROR), (429, Fault.RATE_LIMITED)]
)
def test_unknown_codes(status: int, fault: Fault) -> None:
    """A code that nobody documented leaves the decision to the status."""
    assert fault is PROVIDER.classify(answer({"errors": [{"code": "novel"}]}, status)).fault


@given(replies([MADE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)


@pytest.mark.parametrize(
    ("body", "state", "fraction"),
    [
        ({"data": []}, "pending", 0.0),
        ({"data": [{"status": "processing"}]}, "pending", 0.0),
        ({"data": [{"status": "success"}]}, "pending", 0.5),
        ({"data": [{"status": "success"}, {"status": "processing"}]}, "pending", 0.5),
        ({"data": [{"status": "success"}, {}]}, "done", None),
        ({"data": [{"status": "success"}], "errors": [{"code": "x"}]}, "done", None),
        ({"errors": [{"code": "x"}]}, "done", None),
    ],
)
def test_a_job_is_done_when_all_pictures_are_there(
    body: Any, state: str, fraction: float | None
) -> None:
    """How many there are to be is in the job's handle, also for another process."""
    handle = PROVIDER.handle(task(n=2, options={"deliveryMethod": "async"}), answer({"data": []}))
    status = PROVIDER.stands(handle, answer(body))
    assert (state, fraction) == (status.state, status.fraction)


def test_a_handle_that_names_no_number() -> None:
    """One that was written before handles had it stands for one picture."""
    assert "done" == PROVIDER.stands({"id": "x"}, answer({"data": [{}]})).state
