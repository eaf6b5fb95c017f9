"""DashScope: its messages, its jobs, its errors with status 200, its cards."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    WILDCARD,
    Accepted,
    Fault,
    HttpResponse,
    InputImage,
    Provider,
    ProviderFailed,
    Task,
)
from routercore.testing.flows import Played, play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import replay
from routercore.values.images import Generated, Settings
from routercore.values.money import estimate
from routercore_alibaba_dashscope import DashScope, routercore_providers

PROVIDER = DashScope()
CARDS = {card.id: card for card in PROVIDER.catalogue()}
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
WAN = "wan2.2-t2i-flash"
URL = "https://dashscope-result-sgp.example/a.png?Expires=1"
MADE = {"output": {"choices": [{"message": {"role": "assistant", "content": [{"image": URL}]}}]}}
SUBMITTED = {"output": {"task_id": "7d", "task_status": "PENDING"}}
RUNNING = {"output": {"task_id": "7d", "task_status": "RUNNING"}}
DONE = {"output": {"task_id": "7d", "task_status": "SUCCEEDED", "results": [{"url": URL}]}}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(PROVIDER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "alibaba-dashscope" == provider.name


def task(model: str = "qwen-image-3.0", **settings: Any) -> Task:
    plain = {"prompt": "menu board", "base_url": PROVIDER.origins[0], **settings}
    return Task(card=CARDS[model], **plain)


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


def run(of: Task, *bodies: Any) -> Played[Generated]:
    return play(PROVIDER, PROVIDER.generate(of), [answer(body) for body in bodies])


def test_everything_goes_to_another_base_url() -> None:
    """One exchange or a job: all its calls go to the base URL of the task."""
    base = "http://127.0.0.1:9"
    (request,) = run(task(base_url=base), MADE).requests
    assert f"{base}/services/aigc/multimodal-generation/generation" == request.url
    urls = [request.url for request in run(task(WAN, base_url=base), SUBMITTED, DONE).requests]
    assert [f"{base}/services/aigc/text2image/image-synthesis", f"{base}/tasks/7d"] == urls


def test_a_job_is_resumed_and_called_off_by_its_handle() -> None:
    """The handle of an accepted job is all that another process needs."""
    notice = run(task(WAN), SUBMITTED, RUNNING, DONE).notices[0]
    assert isinstance(notice, Accepted)
    handle = json.loads(json.dumps(notice.handle))
    resumed = play(PROVIDER, PROVIDER.resume(task(WAN), handle), [answer(DONE)])
    assert URL == resumed.result.images[0].url
    (request,) = play(PROVIDER, PROVIDER.cancel(handle), [answer({})]).requests
    assert ("POST", False) == (request.method, request.is_billable)
    assert request.url.endswith("/tasks/7d/cancel")


@pytest.mark.parametrize(
    ("last", "fault"),
    [
        ({"task_status": "FAILED", "code": "InternalError"}, Fault.JOB_FAILED),
        ({"task_status": "CANCELED"}, Fault.JOB_FAILED),
        ({"task_status": "FAILED", "code": "DataInspectionFailed",
          "message": "Input data may contain inappropriate content."}, Fault.REFUSED),
        ({"task_status": "FAILED", "code": "DataInspectionFailed",
          "message": "Output data may contain inappropriate content."}, Fault.REFUSED_RESULT),
        ({"task_status": "SUCCEEDED", "results": [{"code": "DataInspectionFailed",
          "message": "Output data may contain inappropriate content."}]}, Fault.REFUSED_RESULT),
        ({"task_status": "SUCCEEDED", "results": []}, Fault.NO_IMAGE),
    ],
)  # fmt: skip
def test_ends_of_a_job(last: dict[str, Any], fault: Fault) -> None:
    """A job ends in failure as a whole, or picture by picture."""
    played = run(task(WAN), SUBMITTED, {"output": last})
    assert played.failed is not None
    assert fault is played.failed.failure.fault


def test_a_forgotten_job_is_lost() -> None:
    """A job that stays unknown to the vendor is given up."""
    played = run(task(WAN), SUBMITTED, *[{"output": {"task_status": "UNKNOWN"}}] * 3)
    assert played.failed is not None
    assert Fault.JOB_LOST is played.failed.failure.fault


def test_an_edit_by_job_is_not_sent() -> None:
    """The older models of any name take no picture here."""
    card = CARDS[WILDCARD].named("wanx-v1")
    with pytest.raises(ProviderFailed) as raised:
        PROVIDER.build(Task(card=card, prompt="x", base_url="http://x.example", images=(PICTURE,)))
    assert Fault.UNSUPPORTED is raised.value.failure.fault


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("DataInspectionFailed", Fault.REFUSED),
        ("InvalidApiKey", Fault.UNAUTHENTICATED),
        ("Arrearage", Fault.QUOTA),
        ("AllocationQuota.FreeTierOnly", Fault.QUOTA),
        ("Throttling.RateQuota", Fault.RATE_LIMITED),
        ("ModelNotFound", Fault.MODEL_NOT_FOUND),
        ("InvalidParameter.DataInspection", Fault.INVALID_REQUEST),
    ],
)
def test_codes_decide(code: str, status: int, fault: Fault) -> None:
    """An error means the same whatever status it comes with."""
    failure = PROVIDER.classify(answer({"code": code, "message": "no"}, status))
    assert (fault, code) == (failure.fault, failure.code)


@pytest.mark.parametrize(("status", "fault"), [(200, Fault.SERVER_ERROR), (403, Fault.FORBIDDEN)])
def test_unknown_codes(status: int, fault: Fault) -> None:
    """A code that nobody documented leaves the decision to the status."""
    assert fault is PROVIDER.classify(answer({"code": "Novel", "message": "no"}, status)).fault


@pytest.mark.parametrize(
    ("model", "price"),
    [("qwen-image-3.0", "0.03"), ("qwen-image-2.0", "0.035"), ("qwen-image-2.0-pro", "0.075"),
     ("qwen-image-3.0-pro", None), (WAN, None)],
)  # fmt: skip
def test_prices(model: str, price: str | None) -> None:
    """A picture costs what is listed; a price that is not known is not zero."""
    guess = estimate(CARDS[model], Settings(prompt="x"))
    assert (Decimal(price) if price else None) == guess.expected


@given(replies([MADE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)


@given(replies([SUBMITTED, RUNNING, DONE]))
def test_any_answer_of_a_job_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a job ends in images or in a failure, and is submitted once."""
    played = play(PROVIDER, PROVIDER.generate(task(WAN)), script)
    assert (played.value is None) != (played.failed is None)
    assert 1 == sum(request.method == "POST" for request in played.requests)
