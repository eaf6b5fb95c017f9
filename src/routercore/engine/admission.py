"""What a request passes before any work is done: its caller's limits, and the result cache."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from routercore.engine.setup import Caller
from routercore.values.images import ImageRequest, ImageResult
from routercore.values.limits import Admission


class CallerLimits(Protocol):
    """Keeps the promises made to callers."""

    def admit(self, caller: Caller, images: int) -> AbstractAsyncContextManager[Admission]:
        """Hold a place for one request of so many images, while it runs.

        Entering gives what is left of each limit. Who is not admitted uses nothing up.

        Raises:
            LimitError: there is no room now; says when.
            RequestError: there never is room for so many images.
        """
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class ResultCache(Protocol):
    """Remembers results, and lets equal requests that run at the same time share one."""

    async def serve(
        self,
        caller: Caller,
        request: ImageRequest,
        produce: Callable[[], Awaitable[ImageResult]],
    ) -> ImageResult:
        """A remembered result, that of an equal request under way, or what ``produce`` makes.

        Says in ``cache`` which of them it is. Only what ``produce`` makes costs anything.
        """
        ...
