"""A decoder of server-sent events: bytes in, events out, no input or output of its own."""

from __future__ import annotations

from collections.abc import Iterator

from routercore.provider.http import ServerEvent

MAX_EVENT_BYTES = 64 * 1024 * 1024


class EventDecoder:
    """Collects lines into events, as the HTML standard says; ``id`` and ``retry`` are ignored."""

    def __init__(self, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_bytes
        self._parts: list[bytes] = []
        self._pending = 0
        self._event = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """The events that ``chunk`` completes.

        Raises:
            ValueError: one event is larger than the decoder allows.
        """
        self._pending += len(chunk)
        if self._pending > self._max:
            raise ValueError(f"a server-sent event is larger than {self._max:,} bytes")
        self._parts.append(chunk)
        if b"\n" not in chunk and b"\r" not in chunk:
            return
        text = b"".join(self._parts)
        held = text.endswith(b"\r")  # The other half of a CRLF may still come.
        lines = (text[:-1] if held else text).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *whole, rest = lines.split(b"\n")
        rest += b"\r" if held else b""
        self._parts = [rest]
        for line in whole:
            event = self._line(line.decode("utf-8", "replace"))
            if event is not None:
                self._pending = len(rest)
                yield event

    def _line(self, line: str) -> ServerEvent | None:
        if not line:
            event, data = self._event or "message", self._data
            self._event, self._data = "", []
            return ServerEvent(event, "\n".join(data)) if data else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        return None
