"""The checks as a pytest class that a plugin's author subclasses."""

from __future__ import annotations

import inspect
import sys
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest

from routercore.provider.spec import Provider
from routercore.testing.conformance.grades import CHECKS, QUALITY_FILE, Check, Quality
from routercore.testing.conformance.runs import Outcome, grade_of, run_checks
from routercore.testing.conformance.subject import Subject


class ProviderTests:
    """Every check of the kit, for one provider.

    ``provider`` is what is checked. Its transcripts are the ``transcripts`` folder beside the test
    file, and ``quality.toml`` lies beside the provider's module, unless ``transcripts`` and
    ``quality`` say otherwise. A check cannot be overridden or removed: what a provider cannot do
    for a good reason is an exception with that reason in ``quality.toml``.
    """

    provider: ClassVar[Provider]
    transcripts: ClassVar[Path | None] = None
    quality: ClassVar[Path | None] = None

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for name in ("test_check", "test_grade"):
            if name in vars(cls):
                raise TypeError(
                    f"{cls.__name__}.{name}: checks of the kit cannot be overridden; "
                    f"record an exception with its reason in {QUALITY_FILE}"
                )

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
    def test_check(self, check: Check) -> None:
        """The provider does what the check asks, or fails it for the reason that is recorded."""
        outcome = next(one for one in _outcomes_of(self) if one.check == check)
        if outcome.reason and outcome.problem:
            pytest.xfail(outcome.reason)
        if outcome.reason:
            pytest.fail(f"{check.name} passes: take its exception out of {QUALITY_FILE}")
        if outcome.problem:
            pytest.fail(f"{check.about}\n{outcome.problem}", pytrace=False)

    def test_grade(self) -> None:
        """The grade that the plugin shows is the one that it has."""
        outcomes = _outcomes_of(self)
        expected = grade_of(outcomes, _subject(type(self)))
        shown = _quality(type(self)).grade
        if shown is not expected:
            pytest.fail(
                f"{QUALITY_FILE} says {shown.name.lower()}, it is {expected.name.lower()}; "
                f"`routercore plugin check . --write` records it",
                pytrace=False,
            )


def _outcomes_of(tests: ProviderTests) -> list[Outcome]:
    suite: Any = type(tests)
    return _outcomes(suite)


@cache
def _outcomes(suite: Any) -> list[Outcome]:
    return run_checks(_subject(suite), _quality(suite))


def _subject(suite: type[ProviderTests]) -> Subject:
    beside = Path(inspect.getfile(suite)).parent / "transcripts"
    return Subject(suite.provider, suite.transcripts or beside)


def _quality(suite: type[ProviderTests]) -> Quality:
    return Quality.read(suite.quality or beside_module(suite.provider))


def beside_module(provider: Provider) -> Path:
    """Where the quality file of a provider's plugin is.

    A row is made of a class of the library's own, so that its module is looked up by its name.
    """
    name = type(provider).__module__
    if name.startswith("routercore."):
        name = f"routercore_{provider.name.replace('-', '_')}"
    module = sys.modules.get(name.partition(".")[0])
    file = getattr(module, "__file__", None)
    return Path(file).parent / QUALITY_FILE if file else Path(QUALITY_FILE)
