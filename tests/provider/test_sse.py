"""Server-sent events, decoded from pieces of any size."""

from __future__ import annotations

import pytest

from routercore.provider.http import ServerEvent
from routercore.provider.sse import EventDecoder

STREAM = b'event: partial\r\ndata: {"n": 1}\r\ndata: 2\r\nid: 7\r\n: a remark\r\n\r\ndata:last\n\n'
EVENTS = [ServerEvent("partial", '{"n": 1}\n2'), ServerEvent("message", "last")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_pieces_of_any_size_make_the_same_events(size: int) -> None:
    """Also where a piece ends inside a line, or between the halves of a line's end."""
    decoder = EventDecoder()
    pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert EVENTS == [event for piece in pieces for event in decoder.feed(piece)]


def test_empty_lines_without_data_are_no_event() -> None:
    """A lone name, or nothing at all, says nothing; a lone carriage return ends a line too."""
    decoder = EventDecoder()
    assert [] == list(decoder.feed(b"\n\nevent: ping\n\n"))
    assert [ServerEvent("message", "x")] == list(decoder.feed(b"data: x\r\r\n"))


def test_an_event_that_does_not_end_is_refused() -> None:
    """Whoever sends one for ever does not fill the memory; many small ones are no such thing."""
    decoder = EventDecoder(max_bytes=100)
    for _ in range(20):
        assert 1 == len(list(decoder.feed(b"data: of twenty\n\n")))
    with pytest.raises(ValueError, match="larger than 100 bytes"):
        list(decoder.feed(b"data: " + b"x" * 100))
