"""A state machine over two routers of one seed, to which the same happens."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.invariants.puppets import CALLERS, HOW, Stage
from tests.invariants.router_machine import RouterMachine
from tests.invoices import name_of


class TwinMachine(RuleBasedStateMachine):
    """Holds two routers to one trace: what decides is the seed, and what happens to them."""

    def __init__(self) -> None:
        super().__init__()
        self.twins = RouterMachine(), RouterMachine()

    @property
    def puppets(self) -> Any:
        return self.twins[0].stage.puppets

    @rule(caller=st.integers(0, len(CALLERS) - 1))
    def ask(self, caller: int) -> None:
        """A caller asks both."""
        for twin in self.twins:
            twin.ask(caller)

    @precondition(lambda self: self.puppets.open)
    @rule(which=st.integers(0, 99), how=st.sampled_from(HOW), seconds=st.sampled_from([2, 30, 90]))
    def answer(self, which: int, how: str, seconds: int) -> None:
        """An upstream answers both alike."""
        for twin in self.twins:
            twin.answer(which, how, seconds)

    @rule(seconds=st.sampled_from([0.5, 5.0, 31.0, 121.0, 700.0]))
    def wait(self, seconds: float) -> None:
        """Time passes for both."""
        for twin in self.twins:
            twin.wait(seconds)

    @precondition(lambda self: any(not one.task.done() for one in self.twins[0].stage.asked))
    @rule(which=st.integers(0, 99))
    def cancel(self, which: int) -> None:
        """A caller leaves both."""
        for twin in self.twins:
            twin.cancel(which)

    @invariant()
    def they_have_one_trace(self) -> None:
        """I29."""
        one, two = (twin.run(trace(twin.stage)) for twin in self.twins)
        assert one == two

    def teardown(self) -> None:
        for twin in self.twins:
            twin.teardown()


async def trace(stage: Stage) -> list[Any]:
    """All that was decided: every call and its moment, every attempt, every row of money."""
    rows = [
        [(name_of(one), entry.kind, entry.micros, entry.at, entry.reason) for entry in one.entries]
        for one in await stage.attempts()
    ]
    return [stage.puppets.calls, [one.attempts for one in stage.asked], rows]
