"""Which backend keeps the promises made to callers."""

from __future__ import annotations

from importlib.util import find_spec

from routercore.engine.admission import CallerLimits
from routercore.engine.clock import GRACE, Clock
from routercore.engine.setup import StateSetup
from routercore.state.memory import MemoryCallerLimits
from routercore.values.errors import ConfigError


def open_caller_limits(setup: StateSetup, clock: Clock, deadline: float) -> CallerLimits:
    """The configured backend; nothing is connected before it is used.

    Raises:
        ConfigError: what it needs is not installed, or its URL cannot be meant.
    """
    if setup.url is None:
        return MemoryCallerLimits(clock)
    if find_spec("redis") is None:
        cure = 'pip install "routercore[redis]"'
        raise ConfigError([f"state.url: redis is not installed; run: {cure}"])
    from routercore.state.shared import SharedCallerLimits, connect

    try:
        client = connect(setup.url)
    except ValueError as error:
        raise ConfigError([f"state.url: {error}"]) from error
    return SharedCallerLimits(client, clock, lease=deadline + GRACE)
