"""The library as an application uses it. Read by type checkers, never run."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import assert_type

from routercore import (
    AttemptsFailedError,
    Caller,
    Completed,
    Estimates,
    Image,
    ImageRequest,
    ImageResult,
    Plan,
    Router,
    RouterError,
    Size,
    SyncRouter,
)


async def generate(router: Router) -> list[Image]:
    """A prompt with settings, and a whole request, make the same kind of result."""
    result = await router.generate("a lighthouse", model="test/test", size="512x512", n=2)
    assert_type(result, ImageResult)
    assert_type(result.cost.usd, Decimal | None)
    again = await router.generate(ImageRequest(prompt="a lighthouse", model="test/test"))
    assert_type(again, ImageResult)
    return [*result.images, *again.images]


async def edit(router: Router, photograph: Path) -> ImageResult:
    """Pictures come as paths, text or bytes."""
    return await router.edit("make it night", [photograph, "other.png", b"..."], mask="mask.png")


async def stream(router: Router) -> ImageResult | None:
    """A stream ends with the completed result."""
    async for item in router.stream("a lighthouse"):
        if isinstance(item, Completed):
            return item.result
    return None


async def open_and_close() -> None:
    """A router is a context manager of its own type."""
    async with Router.auto() as router:
        assert_type(router, Router)
    async with Router.from_config("routercore.toml") as router:
        assert_type(router.plan("a lighthouse"), Plan)
        assert_type(router.estimate("a lighthouse", n=2), Estimates)
        assert_type(router.authenticate("secret"), Caller | None)


def without_asyncio() -> None:
    """The synchronous facade gives the same types."""
    with SyncRouter.from_config({"models": {}}) as router:
        assert_type(router, SyncRouter)
        assert_type(router.generate("a lighthouse"), ImageResult)
        assert_type(router.plan("a lighthouse"), Plan)


def errors(router: SyncRouter) -> str:
    """Every error of the library is a RouterError."""
    try:
        router.generate("a lighthouse")
    except AttemptsFailedError as error:
        assert_type(error, AttemptsFailedError)
    except RouterError as error:
        return str(error)
    return ""


assert_type(Size.parse("1024x768"), Size)
