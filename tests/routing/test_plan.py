"""A plan has every target exactly once: as a candidate, or rejected with reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.targets import REQUEST, counting, target

from routercore.routing.plan import (
    Candidate,
    Health,
    Plan,
    Strategy,
    Target,
    Terms,
    Turn,
    UnknownPrice,
    fitting,
    make_plan,
)
from routercore.routing.strategies import Fallback, RoundRobin, builtin_strategies
from routercore.values.errors import PluginError
from routercore.values.images import ImageRequest
from routercore.values.money import usd
from routercore.values.sizes import FixedSizes, Size

TODAY = date(2026, 6, 1)
WELL = Health()
CLOSED = Health(closed_for=9.0, reason="quota")


def plan(targets: Sequence[Target], request: ImageRequest = REQUEST, **given_ones: Any) -> Plan:
    health = given_ones.pop("health", lambda target: WELL)
    given = {"strategy": Fallback(), "terms": Terms(), "turn": counting(), "today": TODAY,
             **given_ones}  # fmt: skip
    fits = fitting(request, targets, refused=lambda target: (), today=given.pop("today"))
    return make_plan(fits, health=health, **given)


def names(made: Plan) -> str:
    return "".join(one.target.provider for one in made.candidates)


CARDS = st.fixed_dictionaries(
    {},
    optional={
        "sizes": st.sampled_from([FixedSizes(("1024x1024",)), FixedSizes(("64x64",))]),
        "shutdown": st.sampled_from([date(2026, 5, 1), date(2026, 7, 1)]),
        "max_prompt": st.sampled_from([3, 300]),
        "prices": st.sampled_from([(usd("0.02"),), (usd("0.2"),)]),
        "via": st.sampled_from(["other", "third"]),
        "weight": st.sampled_from([1.0, 2.0]),
    },
)


@given(
    cards=st.lists(CARDS, max_size=8),
    size=st.sampled_from([None, Size(1024, 1024), Size(2048, 512)]),
    strategy=st.sampled_from(builtin_strategies()),
    terms=st.builds(
        Terms,
        unknown_price=st.sampled_from(UnknownPrice),
        max_price=st.sampled_from([None, Decimal("0.1")]),
    ),
    closed=st.sets(st.integers(0, 7)),
)
def test_every_target_is_in_one_place(
    cards: list[dict[str, Any]], size: Size | None, strategy: Any, terms: Terms, closed: set[int]
) -> None:
    """Each target is a candidate or rejected with a reason, never both, never neither; fallback
    models come behind; closed targets come behind the open ones of their model."""
    targets = [target(str(index), **card) for index, card in enumerate(cards)]
    targets.sort(key=lambda one: one.via is not None)
    request = ImageRequest(prompt="a heron", model="art", size=size)

    def health(one: Target) -> Health:
        return CLOSED if int(one.provider) in closed else WELL

    made = plan(targets, request, strategy=strategy, terms=terms, health=health)
    places = Counter([c.name for c in made.candidates] + [r.target for r in made.rejected])
    assert {one.name: 1 for one in targets} == dict(places)
    assert all(rejected.reasons for rejected in made.rejected)
    order = [one.target.via for one in made.candidates]
    assert [None] * order.count(None) == order[: order.count(None)]
    for via in set(order):
        group = [c.health.closed_for > 0 for c in made.candidates if c.target.via == via]
        assert sorted(group) == group


@given(st.permutations("abcde"))
def test_fallback_order_is_stable(order: list[str]) -> None:
    """In the fallback strategy the fit targets keep the configured order."""
    targets = [target(name, max_prompt=3 if name in "bd" else None) for name in order]
    assert [name for name in order if name in "ace"] == list(names(plan(targets)))


def test_no_targets_no_candidates() -> None:
    """A plan over nothing is empty."""
    assert ((), ()) == (plan([]).candidates, plan([]).rejected)


def test_a_rejection_has_every_reason() -> None:
    """A target that cannot do two things says both."""
    made = plan([target("a", max_prompt=3, shutdown=date(2026, 1, 1))])
    assert ["model", "prompt"] == [reason.param for reason in made.rejected[0].reasons]


def test_a_fallback_model_is_announced() -> None:
    """An image of another model than the one asked for comes with a warning."""
    made = plan([target("a"), target("b", via="other")])
    assert [(), ("model_fallback",)] == [
        tuple(warning.code for warning in one.warnings) for one in made.candidates
    ]


def test_a_cheap_fallback_model_does_not_jump_the_queue() -> None:
    """The strategy ranks the targets of each model by itself."""
    cost = next(one for one in builtin_strategies() if one.name == "cost")
    dear, cheap = target("d", prices=(usd("1"),)), target("c", prices=(usd("0.1"),), via="other")
    assert "dc" == names(plan([dear, cheap], strategy=cost))


def test_soonest_open_first_among_the_closed() -> None:
    """Where all are closed, the one that opens first is tried first."""
    wait = {"a": 30.0, "b": 10.0, "c": 20.0}
    made = plan([target(n) for n in wait], health=lambda t: Health(closed_for=wait[t.provider]))
    assert "bca" == names(made)


def test_round_robin_is_fair_among_the_open() -> None:
    """When one target closes, its share falls to all others alike."""
    targets, turn = [target(name) for name in "abc"], counting()

    def health(one: Target) -> Health:
        return CLOSED if one.provider == "a" else WELL

    firsts = Counter(
        names(plan(targets, strategy=RoundRobin(), turn=turn, health=health))[0] for _ in range(10)
    )
    assert {"b": 5, "c": 5} == dict(firsts)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_round_robin_is_fair_whatever_mixture_arrives(mixture: list[bool]) -> None:
    """Requests that only some targets can do do not disturb the turns of the others."""
    targets = [target("a", max_prompt=5), target("b"), target("c")]
    turn = counting()
    firsts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for is_long in mixture:
        request = ImageRequest(prompt="a long prompt" if is_long else "short", model="art")
        made = plan(targets, request, strategy=RoundRobin(), turn=turn)
        firsts[is_long][names(made)[0]] += 1
    for is_long, able in ((True, "bc"), (False, "abc")):
        counts = [firsts[is_long][name] for name in able]
        assert max(counts) - min(counts) <= 1


def test_prices() -> None:
    """A ceiling excludes what may cost more, and what nobody knows the price of."""
    targets = [target("a", prices=(usd("0.05"),)), target("b", prices=(usd("0.5"),)), target("c")]
    made = plan(targets, terms=Terms(max_price=Decimal("0.1")))
    assert "a" == names(made)
    assert [("b:poster", "max_price"), ("c:poster", "price")] == [
        (rejected.target, rejected.reasons[0].param) for rejected in made.rejected
    ]


def test_in_words() -> None:
    """A printed plan has its order, prices, adaptations and reasons, and not the prompt."""
    targets = [
        target("a", prices=(usd("0.05"),)),
        target("b", via="other"),
        target("c", max_prompt=3),
    ]
    words = str(plan(targets))
    assert REQUEST.prompt not in words
    assert [
        "art: generate by fallback",
        "  1. a:poster  $0.05",
        "  2. b:poster  unknown",
        "     model: served by the fallback model 'other'",
        "  -  c:poster",
        "     prompt: the prompt has 7 characters; 'poster' takes 3",
    ] == words.splitlines()


def test_unknown_prices() -> None:
    """An unknown price is kept or excluded as configured, and never counts as nothing."""
    targets = [target("u"), target("k", prices=(usd("0.5"),))]
    assert "uk" == names(plan(targets))
    assert "k" == names(plan(targets, terms=Terms(unknown_price=UnknownPrice.EXCLUDE)))


@pytest.mark.parametrize("strategy", builtin_strategies(), ids=lambda one: one.name)
def test_unknown_prices_last_under_every_strategy(strategy: Strategy) -> None:
    """``last`` holds whatever ranks; unless it is asked for, a written order is kept."""
    targets = [target("u"), target("k", prices=(usd("0.5"),)), target("v"),
               target("l", prices=(usd("0.4"),))]  # fmt: skip
    turn, terms = counting(), Terms(unknown_price=UnknownPrice.LAST)
    for _ in range(12):
        made = plan(targets, strategy=strategy, terms=terms, turn=turn)
        assert [True, True, False, False] == [one.estimate.is_known for one in made.candidates]
    assert "ukvl" == names(plan(targets, strategy=Fallback()))


@pytest.mark.parametrize("strategy", builtin_strategies(), ids=lambda one: one.name)
def test_transparency_first_under_every_strategy(strategy: Strategy) -> None:
    """Who makes a transparent background comes before all who make an opaque one instead, even
    through a fallback model or closed for now; and takes turns as if there were no others."""
    able = {"backgrounds": ("transparent", "opaque")}
    targets = [target("o"), target("t", **able), target("c", **able), target("u", **able),
               target("v", via="other"), target("w", via="other", **able)]  # fmt: skip
    request, turn = replace(REQUEST, background="transparent"), counting()
    firsts = Counter[str]()
    for _ in range(12):
        made = names(plan(targets, request, strategy=strategy, turn=turn,
                          health=lambda one: CLOSED if one.provider == "c" else WELL))  # fmt: skip
        assert "cwov" == made[2:]
        firsts[made[0]] += 1
    if isinstance(strategy, RoundRobin):
        assert {"t": 6, "u": 6} == firsts
    opaque = replace(REQUEST, background="opaque")
    assert "otcuvw" == names(plan(targets, opaque))


def test_transparency_is_shared_by_those_that_make_it() -> None:
    """Of a request that is spread no part goes to who would make it opaque; without transparency
    all are alike."""
    able = {"backgrounds": ("transparent", "opaque")}
    targets = [target("o"), target("t", **able), target("u", **able)]
    terms = Terms(spread=True)
    assert (2, 2, 0) == plan(targets, asks(4, background="transparent"), terms=terms).shares
    assert (2, 1, 1) == plan(targets, asks(4, background="opaque"), terms=terms).shares


def asks(n: int, **settings: Any) -> ImageRequest:
    return replace(REQUEST, n=n, **settings)


class Rogue:
    """A plugin's strategy that does as it is told."""

    name = "rogue"

    def __init__(self, rank: Callable[[Sequence[Candidate]], Sequence[Candidate]]) -> None:
        self._rank = rank

    def rank(self, candidates: Sequence[Candidate], turn: Turn) -> Sequence[Candidate]:
        return self._rank(candidates)


@pytest.mark.parametrize(
    ("rank", "problem"),
    [
        (lambda candidates: candidates[:1], "returned 1 of 2 candidates"),
        (lambda candidates: [*candidates, candidates[0]], "returned 3 of 2 candidates"),
        (lambda candidates: candidates[7:] or candidates[9], "raised IndexError"),
    ],
)
def test_a_strategy_that_goes_wrong_is_named(rank: Any, problem: str) -> None:
    """No target is lost in silence, and no stranger's exception comes through."""
    with pytest.raises(PluginError, match=f"the strategy 'rogue' {problem}"):
        plan([target("a"), target("b")], strategy=Rogue(rank))
