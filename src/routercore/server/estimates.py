"""What a request may cost, before anything is sent or spent."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from routercore.router import Router
from routercore.routing.estimates import Estimates
from routercore.routing.plan import Candidate, Rejected
from routercore.server.answers import warning_body
from routercore.server.auth import caller_of
from routercore.server.bodies import Memory
from routercore.server.faults import Redactor
from routercore.server.reading import read_asked
from routercore.server.replies import json_reply
from routercore.values.money import Estimate


class EstimatesApi:
    """``/images/estimate``: the body of a generation or an edit, and no image."""

    def __init__(self, router: Router, memory: Memory, redactor: Redactor) -> None:
        self._router, self._memory, self._redactor = router, memory, redactor

    async def estimate(self, request: Request) -> Response:
        """Whatever could be asked of the other endpoints, with or without pictures."""
        caller = caller_of(self._router, request.scope["headers"])
        setup = self._router.engine.setup.server
        with self._memory.account() as account:
            asked = await read_asked(
                request, limit=setup.max_body_bytes, account=account,
                default_model=setup.default_model,
            )  # fmt: skip
            found = self._router.estimate(asked.request, caller=caller)
        return json_reply(self._body(found))

    def _body(self, found: Estimates) -> dict[str, Any]:
        return {
            "object": "image.estimate",
            "model": found.request.model,
            "operation": found.request.operation.value,
            "n": found.request.n,
            "strategy": found.strategy,
            "currency": "USD",
            **price_body(found.first),
            "at_most": None if found.at_most is None else float(found.at_most),
            "targets": [
                {**self._target(one), "share": share}
                for one, share in zip(found.candidates, found.shares, strict=True)
            ],
            "rejected": [self._rejected(one) for one in found.rejected],
        }

    def _target(self, candidate: Candidate) -> dict[str, Any]:
        return {
            "target": candidate.name,
            "provider": candidate.target.provider,
            "via": candidate.target.via,
            **price_body(candidate.estimate),
            "warnings": [warning_body(one, self._redactor) for one in candidate.warnings],
        }

    def _rejected(self, rejected: Rejected) -> dict[str, Any]:
        return {
            "target": rejected.target,
            "reasons": [
                {
                    "param": self._redactor.param(one.param),
                    "message": self._redactor.clean(one.message),
                }
                for one in rejected.reasons
            ],
        }


def price_body(price: Estimate) -> dict[str, Any]:
    """Dollars as numbers, and ``null`` where nobody knows them."""
    amounts = {"low": price.low, "expected": price.expected, "high": price.high}
    told = {name: None if usd is None else float(usd) for name, usd in amounts.items()}
    return {**told, "basis": price.basis.value}
