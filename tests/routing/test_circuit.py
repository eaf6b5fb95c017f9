"""The circuit of a target: when it opens, how it probes, and what never opens it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routercore.routing.circuit import STANDARD, Circuit, CircuitRules

RNG = random.Random(7)


def after(failures: int, *, at: float = 0.0, circuit: Circuit | None = None) -> Circuit:
    circuit = circuit or Circuit()
    for _ in range(failures):
        circuit = circuit.started(at).failed(at, RNG)
    return circuit


def test_opens_after_five_failures_in_a_row() -> None:
    """Four leave it closed, the fifth opens it for half to all of fifteen seconds."""
    assert not after(4).is_open(0.0)
    assert after(5).is_open(0.0)
    assert 7.5 <= after(5).closed_for(0.0) <= 15.0


def test_opens_at_half_failures_of_five_calls() -> None:
    """Success between failures does not hide an unreliable target."""
    circuit = Circuit().succeeded(0.0).succeeded(0.0)
    assert not after(1, circuit=circuit).is_open(0.0)
    assert after(3, circuit=circuit).is_open(0.0)


def test_old_calls_are_forgotten() -> None:
    """Failures that are older than the window do not count in the ratio."""
    circuit = after(3)
    assert not after(1, at=STANDARD.window + 1, circuit=circuit).is_open(STANDARD.window + 1)


def test_lets_one_probe_through() -> None:
    """When its time is over the first call is the probe, and the rest still go elsewhere."""
    circuit = after(5)
    later = circuit.open_until
    assert not circuit.is_open(later)
    assert circuit.started(later).is_open(later)


def test_a_probe_that_succeeds_closes_it() -> None:
    """Back in service at once, with a clean slate."""
    circuit = after(5)
    closed = circuit.started(circuit.open_until).succeeded(circuit.open_until)
    assert not closed.is_open(circuit.open_until)
    assert (0, 0) == (closed.opened, closed.row)


def test_a_probe_that_fails_doubles_the_time() -> None:
    """Each opening is twice as long as the last, up to the limit."""
    circuit, lengths = after(5), []
    for _ in range(8):
        now = circuit.open_until
        circuit = circuit.started(now).failed(now, RNG)
        lengths.append(circuit.open_until - now)
    bounds = [min(15.0 * 2**k, 300.0) for k in range(1, 9)]
    assert all(b / 2 <= length <= b for length, b in zip(lengths, bounds, strict=True))


def test_opening_again_soon_lasts_longer() -> None:
    """What works every second time is left alone for twice as long with each relapse."""
    circuit, lengths = after(5), []
    for _ in range(4):
        now = circuit.open_until
        closed = circuit.started(now).succeeded(now)
        circuit = after(5, at=now + 15, circuit=closed)
        lengths.append(circuit.open_until - now - 15)
    bounds = [30.0, 60.0, 120.0, 240.0]
    assert all(b / 2 <= length <= b for length, b in zip(lengths, bounds, strict=True))
    later = circuit.open_until + STANDARD.window
    calm = circuit.started(circuit.open_until).succeeded(circuit.open_until)
    assert after(5, at=later, circuit=calm).open_until - later <= 15.0


def test_a_late_end_is_not_taken_for_the_probe() -> None:
    """A call from before it opened neither ends the probe nor speaks for it."""
    circuit = after(5)
    now = circuit.open_until
    probing = circuit.started(now)
    for later in (probing.abandoned(began=0.0), probing.failed(now, RNG, began=0.0)):
        assert later.is_open(now)
        assert now == later.probe_since


def test_an_abandoned_probe_leaves_room_for_the_next() -> None:
    """A cancelled probe says nothing, so another call may probe."""
    circuit = after(5)
    now = circuit.open_until
    assert not circuit.started(now).abandoned().is_open(now)


class Bound(random.Random):
    """Draws a bound of the interval, always: the lower, or else the upper."""

    def __init__(self, upper: bool) -> None:
        super().__init__()
        self.upper = upper

    def uniform(self, a: float, b: float) -> float:
        return b if self.upper else a


def calls(script: str, *, at: float, circuit: Circuit | None = None) -> Circuit:
    """After calls that succeeded (+) or failed (-), all at one time."""
    circuit = circuit or Circuit()
    for one in script:
        circuit = circuit.succeeded(at) if one == "+" else circuit.failed(at, RNG)
    return circuit


def test_one_that_was_never_used_is_closed() -> None:
    """At any time: where a clock begins means nothing."""
    for now in (-5.0, 0.0, 1e9):
        assert (False, 0.0) == (Circuit().is_open(now), Circuit().closed_for(now))


def test_it_stays_open_for_half_to_all_of_its_time() -> None:
    """7.5 to 15 s at first; drawn at random, so that many routers do not come back together."""
    lengths = []
    for upper in (False, True):
        circuit = Circuit()
        for _ in range(5):
            circuit = circuit.failed(100.0, Bound(upper))
        lengths.append(circuit.open_until - 100.0)
    assert [7.5, 15.0] == lengths


def test_it_stays_open_for_five_minutes_at_most() -> None:
    """However often its probes fail."""
    circuit = after(5)
    for _ in range(9):
        now = circuit.open_until
        circuit = circuit.started(now).failed(now, Bound(upper=True))
    assert now + 300.0 == circuit.open_until


def test_what_slow_means() -> None:
    """Five times as long as a call to the target usually takes."""
    assert 5.0 == CircuitRules().slow_factor == STANDARD.slow_factor


def test_a_probe_under_way_is_a_moment() -> None:
    """While the probe runs nobody knows how long; one second is told, until it has ended."""
    circuit = after(5)
    now = circuit.open_until
    assert 1.0 == circuit.started(now).closed_for(now)
    again = circuit.started(now).failed(now, RNG)
    assert not again.is_open(again.open_until)


def test_failures_in_a_row_count_however_slow() -> None:
    """Five in a row open it even where the window holds but the last of them."""
    circuit = Circuit()
    for number in range(5):
        assert not circuit.is_open(200.0 * number)
        circuit = circuit.failed(200.0 * number, RNG)
    assert circuit.is_open(800.0)


def test_a_success_ends_the_row() -> None:
    """Four failures, many successes and four failures are nothing in a row, and no ratio."""
    circuit = calls("----", at=1000.0, circuit=calls("++++++++++++++++++++", at=1000.0))
    assert not circuit.is_open(1000.0)
    circuit = calls("----", at=1000.0, circuit=calls("+", at=1000.0, circuit=circuit))
    assert not circuit.is_open(1000.0)


@pytest.mark.parametrize(
    ("script", "is_open"),
    [("+++-", False), ("+++--", False), ("+++---", True), ("+---", False), ("++---", True),
     ("++++++---", False)],
)  # fmt: skip
def test_the_ratio(script: str, is_open: bool) -> None:
    """Of five calls or more half must have failed."""
    assert is_open is calls(script, at=1000.0).is_open(1000.0)


def test_the_window_ends_where_it_says() -> None:
    """A call counts for just under two minutes."""
    before = calls("---+", at=1000.0)
    assert calls("-", at=1119.9, circuit=before).is_open(1119.9)
    assert not calls("-", at=1120.0, circuit=before).is_open(1120.0)


def test_the_probe_counts_as_a_success() -> None:
    """After it has closed the window holds the probe, and nothing from before."""
    circuit = after(5)
    now = circuit.open_until
    closed = circuit.started(now).succeeded(now)
    later = now + 60.0
    assert not calls("++--", at=later, circuit=closed).is_open(later)
    assert not calls("---", at=later, circuit=closed).is_open(later)
    assert calls("----", at=later, circuit=closed).is_open(later)


steps = st.lists(
    st.tuples(st.sampled_from(["start", "ok", "fail", "abandon"]), st.floats(0, 60)), max_size=60
)


@given(steps, st.randoms(use_true_random=False))
def test_while_open_at_most_one_probe_is_let_through(
    script: list[tuple[str, float]], rng: random.Random
) -> None:
    """Whatever happens, a circuit that is not closed admits one call until that call has ended."""
    circuit, now, probing = Circuit(), 0.0, False
    for step, seconds in script:
        now += seconds
        if step == "start":
            admitted = not circuit.is_open(now)
            assert not (admitted and probing)
            if admitted:
                probing = circuit.opened > 0
                circuit = circuit.started(now)
        elif step == "ok":
            circuit, probing = circuit.succeeded(now), False
        elif step == "fail":
            circuit = circuit.failed(now, rng)
            probing = False
        else:
            circuit, probing = circuit.abandoned(), False
        assert circuit.closed_for(now) <= max(STANDARD.max_open, 1.0)


def test_it_opens_at_most_once_in_fifteen_seconds() -> None:
    """A target that works by halves does not go in and out with every call."""
    circuit = after(5)
    probe = circuit.open_until
    closed = circuit.started(probe).succeeded(probe)
    assert not after(20, at=STANDARD.open_for - 0.1, circuit=closed).is_open(probe)
    assert after(20, at=STANDARD.open_for, circuit=closed).is_open(STANDARD.open_for)


def test_what_failed_before_it_opened_is_forgotten() -> None:
    """A target that is back is not put out again by one failure."""
    circuit = after(5)
    closed = circuit.started(circuit.open_until).succeeded(circuit.open_until)
    assert not after(1, at=60.0, circuit=closed).is_open(60.0)


def test_what_began_before_it_opened_does_not_close_it() -> None:
    """A success that was under way when it opened says little of the target now."""
    circuit = after(5, at=10.0)
    assert circuit.succeeded(12.0, began=9.0).is_open(12.0)
    assert circuit.succeeded(12.0, began=10.0).is_open(12.0)
    assert not circuit.succeeded(12.0, began=11.0).is_open(12.0)
