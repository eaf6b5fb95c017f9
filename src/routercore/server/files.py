"""Images under URLs: kept, linked to, and handed out so that a browser can only look at them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from routercore.engine.setup import RouterSetup
from routercore.server import log
from routercore.server.faults import NotFoundError
from routercore.server.store import FileStore, ImageStore, Links, default_directory
from routercore.values.images import Image

_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class Shelf:
    """The store as the server uses it."""

    def __init__(self, setup: RouterSetup, store: ImageStore | None = None) -> None:
        directory = setup.store.directory or default_directory()
        self.store: ImageStore = store or FileStore(directory, setup.store.retention)
        self._setup = setup
        self._links: Links | None = None
        self._public = (setup.server.public_url or "").rstrip("/")

    async def urls(
        self, images: tuple[Image, ...], request: Request, owner: str
    ) -> list[str | None]:
        """Keep images and return the URLs under which this client can read them.

        An image that cannot be kept has none.
        """
        origin = self._origin(request)
        paths = await run_in_threadpool(self._keep, images, owner)
        urls = [origin + path for path in paths]
        return [*urls, *[None] * (len(images) - len(urls))]

    def _keep(self, images: tuple[Image, ...], owner: str) -> list[str]:
        """Paths of the images that could be kept; after a failure no more are tried."""
        paths: list[str] = []
        try:
            links = self._linking()
            for image in images:
                paths.append(links.path(self.store.put(image, owner)))
        except OSError as error:
            log.store_failed(error)
        return paths

    async def serve(self, request: Request) -> Response:
        """Answer a request for an image.

        Raises:
            NotFoundError: there is none, it is too old, or the URL is not one that was given out.
        """
        name = request.path_params["name"]
        links = await run_in_threadpool(self._linking)
        stored = None
        if links.allows(name, request.query_params):
            stored = await run_in_threadpool(self.store.get, name)
        if stored is None:
            raise NotFoundError("There is no such image, or its URL has expired.")
        kind = "attachment" if stored.media_type == "image/svg+xml" else "inline"
        left = max(0, round(self._setup.store.retention - stored.age))
        headers = {
            "cache-control": f"private, max-age={left}, immutable",
            "content-disposition": f'{kind}; filename="{name}"',
            "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            "cross-origin-resource-policy": "cross-origin",
            "x-content-type-options": "nosniff",
        }
        return Response(stored.data, headers=headers, media_type=stored.media_type)

    def _linking(self) -> Links:
        """Made when first needed: its secret may have to be read from the folder."""
        if self._links is None:
            setup = self._setup.store
            own = self.store.secret if isinstance(self.store, FileStore) else None
            secret = setup.secret.encode() if setup.secret else own
            if not secret and not setup.open:
                raise ValueError("a store of your own needs a secret, or open URLs")
            self._links = Links(setup, secret or b"")
        return self._links

    def _origin(self, request: Request) -> str:
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
