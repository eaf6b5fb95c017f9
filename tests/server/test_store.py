"""Stored images: who may read and delete them, how they are served, when they go."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.serving import MODEL, listening, provider, router_of, served, setup
from tests.upstreams import Upstream, picture

from routercore import Router
from routercore.engine.setup import Caller, CallerKey, ServerSetup, StoreSetup
from routercore.server import create_app
from routercore.server.folder import Folder
from routercore.server.links import Links
from routercore.server.store import Store
from routercore.values.images import Image
from routercore.values.sizes import Size

URL = "/v1/images/generations"
BODY = {"model": MODEL, "prompt": "x", "response_format": "url"}
IMAGE = Image(data=picture(), format="png", size=Size(64, 64))
SVG = Image(data=b"<svg xmlns='x'><script>1</script></svg>", format="svg", size=None)


class Time:
    """A clock for the store."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


def url_of(client: httpx2.Client, **headers: str) -> str:
    url: str = client.post(URL, json=BODY, headers=headers).json()["data"][0]["url"]
    return url


def test_headers_of_an_image(client: httpx2.Client) -> None:
    """A browser can look at an image and do nothing else with it."""
    response = client.get(url_of(client))

    headers = response.headers
    assert ("image/png", "nosniff") == (headers["content-type"], headers["x-content-type-options"])
    assert "sandbox" in headers["content-security-policy"]
    assert headers["content-disposition"].startswith("inline; filename=")
    assert 200 == client.head(url_of(client)).status_code


@pytest.mark.parametrize(
    ("settings", "most"),
    [({"url_lifetime": 30.0}, 30), ({"retention": 20.0}, 20),
     ({"open": True, "retention": 90.0}, 90),
     ({"open": True, "url_lifetime": 5.0, "retention": 90.0}, 90)],
)  # fmt: skip
def test_caches_forget_in_time(
    tmp_path: Path, upstream: Upstream, settings: dict[str, Any], most: int
) -> None:
    """A browser keeps an image no longer than its URL or the image lasts, and may look anew."""
    what = setup(
        tmp_path,
        provider("near", upstream.base_url),
        store=StoreSetup(directory=tmp_path, **settings),
    )
    with served(router_of(what)) as client:
        kept = client.get(url_of(client)).headers["cache-control"]

    scope, _, seconds = kept.partition(", max-age=")
    assert "private" == scope
    assert most - 5 <= int(seconds) <= most


def test_a_drawing_is_a_download(tmp_path: Path, upstream: Upstream) -> None:
    """An SVG, which can carry a script, is never shown in place."""
    store = Store(Folder(tmp_path), StoreSetup())
    name = store.put(SVG, "local")
    what = setup(
        tmp_path,
        provider("near", upstream.base_url),
        store=StoreSetup(directory=tmp_path, open=True),
    )
    with served(router_of(what)) as client:
        response = client.get(f"/files/{name}")

    assert response.headers["content-disposition"].startswith("attachment")
    assert "image/svg+xml" == response.headers["content-type"]


@pytest.mark.parametrize(
    "edit",
    [
        lambda url: url.partition("?")[0],
        lambda url: url.replace("expires=1", "expires=2"),
        lambda url: url.replace("kid=1", "kid=2"),
        lambda url: re.sub("signature=.", "signature=x", url),
        lambda url: url.replace("signature=", "signature=é"),
        lambda url: re.sub(r"/files/.", "/files/g", url),
        lambda url: re.sub(r"expires=\d+", "expires=-1", url),
        lambda url: re.sub(r"expires=\d+", "expires=" + "9" * 50, url),
    ],
)
def test_edited_urls(client: httpx2.Client, edit: object) -> None:
    """A URL that is not exactly the one given out leads nowhere."""
    response = client.get(edit(url_of(client)))  # type: ignore[operator]

    assert (404, "not_found") == (response.status_code, response.json()["error"]["code"])


def test_a_url_expires() -> None:
    """A signed URL is good for its time and not a second longer."""
    clock = Time()
    links = Links(StoreSetup(url_lifetime=100), b"secret", clock)
    path = urlsplit(links.path("name"))
    query = dict(parse_qsl(path.query))

    assert links.allows("name", query)
    assert not links.allows("other", query)
    clock.seconds += 100
    assert not links.allows("name", query)


def lifetime(client: httpx2.Client, **body: str) -> float:
    """Seconds, from before it was made, after which the URL of a new image is no longer good."""
    began = time.time()
    url = client.post(URL, json={**BODY, **body}).json()["data"][0]["url"]
    return int(dict(parse_qsl(urlsplit(url).query))["expires"]) - began


@pytest.mark.parametrize(
    ("store", "seconds"),
    [
        ({}, 86_400),
        ({"retention": "2h"}, 7200),
        ({"retention": "2h", "url_lifetime": "10min"}, 600),
        ({"retention": "10min", "url_lifetime": "2h"}, 600),
    ],
)
def test_lifetime_of_a_url(tmp_path: Path, store: dict[str, str], seconds: int) -> None:
    """It is good for as long as the configuration says and its image is kept: a day by default."""
    config = {"providers": {"test": {"plugin": "test"}},
              "store": {"url": f"file:{tmp_path}", **store}}  # fmt: skip
    with served(Router.from_config(config, environ={})) as client:
        assert -1 < lifetime(client, model="test/test", size="64x64") - seconds < 60


def test_a_day_without_configuration(client: httpx2.Client) -> None:
    """It is the same for a router that was set up by hand."""
    assert -1 < lifetime(client) - 86_400 < 60


def test_secrets_differ() -> None:
    """What one secret signed, another does not accept."""
    query = dict(parse_qsl(urlsplit(Links(StoreSetup(), b"a").path("name")).query))

    assert not Links(StoreSetup(), b"b").allows("name", query)


def test_short_secrets_are_refused() -> None:
    """A secret that could be guessed is none."""
    with pytest.raises(ValueError, match="shorter than 16"):
        StoreSetup(secret="short")


def test_one_secret_for_all_processes(tmp_path: Path) -> None:
    """Stores over one folder, started together, sign alike; nobody else may read the secret."""
    secrets: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: secrets.append(Folder(tmp_path).secret())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 8 == len(secrets)
    assert {32} == {len(secret) for secret in secrets}
    assert 1 == len(set(secrets))
    assert 0o600 == (tmp_path / ".secret").stat().st_mode & 0o777
    assert [tmp_path / ".secret"] == list(tmp_path.iterdir())


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A symbolic link in the folder hands out nothing."""
    store = Store(Folder(tmp_path), StoreSetup())
    name = store.put(IMAGE, "a")
    path = next(tmp_path.rglob("*.png"))
    secret = tmp_path / "elsewhere.png"
    path.rename(secret)
    path.symlink_to(secret)

    assert store.get(name) is None


def test_deleting(tmp_path: Path, upstream: Upstream) -> None:
    """An image goes when its owner says so, and for nobody else."""
    callers = tuple(CallerKey(caller=Caller(name=n), key=f"rc-{n}") for n in ("anna", "berta"))
    what = setup(tmp_path, provider("near", upstream.base_url), callers=callers)
    anna, berta = ({"authorization": f"Bearer rc-{name}"} for name in ("anna", "berta"))
    with served(router_of(what)) as client:
        url = url_of(client, **anna)
        path = urlsplit(url).path

        assert 404 == client.delete(path, headers=berta).status_code
        assert 200 == client.get(url).status_code
        assert client.delete(path, headers=anna).json()["deleted"]
        assert 404 == client.get(url).status_code
        assert 404 == client.delete(path, headers=anna).status_code


def test_open_urls(tmp_path: Path, upstream: Upstream) -> None:
    """Where so configured, a URL carries no signature and does not expire by itself."""
    what = setup(
        tmp_path,
        provider("near", upstream.base_url),
        store=StoreSetup(directory=tmp_path, open=True),
    )
    with served(router_of(what)) as client:
        url = url_of(client)

        assert "?" not in url
        assert picture() == client.get(url).content


@pytest.mark.parametrize(
    ("server", "headers", "origin"),
    [
        (ServerSetup(), {"host": "images.test:81"}, "http://images.test:81"),
        (ServerSetup(), {"host": "images.test", "x-forwarded-proto": "https"}, "http://images.test"),
        (ServerSetup(trust_forwarded=True),
         {"x-forwarded-proto": "https", "x-forwarded-host": "a.test, b.test"}, "https://a.test"),
        (ServerSetup(public_url="https://c.test/"), {}, "https://c.test"),
        (ServerSetup(), {"host": "x/v1/health?"}, "http://127.0.0.1:"),
        (ServerSetup(), {"host": "user@evil.test"}, "http://127.0.0.1:"),
        (ServerSetup(trust_forwarded=True), {"x-forwarded-proto": "javascript"}, "http://127.0.0.1:"),
    ],
)  # fmt: skip
def test_origin_of_urls(
    tmp_path: Path, upstream: Upstream, server: ServerSetup, headers: dict[str, str], origin: str
) -> None:
    """URLs are on the origin that the client called, or that the configuration says."""
    what = setup(tmp_path, provider("near", upstream.base_url), server=server)
    with served(router_of(what)) as client:
        assert url_of(client, **headers).startswith(
            origin + ("" if origin[-1] == ":" else "/files/")
        )


def test_mounted(tmp_path: Path, upstream: Upstream) -> None:
    """Mounted in somebody's application, everything works below that path, errors included."""
    what = setup(tmp_path, provider("near", upstream.base_url))
    router = router_of(what)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with router:
            yield

    app = Starlette(routes=[Mount("/images", create_app(router))], lifespan=lifespan)
    with listening(app) as origin, httpx2.Client(base_url=f"{origin}/images") as client:
        url = url_of(client)

        assert url.startswith(f"{origin}/images/files/")
        assert picture() == client.get(url).content
        assert "error" in client.get("/nothing").json()
