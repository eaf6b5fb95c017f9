"""Rehearse a configuration: its own routes, cards, prices and policy, with nobody behind them.

::

    from routercore.testing.rehearsal import rehearse

    for scene in rehearse("routercore.toml"):
        assert scene.failed == 0 or scene.outage.name == "refusing", scene

Time is the event loop's own and leaps, so that an hour takes a moment; nothing leaves the process.
"""

from routercore.testing.rehearsal.outages import CALM, OUTAGES, Act, Outage
from routercore.testing.rehearsal.run import SEED, Call, Pace, Scene, rehearse

__all__ = ["CALM", "OUTAGES", "SEED", "Act", "Call", "Outage", "Pace", "Scene", "rehearse"]
