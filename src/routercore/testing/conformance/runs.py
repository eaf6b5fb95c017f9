"""Running the checks on a provider, and the grade that comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from routercore.testing.conformance.grades import CHECKS, Check, Grade, Quality
from routercore.testing.conformance.subject import CheckFailed, Subject
from routercore.values.catalogue import ModelCard

__all__ = ["Outcome", "Subject", "grade_of", "run_checks"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check came to."""

    check: Check
    problem: str | None = None
    """Why it failed; ``None`` where it passed."""
    reason: str | None = None
    """Why it was expected to fail."""

    @property
    def is_fine(self) -> bool:
        """Passed, or failed as expected; an expected failure that passes is not fine."""
        return (self.problem is None) == (self.reason is None)


def run_checks(subject: Subject, quality: Quality | None = None) -> list[Outcome]:
    """Run every check; none can be left out."""
    exceptions = (quality or Quality()).exceptions
    return [_run(check, subject, exceptions.get(check.name)) for check in CHECKS]


def _run(check: Check, subject: Subject, reason: str | None) -> Outcome:
    try:
        check.run(subject)
    except CheckFailed as error:
        return Outcome(check, str(error), reason)
    except Exception as error:  # noqa: BLE001 - whatever a provider raises is a finding
        return Outcome(check, f"{type(error).__name__}: {error}", reason)
    return Outcome(check, None, reason)


def grade_of(outcomes: Sequence[Outcome], subject: Subject) -> Grade:
    """The highest grade all of whose checks passed, and platinum where nothing is left to wish."""
    failed = [outcome.check.grade for outcome in outcomes if outcome.problem is not None]
    if failed:
        return Grade(min(failed) - 1)
    return Grade.GOLD if any(_wishes(subject)) else Grade.PLATINUM


def _wishes(subject: Subject) -> Iterable[str]:
    """What stands between a provider that passes everything and platinum."""
    cards: Sequence[ModelCard] = subject.provider.catalogue()
    if any(card.unverified for card in cards):
        yield "facts that are unverified"
    offered = {operation for card in cards for operation in card.operations}
    recorded = {one.task_for(subject.provider).operation for _, one in subject.successes}
    if offered - recorded:
        yield "operations without a transcript"
    faults = {one.failure.get("fault") for _, one in subject.transcripts if one.failure}
    if len(faults) < 3:
        yield "transcripts of at least three kinds of failure"
