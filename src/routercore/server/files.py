"""Images under URLs: kept, linked to, and handed out so that a browser can only look at them."""

from __future__ import annotations

import asyncio
import re
from functools import cached_property
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from routercore.engine.setup import RouterSetup
from routercore.server import log
from routercore.server.faults import NotFoundError, StoreDownError
from routercore.server.links import Links
from routercore.server.store import Place, Stored, open_store, refuse_unusable
from routercore.values.images import Image

SWEEP_SECONDS = 600.0
"""The time between two looks for images to delete."""
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class Shelf:
    """The store as the server uses it."""

    def __init__(self, setup: RouterSetup, place: Place | None = None) -> None:
        self.store = open_store(setup.store, place)
        self._setup = setup
        self._public = (setup.server.public_url or "").rstrip("/")
        self._sweeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Look whether images can be kept, and begin to sweep.

        Raises:
            ConfigError: they cannot.
        """
        await self.store.aside.run(refuse_unusable, self.store, self._setup.store)
        self._tend()

    async def close(self) -> None:
        """Stop sweeping."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait({self._sweeping})

    async def urls(self, images: tuple[Image, ...], origin: str, owner: str) -> list[str | None]:
        """Keep images and return the URLs under which they can be read.

        An image that cannot be kept, or not in time, has none.
        """
        self._tend()
        kept = list[str]()
        try:
            await self.store.aside.within(self._keep, images, owner, kept)
        except OSError as error:
            log.store_failed(str(error))
        urls = [url if "://" in url else origin + url for url in kept]
        return [*urls, *[None] * (len(images) - len(urls))]

    def _keep(self, images: tuple[Image, ...], owner: str, kept: list[str]) -> None:
        """Add where each image can be read to ``kept``; after a failure no more are tried."""
        for image in images:
            name = self.store.put(image, owner)
            kept.append(self.store.url(name) or self._links.path(name))

    async def serve(self, request: Request) -> Response:
        """Answer a request for an image.

        Raises:
            NotFoundError: there is none, it is too old, or the URL is not one that was given out.
            StoreDownError: nobody can say.
        """
        name, query = request.path_params["name"], dict(request.query_params)
        try:
            stored = await self.store.aside.within(self._read, name, query)
        except OSError as error:
            raise _down(error) from error
        if stored is None:
            raise NotFoundError("There is no such image, or its URL has expired.")
        kind = "attachment" if stored.media_type == "image/svg+xml" else "inline"
        kept = self._setup.store.retention - stored.age
        left = max(0, int(min(kept, self._links.seconds_left(query))))
        headers = {
            # Not immutable: who looks again must not see what was deleted since.
            "cache-control": f"private, max-age={left}",
            "content-disposition": f'{kind}; filename="{name}"',
            "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            "cross-origin-resource-policy": "cross-origin",
            "x-content-type-options": "nosniff",
        }
        return Response(stored.data, headers=headers, media_type=stored.media_type)

    def _read(self, name: str, query: dict[str, str]) -> Stored | None:
        return self.store.get(name) if self._links.allows(name, query) else None

    async def delete(self, name: str, owner: str) -> bool:
        """Forget an image of ``owner``; false if there is none.

        Raises:
            StoreDownError: it may still be there.
        """
        try:
            return await self.store.aside.within(self.store.delete, name, owner)
        except OSError as error:
            raise _down(error) from error

    @cached_property
    def _links(self) -> Links:
        """Made when first needed: the secret may have to be read from the place."""
        return Links(self._setup.store, self.store.secret)

    def _tend(self) -> None:
        """Begin to sweep; an application that is mounted has nobody to open the shelf."""
        if self._sweeping is None:
            self._sweeping = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        while True:
            try:
                await self.store.aside.run(self.store.sweep)
            except OSError as error:
                log.store_failed(str(error))
            await asyncio.sleep(SWEEP_SECONDS)

    def origin(self, request: Request) -> str:
        """Scheme, host and port as the client sees them, and where the application is mounted."""
        root: str = request.scope.get("root_path", "")
        return (self._public or self._called(request)) + root

    def _called(self, request: Request) -> str:
        scheme, host = request.scope["scheme"], request.headers.get("host", "")
        if self._setup.server.trust_forwarded:
            scheme = _first(request.headers.get("x-forwarded-proto")) or scheme
            host = _first(request.headers.get("x-forwarded-host")) or host
        if not _HOST.fullmatch(host):
            address, port = request.scope.get("server") or ("localhost", None)
            host = f"{address}:{port}" if port else address
        scheme = scheme if scheme in ("http", "https") else "http"
        return f"{scheme}://{urlsplit(f'//{host}').netloc}"


def _first(value: str | None) -> str:
    return (value or "").partition(",")[0].strip()


def _down(error: OSError) -> StoreDownError:
    log.store_failed(str(error))
    return StoreDownError("The store of images does not answer; try again.")
