"""What a rehearsal plays: latency and failures, read from a task's options."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from routercore.provider import Fault, ProviderFailed, fail, refused
from routercore.provider.options import nearest
from routercore.providers.test.chance import Chance

OK = "ok"
WORDS = (OK, *(str(fault) for fault in Fault))
JOB_FAULTS = frozenset(
    {Fault.JOB_FAILED, Fault.JOB_LOST, Fault.REFUSED_RESULT, Fault.RESULT_UNAVAILABLE}
)
"""Faults that only an accepted job, or a finished one, can have."""
MAX_SECONDS = 3600.0
MAX_COUNTS = 1000
"""Scripts that are counted at once; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One rehearsal; the fields are the options' names."""

    latency: float = 0.0
    fail: tuple[str, ...] = ()
    script: str = ""
    fail_rate: float | None = None
    after: float | None = None
    retry_after: float | None = None
    refuse: bool = False
    images: int | None = None
    bad_image: bool = False
    job: bool = False

    @classmethod
    def read(cls, options: Mapping[str, object]) -> Script:
        """Check and read options.

        Raises:
            ProviderFailed: ``invalid_request`` that names the option and what it takes.
        """
        values: dict[str, Any] = {name: _read(name, value) for name, value in options.items()}
        return cls(**values)

    @staticmethod
    def wrong_options(options: Mapping[str, object]) -> Iterator[tuple[str, str]]:
        """Each option that :meth:`read` would refuse, and why."""
        for name, value in options.items():
            try:
                _read(name, value)
            except ProviderFailed as error:
                yield name, error.failure.message

    @property
    def name(self) -> str:
        """What its calls are counted under."""
        return self.script or ",".join(self.fail) or f"fail_rate {self.fail_rate}"

    def fault(self, count: int) -> Fault | None:
        """How call number ``count``, from zero, fails, or ``None`` if it does not."""
        words = self.fail or ((OK,) if self.fail_rate is None else (str(Fault.OVERLOADED),))
        word = words[min(count, len(words) - 1)]
        if word == OK or (self.fail_rate is not None and self._luck(count) >= self.fail_rate):
            return None
        return Fault(word)

    def fails_as_job(self, fault: Fault) -> bool:
        """Whether the failure comes after the job was accepted."""
        return self.job and (self.after is not None or fault in JOB_FAULTS)

    def failure(self, fault: Fault) -> ProviderFailed:
        """The exception for a rehearsed fault."""
        message = f"a rehearsed failure: {fault}"
        if fault in (Fault.REFUSED, Fault.REFUSED_RESULT):
            return refused(message, after_work=fault is Fault.REFUSED_RESULT,
                           categories=("rehearsal",), retry_after=self.retry_after)  # fmt: skip
        return fail(fault, message, retry_after=self.retry_after)

    def _luck(self, count: int) -> float:
        """A number from 0 up to 1 that belongs to a call of this script."""
        return Chance(self.name, count).random()


class Counts:
    """How often each script was played; the only thing that a provider's instance remembers."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def next(self, name: str) -> int:
        """The number of this call, from zero."""
        count = self._counts.pop(name, 0)
        self._counts[name] = count + 1
        if len(self._counts) > MAX_COUNTS:
            del self._counts[next(iter(self._counts))]
        return count


def _read(name: str, value: object) -> object:
    if name not in _READERS:
        hint = nearest(name, _READERS) or f": {', '.join(_READERS)}"
        raise _wrong(name, f"is none of the test provider's options{hint}")
    return _READERS[name](name, value)


def _wrong(name: str, message: str) -> ProviderFailed:
    return fail(
        Fault.INVALID_REQUEST,
        f"option {name!r} {message}",
        param=f"options.test.{name}",
        only_here=True,
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _seconds(name: str, value: object) -> float:
    number = _number(value)
    if number is None or not 0 <= number <= MAX_SECONDS:
        raise _wrong(name, f"takes seconds from 0 to {MAX_SECONDS:.0f}, not {value!r}")
    return number


def _share(name: str, value: object) -> float:
    number = _number(value)
    if number is None or not 0 <= number <= 1:
        raise _wrong(name, f"takes a number from 0 to 1, not {value!r}")
    return number


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10:
        raise _wrong(name, f"takes a whole number from 0 to 10, not {value!r}")
    return value


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, f"takes true or false, not {value!r}")
    return value


def _name(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > 200:
        raise _wrong(name, f"takes a name, not {value!r}")
    return value


def _faults(name: str, value: object) -> tuple[str, ...]:
    words = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not words or len(words) > 100:
        raise _wrong(name, f"takes one to 100 faults, not {len(words)}")
    for word in words:
        if word not in WORDS:
            hint = nearest(str(word), WORDS)
            raise _wrong(name, f"takes {', '.join(WORDS)}, or a list of these, not {word!r}{hint}")
    return tuple(str(word) for word in words)


_Reader = Callable[[str, object], object]
_READERS: Mapping[str, _Reader] = {
    "latency": _seconds, "fail": _faults, "script": _name, "fail_rate": _share,
    "after": _seconds, "retry_after": _seconds, "refuse": _switch, "images": _count,
    "bad_image": _switch, "job": _switch,
}  # fmt: skip
assert set(_READERS) == {field.name for field in fields(Script)}
