"""Which transport is chosen, and whose fault a failure is."""

from __future__ import annotations

import asyncio
import errno
import sys

import pytest

from routercore.engine.transport import default_transport
from routercore.engine.transport.base import (
    Phase,
    TransportError,
    mark_phase,
    phase_of,
)
from routercore.engine.transport.failures import failure
from routercore.provider.http import post_json

from .conftest import MakeTransport


def test_the_fast_one_is_chosen_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra decides, and nothing breaks without it."""
    pytest.importorskip("aiohttp")
    assert "aiohttp" == default_transport().name
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    assert "httpx2" == default_transport().name


@pytest.mark.parametrize(("code", "is_local"), [(errno.EMFILE, True), (errno.ENETDOWN, False)])
async def test_our_own_shortage(make_transport: MakeTransport, code: int, is_local: bool) -> None:
    """Running out of descriptors is not the upstream's fault."""

    async def resolve(host: str, port: int) -> list[str]:
        raise OSError(code, "no")

    transport = make_transport(resolve=resolve)
    with pytest.raises(TransportError) as caught:
        await transport.send(post_json("http://images.invalid/", {}), public_only=True)
    await transport.close()
    assert (Phase.NOT_SENT, is_local) == (caught.value.phase, caught.value.is_local)


def test_a_cause_inside_a_group() -> None:
    """Several addresses failed in several ways: a shortage among them is seen."""
    group = ExceptionGroup("all failed", [OSError(errno.EMFILE, "no"), OSError("other")])
    error = OSError("All connection attempts failed")
    error.__cause__ = group
    assert failure(error, Phase.NOT_SENT, "https://a.example").is_local
    assert not failure(error, Phase.SENT, "https://a.example").is_local


def test_how_far_a_cancelled_exchange_came() -> None:
    """The mark is found on the exception or on its cause, and the worst is assumed without."""
    cancelled = asyncio.CancelledError()
    assert Phase.SENT == phase_of(cancelled)
    mark_phase(cancelled, Phase.NOT_SENT)
    late = TimeoutError()
    late.__cause__ = cancelled
    assert [Phase.NOT_SENT, Phase.NOT_SENT] == [phase_of(cancelled), phase_of(late)]
    assert Phase.HEADERS == phase_of(TransportError("cut", Phase.HEADERS))


def test_how_far_an_exchange_came_that_a_time_limit_ended() -> None:
    """The cancellation is found where an early Python 3.11 does not name it as the cause."""
    cancelled = asyncio.CancelledError()
    mark_phase(cancelled, Phase.NOT_SENT)
    late = TimeoutError()
    late.__context__ = cancelled
    assert Phase.NOT_SENT == phase_of(late)


def test_an_earlier_failure_is_not_this_ones() -> None:
    """What was merely being handled when the exchange was cancelled says nothing about it."""
    cancelled = asyncio.CancelledError()
    cancelled.__context__ = TransportError("refused", Phase.NOT_SENT)
    assert Phase.SENT == phase_of(cancelled)
