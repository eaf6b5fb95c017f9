"""Telling what happened: every observer hears every event, and none can disturb the work."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import structlog

from routercore.values.amounts import plain
from routercore.values.events import Event, Observer

NAME = "routercore"
logging.getLogger(NAME).addHandler(logging.NullHandler())


def logger() -> Any:
    """The application's structlog where it has configured one, else ``logging`` as it stands.

    structlog that nobody configured prints everything to standard output, which a library must
    not. Through ``logging`` it says nothing until the application wants to hear it.
    """
    if structlog.is_configured():
        return structlog.get_logger(NAME)
    processors: list[Any] = [
        structlog.stdlib.filter_by_level,
        structlog.processors.KeyValueRenderer(key_order=["event"], drop_missing=True),
    ]
    target = logging.getLogger(NAME)
    return structlog.wrap_logger(
        target, processors=processors, wrapper_class=structlog.stdlib.BoundLogger
    )


_LEVELS = {"failed": "warning", "contradicted": "warning", "overage": "warning",
           "completed": "info", "cancelled": "info"}  # fmt: skip


class LogObserver:
    """Writes events to the log whole: what may not be kept is in no event."""

    def __init__(self) -> None:
        self._log = logger()

    def notify(self, event: Event) -> None:
        level = _LEVELS.get(event.name.rpartition(".")[2], "debug")
        fields = {name: _plainly(value) for name, value in event.fields.items()}
        getattr(self._log, level)(event.name, request_id=event.request_id, **fields)


def _plainly(value: object) -> object:
    """A value as a line has it: amounts of money as text, which is what they are in JSON too."""
    return plain(value) if isinstance(value, Decimal) else value


class Observers:
    """Hands events on."""

    def __init__(self, observers: Iterable[Observer]) -> None:
        self._observers = [LogObserver(), *observers]
        self._broken: set[int] = set()

    def emit(self, name: str, request_id: str, **fields: Any) -> None:
        """Tell everybody; an observer that raises is reported once and kept."""
        event = Event(name=name, request_id=request_id, fields=fields)
        for observer in self._observers:
            try:
                observer.notify(event)
            except Exception as error:  # noqa: BLE001 - the plugin boundary
                self._report(observer, error)

    def _report(self, observer: Observer, error: Exception) -> None:
        if id(observer) not in self._broken:
            self._broken.add(id(observer))
            kind = type(observer).__qualname__
            logger().warning("observer.failed", observer=kind,
                                                       error=repr(error)[:200])  # fmt: skip
