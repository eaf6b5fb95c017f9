"""Calls that fail as their own caller says, and what others notice of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from routercore import AttemptsFailedError, Router, RouterError
from routercore.values.faults import Fault

STAGED: list[dict[str, Any]] = [
    *({"fail": fault.value} for fault in Fault),
    {"fail": "overloaded", "retry_after": 3600},
    {"bad_image": True},
    {"images": 0},
]


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    async with Router.from_config({"router": {"max_attempts": 1}}) as opened:
        yield opened


async def ask(router: Router, model: str = "test:test/test", **options: Any) -> str:
    """The target that delivers, or the code of the error."""
    try:
        result = await router.generate("a heron", model=model, size="16x16", options=options)
    except RouterError as error:
        return str(error.code)
    return result.target


async def closed(router: Router, model: str = "test:test/test") -> float:
    """Seconds for which the target would be left alone."""
    plan = router.plan("a heron", model=model)
    return plan.candidates[0].health.closed_for


@pytest.mark.parametrize("script", STAGED, ids=str)
async def test_a_callers_own_rehearsal_is_no_business_of_others(
    router: Router, script: dict[str, Any]
) -> None:
    """However a caller has the test provider fail, the next call of anybody is delivered."""
    for _ in range(6):
        assert "test:test/test" != await ask(router, test=script)
    assert 0.0 == await closed(router)
    assert "test:test/test" == await ask(router)


async def test_a_rehearsed_rate_limit_is_waited_for_within_its_own_request(router: Router) -> None:
    """The caller sees what a vendor's would be like: the key rests, for that request."""
    script = {"fail": "rate_limited", "retry_after": 900}
    with pytest.raises(AttemptsFailedError) as caught:
        await router.generate("a heron", model="test:test/test", options={"test": script})
    assert 429 == caught.value.status


async def test_a_model_that_always_fails_rests_alone(router: Router) -> None:
    """A provider without keys has none to rest: its other models go on."""
    for model in ("test:test/rate-limited", "test:test/overloaded"):
        for _ in range(6):
            assert model != await ask(router, model)
        assert 0.0 < await closed(router, model)
    assert "test:test/test" == await ask(router)


async def test_what_the_configuration_has_fail_rests() -> None:
    """Rehearsed in a configuration, a wrong key is left alone as a vendor's would be."""
    broken = {"plugin": "test", "options": {"fail": "unauthenticated"}}
    async with Router.from_config({"providers": {"primary": broken}}) as router:
        assert "provider_unavailable" == await ask(router, "primary:test/test")
        assert 590.0 < await closed(router, "primary:test/test")
        with pytest.raises(AttemptsFailedError, match=r"was not asked, because it rests for [56]"):
            await router.generate("a heron", model="primary:test/test")
