"""Plays transcripts through the engine's own driver, over a scripted transport and clock."""

from __future__ import annotations

from pathlib import Path

from routercore.engine.driver import Driver
from routercore.provider.auth import Header
from routercore.provider.http import HttpRequest, ServerEvent, origin_matches
from routercore.provider.spec import Provider
from routercore.testing.clock import ManualClock
from routercore.testing.flows import Played
from routercore.testing.transcripts import Exchange, Mismatch, Transcript, load
from routercore.testing.transport import Answer, FakeTransport, Streamed
from routercore.values.faults import ProviderFailed
from routercore.values.images import Generated


class KeyMismatch(Mismatch):
    """The key went where it must not, or is missing where it must be."""


SECRET = "a-key-that-must-not-leak"
DEADLINE = 3600.0
"""Seconds of the scripted clock; more than any recorded job takes."""


async def replay_driven(provider: Provider, source: str | Path | Transcript) -> Played[Generated]:
    """Run a provider on a transcript as the engine would: signed, decoded, under a deadline.

    Raises:
        Mismatch: as :func:`routercore.testing.transcripts.replay`.
        KeyMismatch: the key is missing from a request to the provider's own origins, or is sent
            anywhere else.
    """
    transcript = source if isinstance(source, Transcript) else load(source)
    task = transcript.task_for(provider)
    is_usual = task.base_url == provider.origins[0]
    origins = tuple(provider.origins) if is_usual else (task.base_url,)
    transport, clock = FakeTransport(map(_answer, transcript.exchanges)), ManualClock()
    played: Played[Generated] = Played()
    driver = Driver(
        transport=transport, clock=clock, provider=provider, secret=SECRET, signed_origins=origins,
        trusted_origins=frozenset(), on_notice=played.notices.append, jitter=lambda: 0.0,
    )  # fmt: skip
    try:
        work = driver.run(lambda: provider.generate(task), DEADLINE)
        played.value = await clock.run(work)
    except ProviderFailed as error:
        played.failed = error
    played.requests = transport.requests
    for request in transport.requests:
        _check_secret(provider, origins, request)
    transcript.check(played)
    return played


def _answer(exchange: Exchange) -> Answer:
    reply = exchange.reply()
    if "events" not in exchange.response:
        return reply
    media_type = reply.header("content-type") or "text/event-stream"
    return Streamed(tuple(map(_written, exchange.events())), reply.status, media_type)


def _written(event: ServerEvent) -> bytes:
    lines = "".join(f"data: {line}\n" for line in event.data.split("\n"))
    return f"event: {event.event}\n{lines}\n".encode()


def _check_secret(provider: Provider, origins: tuple[str, ...], sent: HttpRequest) -> None:
    is_ours = any(origin_matches(sent.origin, origin) for origin in origins)
    has_secret = any(SECRET in value for value in sent.headers.values())
    if has_secret and not is_ours:
        raise KeyMismatch(f"the key was sent to {sent.origin}")
    if is_ours and not has_secret and isinstance(provider.auth, Header):
        raise KeyMismatch(f"no key was sent to {sent.origin}")
