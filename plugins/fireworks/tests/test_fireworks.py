"""Fireworks' three families, its jobs, prices and recorded exchanges."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    Accepted,
    Fault,
    HttpResponse,
    ModelCard,
    Provider,
    RawImage,
    Task,
)
from routercore.testing.flows import play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import replay
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_fireworks import Fireworks, routercore_providers
from routercore_fireworks.models import CARDS

PROVIDER = Fireworks()
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
ELSEWHERE = "http://127.0.0.1:9/v1"
SUBMITTED = {"request_id": "r1"}
PENDING = {"id": "r1", "status": "Pending", "result": None}
READY = {"id": "r1", "status": "Ready", "result": {"sample": "https://delivery.bfl.ai/x.jpeg"}}


def card(name: str) -> ModelCard:
    return next(card for card in CARDS if name in card.names)


def task(name: str = "flux-kontext-pro") -> Task:
    return Task(card=card(name), base_url=ELSEWHERE, prompt="a hat")


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(PROVIDER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "fireworks" == provider.name


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("flux-dev", "workflows/{id}/text_to_image"),
        ("flux-kontext-max", "workflows/{id}"),
        ("playground-v2.5", "image_generation/{id}"),
    ],
)
def test_each_family_has_its_path(name: str, path: str) -> None:
    """A model is called where its family is, at the base URL that is configured."""
    expected = f"{ELSEWHERE}/{path.format(id=card(name).id)}"
    assert expected == PROVIDER.build(task(name)).url


def test_a_job_can_be_picked_up_by_its_handle() -> None:
    """A handle that went through JSON is enough to fetch the picture; polls are not billed."""
    begun = play(PROVIDER, PROVIDER.generate(task()), [answer(SUBMITTED)])
    notice = begun.notices[0]
    assert isinstance(notice, Accepted)
    handle = json.loads(json.dumps(notice.handle))
    played = play(PROVIDER, PROVIDER.resume(task(), handle), [answer(PENDING), answer(READY)])
    sample = "https://delivery.bfl.ai/x.jpeg"
    assert (RawImage(url=sample, expires_in=600.0),) == played.result.images
    assert [False, False] == [request.is_billable for request in played.requests]
    assert f"{ELSEWHERE}/workflows/{card('flux-kontext-pro').id}/get_result" == handle["poll"]


@pytest.mark.parametrize(
    ("last", "fault"),
    [
        ({"status": "Failed"}, Fault.JOB_FAILED),
        ({"status": "Request Moderated"}, Fault.REFUSED),
        ({"status": "Content Moderated"}, Fault.REFUSED_RESULT),
        ({"status": "Ready", "result": None}, Fault.NO_IMAGE),
    ],
)
def test_the_end_of_a_job(last: Any, fault: Fault) -> None:
    """Each final state is a failure of its own class; an unknown word is work in progress."""
    script = [answer(body) for body in (SUBMITTED, {"status": "Dreaming"}, last)]
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert played.failed is not None
    assert fault is played.failed.failure.fault


def test_a_submit_without_a_job_may_have_been_paid() -> None:
    """A success that names no job is a cut reply, and is not submitted again."""
    played = play(PROVIDER, PROVIDER.generate(task()), [answer({})])
    assert played.failed is not None
    assert Fault.REPLY_CUT is played.failed.failure.fault
    assert 1 == len(played.requests)


@pytest.mark.parametrize(
    ("name", "per_step", "steps"),
    [("flux-schnell", "0.00035", 4), ("flux-dev", "0.0005", 28), ("sdxl-1.0", "0.00013", 30)],
)
def test_a_picture_costs_the_steps_that_are_sent(name: str, per_step: str, steps: int) -> None:
    """The declared price is that of a step times the number in the request."""
    sent = PROVIDER.build(task(name)).json
    assert steps == sent.get("num_inference_steps", sent.get("steps"))
    assert Decimal(per_step) * steps == estimate(card(name), Settings(prompt="x")).expected


def test_prices_of_kontext() -> None:
    """Kontext has one price a picture."""
    actual = [
        estimate(card(f"flux-kontext-{kind}"), Settings(prompt="x")).expected
        for kind in ("pro", "max")
    ]
    assert [Decimal("0.04"), Decimal("0.08")] == actual


@given(replies([SUBMITTED, PENDING, READY]))
def test_any_answer_of_a_job_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a job ends in images or in a failure, and is submitted once."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
    assert 1 == sum(request.is_billable for request in played.requests)


@given(replies([b"\x89PNG\r\n\x1a\n"]))
def test_any_picture_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a call ends in images or in a failure."""
    played = play(PROVIDER, PROVIDER.generate(task("flux-dev")), script)
    assert (played.value is None) != (played.failed is None)
