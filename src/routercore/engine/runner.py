"""Runs a request over its plan, in as many parts as the plan divides it into, side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from routercore.engine.attempt import together
from routercore.engine.booking import RequestBook
from routercore.engine.run import Means, Run
from routercore.engine.share import Share
from routercore.engine.splitting import parts_of
from routercore.routing.plan import Plan
from routercore.routing.policy import Policy
from routercore.values.events import Notice
from routercore.values.images import ImageResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner(Means):
    """Runs requests over their plans."""

    async def run(
        self,
        plan: Plan,
        *,
        policy: Policy,
        book: RequestBook,
        request_id: str,
        deadline: float,
        stream: bool = False,
        on_notice: Callable[[str, Notice], None] = lambda target, notice: None,
    ) -> ImageResult:
        """Try the plan's candidates until all images are there or policy says stop.

        Raises:
            RouterError: nothing could be had; it carries every attempt.
        """
        run = Run(
            means=self, plan=plan, policy=policy, book=book, id=request_id, deadline=deadline,
            stream=stream, on_notice=on_notice,
        )  # fmt: skip
        shares = [Share(run, place, part) for place, part in enumerate(parts_of(plan))]
        lacking = await together([share.finish for share in shares])
        missing = tuple(failure for failures in lacking for failure in failures)
        if missing and not run.so_far.images:
            raise run.error([share.records for share in shares])
        return run.result(missing)
