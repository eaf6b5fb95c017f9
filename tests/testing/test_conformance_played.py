"""What the kit says of flows that misbehave: one sentence for each misdeed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.testing.kiln import BASE, CARD, PICTURE, Kiln, transcript

from routercore.provider import (
    Fault,
    Flow,
    Generated,
    HttpRequest,
    HttpResponse,
    ModelCard,
    ProviderFailed,
    RawImage,
    Task,
    call,
    fail,
    get,
    next_event,
    open_stream,
    post_json,
    run_in_thread,
    wait,
)
from routercore.testing.conformance import CHECKS, Subject
from routercore.testing.conformance.subject import CheckFailed
from routercore.testing.flows import play


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    (tmp_path / "generate.json").write_text(json.dumps(transcript()))
    return tmp_path


def kiln(**members: Any) -> Kiln:
    """The good provider with other members."""
    return type("Other", (Kiln,), members)()


def problem(check: str, provider: Any, folder: Path) -> str:
    """What one check says of a provider."""
    asked = next(one for one in CHECKS if one.name == check)
    with pytest.raises(CheckFailed) as caught:
        asked.run(Subject(provider, folder))
    return str(caught.value)


def test_a_flow_that_submits_twice_is_found_out(recorded: Path) -> None:
    """A reply that is turned into something else must not make it pay again."""

    def twice(self: Any, task: Task) -> Flow[Generated]:
        try:
            return (yield from Kiln.generate(self, task))
        except (ProviderFailed, ValueError):
            yield from call(self.build(task))
            raise

    assert "it sent 2 billable requests" in problem("mutates", kiln(generate=twice), recorded)


def test_a_flow_that_raises_when_closed_is_found_out(recorded: Path) -> None:
    """Whoever is told to stop stops."""

    def sulks(self: Any, task: Task) -> Flow[Generated]:
        try:
            return (yield from Kiln.generate(self, task))
        except GeneratorExit:
            raise KeyError("not yet") from None

    assert "it raised KeyError when closed" in problem("cut", kiln(generate=sulks), recorded)


def test_only_the_engine_opens_files(recorded: Path) -> None:
    """A provider that writes a file, however small, is not pure."""

    def writes(self: Any, task: Task) -> HttpRequest:
        (recorded / "note.txt").write_text(task.prompt)
        return post_json(task.url("/jobs"), {"prompt": task.prompt})

    said = problem("pure", kiln(build=writes), recorded)
    assert said.endswith("it does what only the engine may: open, open")


def test_a_poll_costs_nothing(recorded: Path) -> None:
    """A GET that is marked as billable would never be asked again."""

    def poll(self: Any, handle: Any) -> HttpRequest:
        return replace(get(handle["poll"]), billable=True)

    assert "a GET is marked as billable" in problem("polite", kiln(poll=poll), recorded)


def test_a_vendor_that_asks_for_time_gets_it(recorded: Path) -> None:
    """A poll that was turned away waits as long as Retry-After says."""

    def hurries(self: Any, task: Task) -> Flow[Generated]:
        response = yield from call(self.build(task))
        handle = self.handle(task, response)
        while True:
            yield from wait(0.5)
            response = yield from call(self.poll(handle), raw=True)
            if response.is_success and response.object().get("state") == "done":
                return self.parse(task, handle, response)

    assert "before its Retry-After of 7 s" in problem("polite", kiln(generate=hurries), recorded)


def test_nobody_is_paid_for_a_picture(recorded: Path) -> None:
    """An amount below nothing is a mistake of the provider's."""

    def parse(self: Any, *_: Any) -> Generated:
        from decimal import Decimal

        return Generated(images=(RawImage(base64=PICTURE),), cost_usd=Decimal("-1"))

    assert "it cost -1" in problem("bills", kiln(parse=parse), recorded)


def test_that_no_price_is_known_is_not_enough(recorded: Path) -> None:
    """A card may say that its price is unknown, but not all that a provider succeeds in."""

    def catalogue(self: Any) -> tuple[ModelCard, ...]:
        return (replace(CARD, prices=(), unverified=frozenset({"prices"})),)

    found = problem("bills", kiln(catalogue=catalogue), recorded)
    assert "nobody can tell what any of its successes cost" == found


def test_a_success_that_fails_has_no_price(recorded: Path) -> None:
    """What was recorded as a success must be one."""

    def parse(self: Any, *_: Any) -> Generated:
        raise fail(Fault.NO_IMAGE, "cracked")

    assert "it does not succeed" in problem("bills", kiln(parse=parse), recorded)


@pytest.mark.parametrize(
    ("effects", "said"),
    [
        (lambda task: run_in_thread(lambda: None), "cannot be played"),
        (lambda task: iter([object()]), "cannot be played"),
    ],
)
def test_what_cannot_be_played_is_told(effects: Any, said: str) -> None:
    """Without an engine there are only calls, events, waits and notices."""

    def flow() -> Flow[Generated]:
        yield from effects(None)
        return Generated(images=())

    with pytest.raises(TypeError, match=said):
        play(Kiln(), flow(), [])


def test_a_flow_whose_replies_run_out() -> None:
    """It is told that its time is over; what it played is there to be looked at."""

    def flow() -> Flow[Generated]:
        yield from open_stream(get(f"{BASE}/events"))
        event = yield from next_event()
        assert event is None
        yield from call(get(f"{BASE}/more"))
        return Generated(images=())

    played = play(Kiln(), flow(), [HttpResponse(status=200, headers={}, body=b"")])
    assert played.failed is not None
    assert Fault.DEADLINE is played.failed.failure.fault
    with pytest.raises(ProviderFailed, match="no more replies"):
        _ = played.result
