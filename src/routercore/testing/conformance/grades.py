"""The checks, the grades they make up, and the file in which a plugin records its own."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from routercore.testing.conformance import declared, handles, played, sent
from routercore.testing.conformance.subject import Subject

QUALITY_FILE = "quality.toml"


class Grade(IntEnum):
    """How much of the kit a provider passes. Each grade includes those below it."""

    NONE = 0
    BRONZE = 1
    """It loads, declares itself consistently, replays its transcripts, names faults truthfully
    and handles no key."""
    SILVER = 2
    """Nothing that a vendor answers throws it, it submits once, its prices are known or said to be
    unknown, and what it was tried on comes from the vendor."""
    GOLD = 3
    """It is well-behaved for every request that fits, fast on large answers, and polite."""
    PLATINUM = 4
    """Without exception, on facts that were all verified, with every operation recorded."""

    @classmethod
    def of(cls, word: str) -> Grade:
        """The grade of that name in lower case.

        Raises:
            ValueError: there is none.
        """
        names = {grade.name.lower(): grade for grade in cls}
        if word not in names:
            raise ValueError(f"there is no grade {word!r}; there are {', '.join(names)}")
        return names[word]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a provider must do."""

    name: str
    grade: Grade
    """The lowest grade that needs it."""
    run: Callable[[Subject], None] = field(repr=False)

    @property
    def about(self) -> str:
        """What it asks, in a sentence."""
        return (self.run.__doc__ or "").strip().splitlines()[0]


CHECKS: tuple[Check, ...] = (
    Check("loads", Grade.BRONZE, declared.loads),
    Check("declares", Grade.BRONZE, declared.declares),
    Check("replays", Grade.BRONZE, played.replays),
    Check("classifies", Grade.BRONZE, declared.classifies),
    Check("secrets", Grade.BRONZE, played.secrets),
    Check("mutates", Grade.SILVER, played.mutates),
    Check("cut", Grade.SILVER, played.cut),
    Check("pure", Grade.SILVER, played.pure),
    Check("bills", Grade.SILVER, played.bills),
    Check("sends", Grade.SILVER, sent.sends),
    Check("resumes", Grade.SILVER, handles.resumes),
    Check("sources", Grade.SILVER, declared.sources),
    Check("properties", Grade.GOLD, declared.properties),
    Check("polite", Grade.GOLD, played.polite),
    Check("speed", Grade.GOLD, played.speed),
)


@dataclass(frozen=True, slots=True)
class Quality:
    """What a plugin says of itself in ``quality.toml``, beside its code."""

    grade: Grade = Grade.NONE
    exceptions: Mapping[str, str] = field(default_factory=dict)
    """Checks that are expected to fail, each with the reason. One that passes is an error."""

    @classmethod
    def read(cls, path: Path) -> Quality:
        """The plugin's record; an empty one where there is no file.

        Raises:
            ValueError: the file is wrong: an unknown check or grade, or a reason that says nothing.
        """
        if not path.exists():
            return cls()
        recorded = tomllib.loads(path.read_text("utf-8"))
        exceptions = recorded.get("exceptions", {})
        known = {check.name for check in CHECKS}
        for name, reason in exceptions.items():
            if name not in known:
                raise ValueError(f"{path.name}: there is no check {name!r}")
            if not isinstance(reason, str) or len(reason) < 10:
                raise ValueError(f"{path.name}: the exception of {name!r} needs a reason")
        return cls(Grade.of(recorded.get("grade", "none")), exceptions)

    def written(self) -> str:
        """The text of the file."""
        lines = ["# What `routercore plugin check` found.", f'grade = "{self.grade.name.lower()}"']
        if self.exceptions:
            lines += ["", "[exceptions]", *(f'{n} = "{r}"' for n, r in self.exceptions.items())]
        return "\n".join(lines) + "\n"
