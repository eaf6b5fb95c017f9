"""Luma: its jobs, its words for refusal, its cards."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import Fault, Flow, Generated, HttpResponse, RawImage, Task
from routercore.testing.flows import Played, play
from routercore.testing.strategies import replies
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_luma import Luma

PROVIDER = Luma()
CARDS = {card.id: card for card in PROVIDER.catalogue()}
SUBMITTED = {"id": "3f0a", "state": "queued", "assets": None}
DREAMING = {"id": "3f0a", "state": "dreaming"}
DONE = {"id": "3f0a", "state": "completed", "assets": {"image": "https://storage.cdn-luma.com/x"}}


def task(**settings: Any) -> Task:
    plain = {"prompt": "a tin boat", "base_url": "https://api.lumalabs.ai/dream-machine/v1"}
    return Task(card=CARDS["photon-1"], **{**plain, **settings})


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


def run(*bodies: Any, flow: Flow[Generated] | None = None) -> Played[Generated]:
    return play(PROVIDER, flow or PROVIDER.generate(task()), [answer(body) for body in bodies])


def test_a_generation_is_polled_until_it_is_completed() -> None:
    """Words that are not documented count as work in progress."""
    played = run(SUBMITTED, DREAMING, {"state": "tomorrow's word"}, DONE)
    assert (RawImage(url="https://storage.cdn-luma.com/x"),) == played.result.images


def test_everything_goes_to_another_base_url() -> None:
    """Submit and polls go to the base URL of the task."""
    played = run(SUBMITTED, DONE, flow=PROVIDER.generate(task(base_url="http://127.0.0.1:9")))
    urls = ["http://127.0.0.1:9/generations/image", "http://127.0.0.1:9/generations/3f0a"]
    assert urls == [request.url for request in played.requests]


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        ("The prompt failed moderation.", Fault.REFUSED),
        ("out of dreams", Fault.JOB_FAILED),
        (None, Fault.JOB_FAILED),
    ],
)
def test_a_failed_generation(reason: str | None, fault: Fault) -> None:
    """A failure is a refusal where its reason speaks of moderation."""
    played = run(SUBMITTED, {"state": "failed", "failure_reason": reason})
    assert played.failed is not None
    assert fault is played.failed.failure.fault


@pytest.mark.parametrize(
    ("status", "detail", "fault"),
    [
        (400, "Insufficient credits", Fault.QUOTA),
        (400, "prompt did not pass moderation", Fault.REFUSED),
        (400, "bad ratio", Fault.INVALID_REQUEST),
        (402, "Insufficient credits", Fault.QUOTA),
        (403, "Not authenticated", Fault.FORBIDDEN),
        (429, "slow down", Fault.RATE_LIMITED),
    ],
)
def test_errors(status: int, detail: str, fault: Fault) -> None:
    """The vendor's words decide where its statuses are ambiguous."""
    assert fault is PROVIDER.classify(answer({"detail": detail}, status)).fault


def test_a_validation_error_names_the_field() -> None:
    """The list of problems is put in words, with the field."""
    problems = {"detail": [{"type": "enum", "loc": ["body", "aspect_ratio"], "msg": "no"}]}
    failure = PROVIDER.classify(answer(problems, 422))
    assert ("aspect_ratio: no", "aspect_ratio") == (failure.message, failure.param)


def test_references_go_through_as_options() -> None:
    """What the vendor takes by URL is passed on as the caller writes it."""
    options = {"modify_image_ref": {"url": "https://x.example/y.png", "weight": 0.8}}
    sent = PROVIDER.build(task(options=options, output_format="jpeg", aspect_ratio="4:3")).json
    assert {
        "model": "photon-1",
        "prompt": "a tin boat",
        "aspect_ratio": "4:3",
        "format": "jpg",
        **options,
    } == sent


def test_prices() -> None:
    """A picture costs the same whatever its ratio."""
    for model, price in (("photon-1", "0.015"), ("photon-flash-1", "0.002")):
        assert Decimal(price) == estimate(CARDS[model], Settings(prompt="x")).expected


@given(replies([SUBMITTED, DREAMING, DONE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure, and submits once."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
    assert 1 == sum(request.method == "POST" for request in played.requests)
