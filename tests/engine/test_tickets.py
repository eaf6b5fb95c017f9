"""What a job is collected by can be read by another process, of another version too."""

from __future__ import annotations

import json

import pytest

from routercore.engine.tickets import Ticket, TicketError, read, written
from routercore.values.money import UNKNOWN_COST
from routercore.values.sizes import Size

TICKET = Ticket(
    handle={"poll": "https://a.example/jobs/7"}, model="art", key="0123", n=2, size="64x32",
    settings={"seed": 7, "quality": "high"}, format="webp", compression=80,
    prices=("0.04", "0.08"), basis="table",
)  # fmt: skip


def test_a_ticket_is_read_as_it_was_written() -> None:
    """With the settings and the prices that the job was accepted under."""
    ticket = read(written(TICKET, ("sk-secret",)))
    request = ticket.request()
    assert (TICKET.handle, "webp", 80) == (ticket.handle, ticket.format, ticket.compression)
    assert (2, Size(64, 32), 7, "high") == (request.n, request.size, request.seed, request.quality)
    assert ["0.04", "0.08"] == [str(ticket.price(images).usd) for images in (1, 2)]
    assert UNKNOWN_COST == ticket.price(3) == ticket.price(0)


def test_what_a_later_version_adds_is_passed_over() -> None:
    """A field that this version does not know changes nothing."""
    text = json.dumps({**json.loads(written(TICKET, ())), "novelty": 1})
    assert TICKET.handle == read(text).handle


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "7", "{}", '{"handle": {}, "model": "art", "key": "", "n": "x",'
             ' "size": "wide"}', '{"handle": {}, "model": "a", "key": "", "settings": {"x": 1}}'],
)  # fmt: skip
def test_what_is_no_ticket_is_told(text: str) -> None:
    """Text that cannot be read raises one error, whatever is wrong with it."""
    with pytest.raises(TicketError):
        read(text)
