"""Telling what happened: every observer hears every event, and none can disturb the work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog

from routercore.values.events import Event, Observer


class LogObserver:
    """Writes events to structlog, which the application configures; names and numbers only."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("routercore")

    def notify(self, event: Event) -> None:
        level = "warning" if event.name.endswith("failed") else "debug"
        getattr(self._log, level)(event.name, request_id=event.request_id, **event.fields)


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
            structlog.get_logger("routercore").warning("observer.failed", observer=kind,
                                                       error=repr(error)[:200])  # fmt: skip
