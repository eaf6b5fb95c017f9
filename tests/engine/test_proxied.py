"""A router whose way out is a proxy, by its configuration alone."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.transport.proxies import Proxy
from tests.upstreams import Upstream

from routercore.router import Router
from routercore.values.errors import AttemptsFailedError


def configured(proxy: Proxy, base_url: str) -> dict[str, Any]:
    return {
        "proxy": {"url": "${HTTPS_PROXY}"},
        "providers": {
            "near": {
                "plugin": "openai-compatible",
                "base_url": base_url,
                "api_key": "k-1",
                "cards": [{"id": "poster", "sizes": "any"}],
            }
        },
    }


async def test_a_picture_by_way_of_a_proxy() -> None:
    """What is asked and what comes back go through it."""
    with Upstream() as upstream:
        async with Proxy(upstream.port) as proxy:
            config = configured(proxy, "http://images.example/v1")
            async with Router.from_config(config, environ={"HTTPS_PROXY": proxy.origin}) as router:
                result = await router.generate("a heron", model="near:poster")
    assert ["images.example:80"] == proxy.targets
    assert (1, "near:poster") == (len(result.images), result.target)


async def test_this_machine_is_reached_without_it() -> None:
    """Unless it is said otherwise."""
    with Upstream() as upstream:
        async with Proxy(upstream.port) as proxy:
            config = configured(proxy, upstream.base_url)
            async with Router.from_config(config, environ={"HTTPS_PROXY": proxy.origin}) as router:
                await router.generate("a heron", model="near:poster")
    assert ([], 1) == (proxy.targets, len(upstream.received))


async def test_a_proxy_that_makes_no_way_is_told() -> None:
    """The error says that it was the proxy, without its password."""
    async with Proxy(1, answer=b"HTTP/1.1 407 No\r\n\r\n") as proxy:
        config = configured(proxy, "http://images.example/v1")
        url = proxy.origin.replace("://", "://me:canary@")
        async with Router.from_config(config, environ={"HTTPS_PROXY": url}) as router:
            with pytest.raises(AttemptsFailedError) as caught:
                await router.generate("a heron", model="near:poster")
            assert "canary" not in repr(router.engine.setup)
    told = "; ".join(str(attempt.failure) for attempt in caught.value.attempts)
    assert "its user or password is not right" in told
    assert "canary" not in told
