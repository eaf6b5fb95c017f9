"""The plan: which targets would be tried, in which order, at what price, and why not the rest."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from routercore.values.catalogue import ModelCard
from routercore.values.check import Fit, Rejection, check
from routercore.values.errors import PluginError
from routercore.values.images import ImageRequest, Warning
from routercore.values.money import Estimate, estimate

PRICE = "price"
"""What decided, where a target is rejected because nobody knows its price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A deployment that is a candidate: a configured provider and one of its model cards."""

    provider: str
    """The provider's name in the configuration."""
    card: ModelCard
    weight: float = 1.0
    options: Mapping[str, object] = field(default_factory=dict)
    """Provider options of this deployment, under the caller's own."""
    via: str | None = None
    """The fallback model through which it became a candidate, if not the model asked for."""

    @property
    def name(self) -> str:
        return f"{self.provider}:{self.card.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the engine has seen of one target lately."""

    latency: float | None = None
    """Decaying mean of successful calls, in seconds."""
    in_flight: int = 0
    closed_for: float = 0.0
    """Seconds until it may be tried again: every key parked, or the circuit open."""
    reason: str = ""


WELL = Health()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A target that can do the request, as it would do it."""

    target: Target
    request: ImageRequest
    """The request, fitted to the target's card."""
    warnings: tuple[Warning, ...]
    estimate: Estimate
    health: Health = WELL

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def is_transparent(self) -> bool:
        """Whether it is asked for a transparent background."""
        return self.request.background == "transparent"

    @property
    def expected_latency(self) -> float:
        return self.health.latency or self.target.card.latency


@dataclass(frozen=True, slots=True)
class Rejected:
    """A target that is not tried, and every reason."""

    target: str
    reasons: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be tried, and why the rest would not."""

    request: ImageRequest
    strategy: str
    candidates: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]
    shares: tuple[int, ...] = ()
    """How many images each candidate is asked for before anything has failed; the first one for
    all of them unless given."""

    def __post_init__(self) -> None:
        if not self.shares:
            object.__setattr__(self, "shares", _alone(self.request.n, len(self.candidates)))

    def __str__(self) -> str:
        return "\n".join([f"{self.request.model}: {self.request.operation} by {self.strategy}",
                          *spread_in_words(self.candidates, self.shares),
                          *targets_in_words(self.candidates, self.rejected)])  # fmt: skip


def targets_in_words(
    candidates: Sequence[Candidate], rejected: Sequence[Rejected]
) -> Iterator[str]:
    """A line a target and a line a warning or reason, for a look at a plan in a program."""
    for number, candidate in enumerate(candidates, 1):
        yield f"{number:3}. {candidate.name}  {candidate.estimate}"
        yield from (f"     {one.param}: {one.message}" for one in candidate.warnings)
    for other in rejected:
        yield f"  -  {other.target}"
        yield from (f"     {one.param}: {one.message}" for one in other.reasons)


def spread_in_words(candidates: Sequence[Candidate], shares: Sequence[int]) -> Iterator[str]:
    """One line on who is asked for how many images, where several are asked side by side."""
    parts = [f"{n} of {one.name}" for one, n in zip(candidates, shares, strict=False) if n]
    if len(parts) > 1:
        yield f"side by side: {', '.join(parts)}"


class UnknownPrice(StrEnum):
    """What becomes of a target whose price nobody knows."""

    ALLOW = "allow"
    """It is ranked as any other; a strategy that goes by price has it last."""
    LAST = "last"
    """It is asked after all others of its model, whatever the strategy."""
    EXCLUDE = "exclude"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Turn:
    """What a strategy may draw on: how many plans came before, and randomness."""

    number: int
    random: random.Random


class Strategy(Protocol):
    """Ranks the targets that can do a request. Pure: the same arguments, the same order."""

    @property
    def name(self) -> str: ...

    def rank(self, candidates: Sequence[Candidate], turn: Turn) -> Sequence[Candidate]:
        """All candidates, best first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a route lays down beside its strategy."""

    unknown_price: UnknownPrice = UnknownPrice.ALLOW
    max_price: Decimal | None = None
    spread: bool = False
    """Whether the images of a request are divided over the targets that can make them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """Who can do a request, whatever it costs and however they are. No turn is taken for it."""

    request: ImageRequest
    able: tuple[tuple[Target, Fit], ...]
    """As configured, with the request as each would do it."""
    rejected: tuple[Rejected, ...]


HealthOf = Callable[[Target], Health]
RefusedBy = Callable[[Target], Collection[tuple[str, str]]]
TurnOf = Callable[[tuple[str, ...]], Turn]


def fitting(
    request: ImageRequest, targets: Iterable[Target], *, refused: RefusedBy, today: date
) -> Fitting:
    """Check every target. Pure, given its callables.

    Args:
        request: what is asked for.
        targets: every deployment of the model, in the configured order; those of fallback models
            behind, with ``via`` set.
        refused: settings and values that a target's upstream turned down although its card offers
            them.
        today: for models that were shut down.
    """
    able: list[tuple[Target, Fit]] = []
    rejected: list[Rejected] = []
    for target in targets:
        checked = check(target.card, request, today)
        if isinstance(checked, Fit):
            checked = tuple(_contradicted(refused(target), checked.request)) or checked
        if isinstance(checked, Fit):
            able.append((target, checked))
        else:
            rejected.append(Rejected(target.name, checked))
    return Fitting(request=request, able=tuple(able), rejected=tuple(rejected))


def make_plan(
    fits: Fitting, strategy: Strategy, *, terms: Terms, health: HealthOf, turn: TurnOf
) -> Plan:
    """Decide the order of trying. Pure, given its callables.

    Args:
        fits: who can do the request.
        strategy: ranks; applied to the targets of each model by itself, so that a fallback model
            never comes before the model asked for. Targets that would make a transparent
            background opaque come after all that make it, and are ranked by themselves, too.
        terms: what the route lays down on price.
        health: what is known of a target.
        turn: the turn of a set of candidates, by their names; counts for each set by itself, so
            that rotation is fair whatever mixture of requests arrives and whatever is closed.
    """
    groups: dict[tuple[bool, str | None], list[Candidate]] = {}
    for target, fit in fits.able:
        candidate = _candidate(target, fit, health(target))
        groups.setdefault((not candidate.is_transparent, target.via), []).append(candidate)
    ranked: list[Candidate] = []
    for key in sorted(groups, key=lambda key: key[0]):
        ranked += _ranked(groups[key], strategy, turn, terms)
    ranked, dear = _priced(ranked, terms)
    return Plan(request=fits.request, strategy=strategy.name, candidates=tuple(ranked),
                rejected=(*fits.rejected, *dear),
                shares=_shares(ranked, fits.request.n, terms))  # fmt: skip


def _ranked(
    fit: Sequence[Candidate],
    strategy: Strategy,
    turn: TurnOf,
    terms: Terms,
) -> list[Candidate]:
    """The open ones as the strategy ranks them; behind them the closed ones, soonest first.

    The strategy does not see what is closed, so that its share falls to all others alike.
    """
    ready = [candidate for candidate in fit if candidate.health.closed_for <= 0]
    closed = [candidate for candidate in fit if candidate.health.closed_for > 0]
    if ready:
        ready = _in_order(ready, strategy, turn(tuple(one.name for one in ready)))
    if terms.unknown_price is UnknownPrice.LAST:
        ready.sort(key=lambda one: not one.estimate.is_known)
    return ready + sorted(closed, key=lambda one: one.health.closed_for)


def _shares(ranked: Sequence[Candidate], n: int, terms: Terms) -> tuple[int, ...]:
    """Nearly equal shares for the first and its peers; none where all goes to the first.

    A fallback model, a target that rests and one that is asked last, for its price or because it
    makes no transparent background, are not asked before others have failed. Shares that would
    cost more than any one target may are not made.
    """
    takers = [one for one in ranked if terms.spread and _is_peer(one, ranked[0], terms)][:n]
    if len(takers) < 2:
        return ()
    whole, rest = divmod(n, len(takers))
    shares = {id(one): whole + (place < rest) for place, one in enumerate(takers)}
    highs = [estimate(one.target.card, replace(one.request, n=shares[id(one)])).high
             for one in takers]  # fmt: skip
    if terms.max_price is not None and sum(filter(None, highs)) > terms.max_price:
        return ()
    return tuple(shares.get(id(one), 0) for one in ranked)


def _alone(n: int, candidates: int) -> tuple[int, ...]:
    return tuple(0 if place else n for place in range(candidates))


def _is_peer(one: Candidate, first: Candidate, terms: Terms) -> bool:
    is_last = terms.unknown_price is UnknownPrice.LAST
    is_as_known = one.estimate.is_known or not is_last or not first.estimate.is_known
    is_as_clear = one.is_transparent == first.is_transparent
    is_peer = one.target.via == first.target.via and is_as_known and is_as_clear
    return is_peer and one.health.closed_for <= 0


def _in_order(ready: list[Candidate], strategy: Strategy, turn: Turn) -> list[Candidate]:
    """What the strategy makes of them, which has to be all of them.

    Raises:
        PluginError: the strategy fails, or leaves out or adds some.
    """
    try:
        ranked = list(strategy.rank(ready, turn))
    except Exception as error:  # The plugin boundary.
        what = f"raised {type(error).__name__}: {error}"
        raise PluginError(f"the strategy {strategy.name!r} {what}") from error
    if sorted(map(id, ranked)) != sorted(map(id, ready)):
        what = f"returned {len(ranked)} of {len(ready)} candidates; it has to return each once"
        raise PluginError(f"the strategy {strategy.name!r} {what}")
    return ranked


def _candidate(target: Target, fit: Fit, health: Health) -> Candidate:
    return Candidate(
        target=target,
        request=fit.request,
        warnings=(*_via(target), *fit.warnings),
        estimate=estimate(target.card, fit.request),
        health=health,
    )


def _contradicted(
    refused: Collection[tuple[str, str]], request: ImageRequest
) -> Iterator[Rejection]:
    """What the request would ask again that the upstream has turned down before."""
    for param, value in sorted(refused):
        if str(getattr(request, param)) == value:
            message = f"its card offers {value!r}, and its upstream turned that down"
            yield Rejection(param, message)


def _via(target: Target) -> tuple[Warning, ...]:
    if target.via is None:
        return ()
    message = f"served by the fallback model {target.via!r}"
    return (Warning(code="model_fallback", param="model", message=message, delivered=target.via),)


def _priced(candidates: list[Candidate], terms: Terms) -> tuple[list[Candidate], list[Rejected]]:
    """Apply the policy on unknown prices and the ceiling on known ones."""
    ceiling = terms.max_price
    kept: list[Candidate] = []
    dear: list[Rejected] = []
    for candidate in candidates:
        problem = _price_problem(candidate.estimate, terms.unknown_price, ceiling)
        if problem is None:
            kept.append(candidate)
        else:
            dear.append(Rejected(candidate.name, (problem,)))
    return kept, dear


def _price_problem(
    price: Estimate, unknown: UnknownPrice, ceiling: Decimal | None
) -> Rejection | None:
    if price.high is None:
        if ceiling is not None:
            message = f"its price is unknown and the request may cost at most ${ceiling}"
            return Rejection(PRICE, message)
        is_welcome = unknown in (UnknownPrice.ALLOW, UnknownPrice.LAST)
        return None if is_welcome else Rejection(PRICE, "its price is unknown")
    if ceiling is not None and price.high > ceiling:
        return Rejection("max_price", f"it may cost ${price.high}, over the limit of ${ceiling}")
    return None
