"""The built-in strategies rank as they promise."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.targets import candidate, turn

from routercore.routing.plan import Candidate, Turn
from routercore.routing.strategies import Cost, Fallback, Latency, RoundRobin, Weighted
from routercore.routing.strategies import builtin_strategies as builtin

ABC = [candidate(name) for name in "abc"]


def names(candidates: list[Candidate] | tuple[Candidate, ...]) -> str:
    return "".join(one.target.provider for one in candidates)


@pytest.mark.parametrize("strategy", builtin(), ids=lambda strategy: strategy.name)
@given(count=st.integers(1, 7), number=st.integers(0, 10**9), seed=st.integers(0, 99))
def test_a_strategy_only_orders(strategy: object, count: int, number: int, seed: int) -> None:
    """Whatever the strategy, all candidates come back, each once, the same for the same turn."""
    given_ones = [candidate(str(index), price=str(index)) for index in range(count)]
    ranked = [
        names(list(strategy.rank(given_ones, turn(number, seed))))  # type: ignore[attr-defined]
        for _ in range(2)
    ]
    assert sorted(names(given_ones)) == sorted(ranked[0])
    assert ranked[0] == ranked[1]


def test_fallback_keeps_the_order() -> None:
    """The configured order is the order of trying."""
    assert "abc" == names(list(Fallback().rank(ABC, turn(5))))


def test_cost_takes_the_cheapest() -> None:
    """Cheap before dear, ties as configured, unknown last and never as if it were free."""
    given_ones = [
        candidate("u"), candidate("d", price="0.2"), candidate("x", price="0.1"),
        candidate("y", price="0.1"), candidate("f", price="0"),
    ]  # fmt: skip
    assert "fxydu" == names(list(Cost().rank(given_ones, turn())))


@given(count=st.integers(1, 6), start=st.integers(0, 1000), length=st.integers(1, 60))
def test_round_robin_is_fair_over_any_window(count: int, start: int, length: int) -> None:
    """Over any run of requests the counts of first places differ by one at most."""
    given_ones = [candidate(str(index)) for index in range(count)]
    firsts = Counter(
        names(list(RoundRobin().rank(given_ones, turn(number))))[0]
        for number in range(start, start + length)
    )
    counts = [firsts[str(index)] for index in range(count)]
    assert max(counts) - min(counts) <= 1


def test_round_robin_falls_back_around_the_ring() -> None:
    """Whoever's turn it is, all others follow in the order of the ring."""
    assert ["abc", "bca", "cab"] == [names(list(RoundRobin().rank(ABC, turn(n)))) for n in range(3)]


@pytest.mark.parametrize("weights", [(1, 1), (1, 3), (5, 3, 2), (1, 1, 1, 7), (0.5, 0.25, 0.25)])
def test_weights_are_met_after_a_thousand(weights: tuple[float, ...]) -> None:
    """After a thousand turns every share is within two percent of its weight."""
    given_ones = [candidate(str(i), weight=weight) for i, weight in enumerate(weights)]
    firsts = Counter(names(list(Weighted().rank(given_ones, turn(n))))[0] for n in range(1000))
    for index, weight in enumerate(weights):
        assert abs(firsts[str(index)] / 1000 - weight / sum(weights)) < 0.02


def test_weights_of_nothing_still_order() -> None:
    """Where all weights are zero, everybody is still in the order."""
    given_ones = [candidate(name, weight=0) for name in "ab"]
    assert ["a", "b"] == sorted(names(list(Weighted().rank(given_ones, turn(3)))))


def test_latency_prefers_the_faster_of_two() -> None:
    """Of two, the faster comes first, always."""
    given_ones = [candidate("s", latency=9), candidate("f", latency=1)]
    assert {"fs"} == {names(list(Latency().rank(given_ones, turn(0, n)))) for n in range(20)}


def test_latency_weighs_what_is_in_flight() -> None:
    """A fast target with much to do yields to a slower one that is idle."""
    given_ones = [candidate("f", latency=1, in_flight=9), candidate("s", latency=5)]
    assert "sf" == names(list(Latency().rank(given_ones, turn())))


def test_latency_never_begins_with_the_slowest() -> None:
    """Of three and more the slowest is never first, and the others share the first place."""
    given_ones = [candidate("a", latency=1), candidate("b", latency=2), candidate("z", latency=99)]
    chance = random.Random(1)
    firsts = Counter(
        names(list(Latency().rank(given_ones, Turn(0, chance))))[0] for _ in range(300)
    )
    assert {"a", "b"} == set(firsts)
    assert firsts["a"] > firsts["b"] > 50


def test_latency_of_one() -> None:
    """A single candidate needs no choice."""
    assert "a" == names(list(Latency().rank(ABC[:1], turn())))


def test_latency_goes_by_the_card_until_it_knows() -> None:
    """A target that has not served yet counts with what its card declares."""
    assert 15.0 == candidate("a").expected_latency
    assert 3.0 == candidate("a", latency=3).expected_latency
