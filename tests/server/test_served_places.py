"""Images in a bucket, in places that fail and in places that hang, seen from a client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from anyio.to_thread import run_sync
from tests.buckets import bucket, s3_service
from tests.serving import MODEL, provider, router_of, served, setup
from tests.upstreams import Upstream, picture

from routercore.engine.setup import LedgerSetup, StoreSetup
from routercore.server import create_app
from routercore.server.bucket import Bucket
from routercore.server.files import Shelf
from routercore.server.store import PROBE, Kept, Place
from routercore.values.errors import ConfigError
from routercore.values.images import Image

URL = "/v1/images/generations"
BODY = {"model": MODEL, "prompt": "x", "response_format": "url"}
KEYED = {"idempotency-key": "k"}
SUBMITTED = {"prefer": "respond-async, wait=20"}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_service() as url:
        yield url


def over(
    store: StoreSetup, tmp_path: Path, upstream: Upstream, place: Place | None = None, **more: Any
) -> AbstractContextManager[httpx2.Client]:
    """A server with that store."""
    what = setup(tmp_path, provider("near", upstream.base_url), store=store, **more)
    return served(router_of(what), store=place)


def test_images_in_a_bucket(s3: str, tmp_path: Path, upstream: Upstream) -> None:
    """From a request to its picture and to its deletion, all by way of this server."""
    store = StoreSetup(bucket=bucket(s3), directory=tmp_path)
    with over(store, tmp_path, upstream) as client:
        url = client.post(URL, json=BODY).json()["data"][0]["url"]
        answer = client.get(url)

        name = urlsplit(url).path.rpartition("/")[2]
        there = Bucket(bucket(s3), timeout=20).read(name)
        assert picture() == (there and there.data)
        assert url.startswith(f"{client.base_url}/files/")
        assert (picture(), "image/png") == (answer.content, answer.headers["content-type"])
        assert 404 == client.get(url.replace("expires=1", "expires=2")).status_code
        assert client.delete(urlsplit(url).path).json()["deleted"]
        assert 404 == client.get(url).status_code
    assert not list(tmp_path.rglob("*.png"))


def test_open_urls_of_a_bucket(s3: str, tmp_path: Path, upstream: Upstream) -> None:
    """Open means the same as with a folder."""
    store = StoreSetup(bucket=bucket(s3), open=True)
    with over(store, tmp_path, upstream) as client:
        url = client.post(URL, json=BODY).json()["data"][0]["url"]

        assert "?" not in url
        assert picture() == client.get(url).content


def test_urls_of_the_bucket_itself(s3: str, tmp_path: Path, upstream: Upstream) -> None:
    """Where so configured, a URL leads to the bucket, for its time, with the right kind."""
    store = StoreSetup(bucket=bucket(s3, presigned=True), url_lifetime=90.0)
    with over(store, tmp_path, upstream) as client:
        url = client.post(URL, json=BODY).json()["data"][0]["url"]
    answer = httpx2.get(url)

    assert url.startswith(f"{s3}/pictures/of/cats/")
    assert "X-Amz-Expires=90&" in url
    assert (picture(), "image/png") == (answer.content, answer.headers["content-type"])
    assert "inline" == answer.headers["content-disposition"]


def test_a_service_that_goes_away(tmp_path: Path, upstream: Upstream) -> None:
    """Pictures made after that come as base64; those of before are 503, not 404."""
    with s3_service() as s3:
        server = over(StoreSetup(bucket=bucket(s3), timeout=2.0), tmp_path, upstream)
        client = server.__enter__()
        url = client.post(URL, json=BODY).json()["data"][0]["url"]
    made = client.post(URL, json=BODY)
    refused = [client.get(url), client.delete(urlsplit(url).path)]
    server.__exit__(None, None, None)

    assert ["store_failed"] == [one["code"] for one in made.json()["warnings"]]
    assert {"b64_json"} == {"b64_json", "url"} & made.json()["data"][0].keys()
    assert [(503, "store_failed")] * 2 == [
        (one.status_code, one.json()["error"]["code"]) for one in refused
    ]


class Cupboard:
    """A place of an application's own, with as much room as its test says."""

    def __init__(self, room: int = 100) -> None:
        self.room = room
        self.opened = threading.Event()
        self.opened.set()
        self.swept = threading.Event()
        self.begun = 0
        self.is_crowded = threading.Event()
        self.things: dict[str, bytes] = {}

    def write(self, name: str, data: bytes, media_type: str) -> None:
        self.begun += 1
        if self.begun == 40:
            self.is_crowded.set()
        if data != PROBE:
            assert self.opened.wait(30)
        if len(self.things) >= self.room:
            raise OSError(28, "No space left on device")
        self.things[name] = data

    def read(self, name: str) -> Kept | None:
        assert self.opened.wait(30)
        return Kept(self.things[name], 0.0) if name in self.things else None

    def remove(self, name: str) -> bool:
        assert self.opened.wait(30)
        return self.things.pop(name, None) is not None

    def sweep(self, before: float) -> int:
        self.swept.set()
        return 0

    def secret(self) -> bytes:
        return b"of the cupboard"

    def url(self, name: str, seconds: float) -> str | None:
        return f"https://cupboard.test/{name}"


def test_a_place_of_ones_own(tmp_path: Path, upstream: Upstream) -> None:
    """An application can say where images go, and it is swept from the start."""
    place = Cupboard()
    with over(StoreSetup(), tmp_path, upstream, place) as client:
        url = client.post(URL, json=BODY).json()["data"][0]["url"]
        assert place.swept.wait(60)

    assert f"https://cupboard.test/{next(iter(place.things))}" == url


def test_room_for_some(tmp_path: Path, upstream: Upstream) -> None:
    """What could be kept has its URL; all pictures are in the answer, none is made again."""
    with over(StoreSetup(), tmp_path, upstream, Cupboard(room=1)) as client:
        answer = client.post(URL, json={**BODY, "n": 3}).json()

    assert [True, False, False] == ["url" in one for one in answer["data"]]
    assert all("b64_json" in one for one in answer["data"])
    assert ["store_failed"] == [one["code"] for one in answer["warnings"]]
    assert 1 == upstream.calls


@contextmanager
def over_one_that_hangs(
    tmp_path: Path, upstream: Upstream
) -> Iterator[tuple[Cupboard, httpx2.Client]]:
    """A server that remembers calls on disk, and whose place for images has begun to hang."""
    pytest.importorskip("sqlalchemy")
    place, ledger = Cupboard(), LedgerSetup(url=f"sqlite:///{tmp_path}/ledger.db")
    with over(StoreSetup(timeout=0.2), tmp_path, upstream, place, ledger=ledger) as client:
        place.opened.clear()
        try:
            yield place, client
        finally:
            place.opened.set()


@pytest.mark.parametrize(
    "headers",
    [{}, KEYED, SUBMITTED, {**KEYED, **SUBMITTED}],
    ids=["plain", "key", "submitted", "both"],
)
def test_a_place_that_hangs(tmp_path: Path, upstream: Upstream, headers: Mapping[str, str]) -> None:
    """An answer waits for the store as long as it is told to, and no longer; whether the call is
    to be remembered or not."""
    with over_one_that_hangs(tmp_path, upstream) as (_, client):
        answer = client.post(URL, json=BODY, headers=headers)
        again = client.post(URL, json=BODY, headers=headers)

    assert 200 == answer.status_code
    assert "b64_json" in answer.json()["data"][0]
    assert ["store_failed"] == [one["code"] for one in answer.json()["warnings"]]
    assert ("idempotency-key" in headers) == (answer.content == again.content)


def test_a_place_that_hangs_for_many(tmp_path: Path, upstream: Upstream) -> None:
    """However many calls are to be remembered, all of them are answered and found again."""
    body = {"model": MODEL, "response_format": "b64_json"}

    def post(number: int) -> httpx2.Response:
        one = {**body, "prompt": str(number)}
        return client.post(URL, json=one, headers={"idempotency-key": str(number)})

    with over_one_that_hangs(tmp_path, upstream) as (_, client), ThreadPoolExecutor(45) as pool:
        answers = list(pool.map(post, range(45)))
        again = post(7)

    assert {200} == {answer.status_code for answer in answers}
    assert answers[7].content == again.content


def test_images_of_a_place_that_hangs(tmp_path: Path, upstream: Upstream) -> None:
    """Readers of a remembered answer, and of its images, are told to come again."""
    with over_one_that_hangs(tmp_path, upstream) as (place, client):
        place.opened.set()
        url = client.post(URL, json=BODY, headers=KEYED).json()["data"][0]["url"]
        place.opened.clear()
        name = next(iter(place.things))
        refused = [client.post(URL, json=BODY, headers=KEYED), client.delete(f"/files/{name}")]

    assert url.endswith(name)
    assert [(503, "store_failed")] * 2 == [
        (one.status_code, one.json()["error"]["code"]) for one in refused
    ]


async def test_a_place_that_hangs_alone(tmp_path: Path, upstream: Upstream) -> None:
    """However many wait for the store, other work in threads goes on."""
    shelf = Shelf(setup(tmp_path, provider("near", upstream.base_url)), place := Cupboard())
    image = Image(data=picture(), format="png", size=None)
    place.opened.clear()
    waiting = [asyncio.create_task(shelf.urls((image,), "", "a")) for _ in range(60)]
    await asyncio.to_thread(place.is_crowded.wait, 30)
    try:
        async with asyncio.timeout(10):
            assert 7 == await run_sync(int, "7")
    finally:
        place.opened.set()
        await asyncio.gather(*waiting)
        await shelf.close()


async def test_a_server_does_not_start_without_its_store(
    tmp_path: Path, upstream: Upstream
) -> None:
    """A store that cannot be written is found before the first picture is paid for."""
    what = setup(tmp_path, provider("near", upstream.base_url))
    app = create_app(router_of(what), store=Cupboard(room=0))

    with pytest.raises(ConfigError, match=r"images cannot be kept in .*No space left on device"):
        async with app.router.lifespan_context(app):
            pytest.fail("it started")
