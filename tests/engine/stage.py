"""One driver with everything around it faked."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from routercore.engine.driver import Driver
from routercore.provider import HttpRequest, post_json
from routercore.provider.flow import (
    Effect,
    call,
)
from routercore.testing.clock import ManualClock
from routercore.testing.providers import ScriptedProvider
from routercore.testing.transport import (
    FakeTransport,
)
from routercore.values.events import Notice
from routercore.values.faults import Failure, ProviderFailed

API = "https://api.scripted.example/v1"
WORK = post_json(f"{API}/images", {})
Flow = Generator[Effect, Any, Any]


class Stage:
    """One driver with everything around it faked."""

    def __init__(self, *answers: Any, **settings: Any) -> None:
        self.clock = ManualClock()
        self.transport = settings.pop("transport", None) or FakeTransport(answers)
        self.notices: list[Notice] = []
        provider = settings.pop("provider", ScriptedProvider())
        self.driver = Driver(
            **{
                "transport": self.transport,
                "clock": self.clock,
                "provider": provider,
                "secret": "s3cret",
                "signed_origins": tuple(provider.origins),
                "trusted_origins": frozenset(),
                "on_notice": self.notices.append,
                "jitter": lambda: 0.0,
                **settings,
            }
        )

    async def run(self, flow: Callable[[], Any], deadline: float = 60.0) -> Any:
        return await self.clock.run(self.driver.run(flow, deadline))

    async def failure(self, flow: Callable[[], Any], deadline: float = 60.0) -> Failure:
        with pytest.raises(ProviderFailed) as caught:
            await self.run(flow, deadline)
        assert 0 == self.transport.open_exchanges
        assert (0, 0) == (self.clock.sleepers, self.clock.deadlines)
        return caught.value.failure


def calling(request: HttpRequest = WORK) -> Callable[[], Flow]:
    return lambda: call(request)
