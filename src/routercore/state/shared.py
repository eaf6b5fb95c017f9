"""Promises to callers that several processes keep together, in a server that speaks Redis."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, NamedTuple

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from routercore.engine.clock import Clock
from routercore.engine.observers import logger
from routercore.engine.setup import Caller, Limits
from routercore.state.memory import (
    BUSY_RETRY_AFTER,
    MemoryCallerLimits,
    refuse_impossible,
    too_many,
    whole_window,
)
from routercore.values.limits import Admission, Allowance

TIMEOUT = 1.0
"""Seconds that the server may take; longer, and this process decides alone for a while."""
CONNECTIONS = 16
REST = 5.0
"""Seconds for which a server that did not answer is left alone."""
MAX_LEFT = 1000
"""Places to give back that are remembered; a lease ends the others."""
MICROS = 1_000_000

ENTER = """
local now = tonumber(ARGV[1])
if now < 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local id, images, lease = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local most, amounts, waits, room = tonumber(ARGV[9]), {1, images}, {0, 0}, true

redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
local is_again = redis.call('ZSCORE', KEYS[3], id)
for i = 1, 2 do
  local limit, per = tonumber(ARGV[3 + 2 * i]), tonumber(ARGV[4 + 2 * i])
  if limit >= 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - per)
    local excess = redis.call('ZCARD', KEYS[i]) + amounts[i] - limit
    if excess > 0 then
      local last = redis.call('ZRANGE', KEYS[i], excess - 1, excess - 1, 'WITHSCORES')
      waits[i], room = last[2] + per - now, false
    end
  end
end
local busy = most >= 0 and redis.call('ZCARD', KEYS[3]) >= most
local admitted = is_again or (room and not busy)
if admitted and not is_again then
  for i = 1, 2 do
    local limit, per = tonumber(ARGV[3 + 2 * i]), tonumber(ARGV[4 + 2 * i])
    if limit >= 0 then
      for j = 1, amounts[i] do redis.call('ZADD', KEYS[i], now, id .. ':' .. j) end
      redis.call('PEXPIRE', KEYS[i], math.ceil(per / 1000) + 1000)
    end
  end
  redis.call('ZADD', KEYS[3], now + lease, id)
  redis.call('PEXPIRE', KEYS[3], math.ceil(lease / 1000) + 1000)
end
local answer = {admitted and 1 or 0, waits[1], waits[2], busy and 1 or 0}
for i = 1, 2 do
  local per = tonumber(ARGV[4 + 2 * i])
  local newest = redis.call('ZRANGE', KEYS[i], -1, -1, 'WITHSCORES')
  answer[3 + 2 * i] = redis.call('ZCARD', KEYS[i])
  answer[4 + 2 * i] = newest[2] and newest[2] + per - now or 0
end
return answer
"""
"""Let one request in, or not, by the server's own clock: an exact log of each window, and a lease
for each request inside. The same id twice is let in once."""


class _Answer(NamedTuple):
    """What the script says; times in microseconds."""

    admitted: int
    requests_wait: int
    images_wait: int
    is_busy: int
    requests_used: int
    requests_reset: int
    images_used: int
    images_reset: int


class SharedCallerLimits:
    """Exact over any window and over all processes that share a server.

    While the server cannot be reached, each process keeps the promise by itself, says so in the
    log, and asks the server again after a few seconds.

    Args:
        client: made by :func:`connect`.
        clock: times the rest of a server that does not answer.
        lease: seconds after which a request that never left is taken to be gone.
        now: microseconds, in place of the server's clock; for tests.
    """

    def __init__(self, client: Redis, clock: Clock, *, lease: float, now: Any = None) -> None:
        self._client, self._clock, self._lease = client, clock, lease
        self._now = now
        self._script = client.register_script(ENTER)
        self._alone = MemoryCallerLimits(clock)
        self._rests_until = float("-inf")
        self._left = deque[tuple[str, str]](maxlen=MAX_LEFT)
        """Places, each by its key and id, of which the server may not know that they are free."""

    @asynccontextmanager
    async def admit(self, caller: Caller, images: int) -> AsyncIterator[Admission]:
        """See :class:`routercore.engine.admission.CallerLimits`."""
        async with await self._place(caller, images) as admission:
            yield admission

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _place(self, caller: Caller, images: int) -> AbstractAsyncContextManager[Admission]:
        if caller.limits == Limits() or self._clock.monotonic() < self._rests_until:
            return self._alone.admit(caller, images)
        refuse_impossible(caller.limits, images)
        id = secrets.token_hex(8)
        try:
            await self._give_back()
            answer = await self._enter(caller, images, id)
        except asyncio.CancelledError:
            self._left.append((_keys(caller.name)[2], id))
            raise
        except (RedisError, OSError) as error:
            self._left.append((_keys(caller.name)[2], id))
            self._rests_until = self._clock.monotonic() + REST
            logger().warning("state.unreachable", error=str(error)[:200], seconds=REST)
            return self._alone.admit(caller, images)
        return self._inside(caller, id, answer)

    @asynccontextmanager
    async def _inside(self, caller: Caller, id: str, answer: _Answer) -> AsyncIterator[Admission]:
        admission = _admission(caller.limits, answer)
        if not answer.admitted:
            waits = {
                "requests": answer.requests_wait / MICROS,
                "images": answer.images_wait / MICROS,
                "concurrent requests": BUSY_RETRY_AFTER if answer.is_busy else 0.0,
            }
            raise too_many(caller.name, waits, admission)
        try:
            yield admission
        finally:
            self._left.append((_keys(caller.name)[2], id))
            with suppress(RedisError, OSError):  # Later, or the lease runs out by itself.
                await self._give_back()

    async def _give_back(self) -> None:
        """Leave, also where an answer was lost or not waited for."""
        while self._left:
            place = self._left.pop()  # Its own first.
            try:
                await self._client.zrem(*place)
            except BaseException:  # Also a cancellation: it is still to be left; passed on.
                self._left.append(place)
                raise

    async def _enter(self, caller: Caller, images: int, id: str) -> _Answer:
        limits = caller.limits
        windows = (
            whole_window(limits.requests, limits.requests_per),
            whole_window(limits.images, limits.images_per),
        )
        figures = [figure for limit, per in windows for figure in (limit, round(per * MICROS))]
        most = -1 if limits.concurrency is None else limits.concurrency
        now = -1 if self._now is None else self._now()
        arguments = [now, id, images, round(self._lease * MICROS), *figures, most]
        return _Answer(*map(int, await self._run(_keys(caller.name), arguments)))

    async def _run(self, keys: list[str], arguments: list[Any]) -> Any:
        """By the script's hash, else, where a proxy forgets or forbids those, by its text."""
        try:
            return await self._script(keys, arguments)
        except NoScriptError:
            return await self._client.eval(ENTER, len(keys), *keys, *arguments)


def connect(url: str) -> Redis:
    """A client that neither waits long nor sends anything twice.

    Raises:
        ValueError: the URL is none of a server that speaks Redis.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=TIMEOUT,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    return Redis.from_pool(pool)


def _keys(caller: str) -> list[str]:
    """One slot of a cluster for each caller."""
    return [f"routercore:{{{caller}}}:{what}" for what in ("requests", "images", "inside")]


def _admission(limits: Limits, answer: _Answer) -> Admission:
    def allowance(limit: float | None, per: float, used: int, reset: int) -> Allowance | None:
        if limit is None:
            return None
        whole, _ = whole_window(limit, per)
        return Allowance(limit=whole, remaining=max(0, whole - used), reset=reset / MICROS)

    return Admission(
        requests=allowance(
            limits.requests, limits.requests_per, answer.requests_used, answer.requests_reset
        ),
        images=allowance(limits.images, limits.images_per, answer.images_used, answer.images_reset),
    )
