"""Where images are kept: what a folder and a bucket promise alike, and each by itself."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from tests.buckets import BrokenService, bucket, s3_service
from tests.upstreams import picture

from routercore.engine.setup import StoreSetup
from routercore.server.bucket import Bucket
from routercore.server.folder import Folder
from routercore.server.store import Place, Store, open_store, refuse_unusable
from routercore.values.errors import ConfigError
from routercore.values.images import Image
from routercore.values.sizes import Size

IMAGE = Image(data=picture(), format="png", size=Size(64, 64))
SVG = Image(data=b"<svg xmlns='x'><script>1</script></svg>", format="svg", size=None)


class Time:
    """A clock that begins now and moves when told."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_service() as url:
        yield url


@pytest.fixture
def fresh(s3: str) -> str:
    """A prefix that no other test uses."""
    return f"test-{os.urandom(8).hex()}"


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, s3: str, fresh: str) -> Place:
    if request.param == "folder":
        return Folder(tmp_path)
    return Bucket(bucket(s3, prefix=fresh), timeout=20)


def test_what_is_kept_comes_back(place: Place) -> None:
    """The bytes are the same, their kind is read from them, and each image has its own name."""
    store = Store(place, StoreSetup())
    names = [store.put(IMAGE, "anna"), store.put(IMAGE, "anna"), store.put(SVG, "anna")]
    found = [store.get(name) for name in names]

    assert 3 == len(set(names))
    assert [IMAGE.data, IMAGE.data, SVG.data] == [one and one.data for one in found]
    assert ["image/png", "image/png", "image/svg+xml"] == [one and one.media_type for one in found]
    assert all(one and -5 < one.age < 60 for one in found)


def test_what_is_no_image_is_not_handed_out(place: Place) -> None:
    """A file that somebody else put there under a good name is not served."""
    store = Store(place, StoreSetup())
    name = store.put(Image(data=b"<html>", format="png", size=None), "anna")

    assert store.get(name) is None


@pytest.mark.parametrize(
    "name", ["..", "../.secret", ".secret", "a/b", "", "x" * 300, "\x00", "con", "..\\x"]
)
def test_names_that_are_none(place: Place, name: str) -> None:
    """Only names of the store's own making are looked up."""
    store = Store(place, StoreSetup())
    store.put(IMAGE, "anna")

    assert store.get(name) is None
    assert not store.delete(name, "anna")


def test_nobody_there(place: Place) -> None:
    """A good name of nothing is nothing."""
    store = Store(place, StoreSetup())
    name = store.put(IMAGE, "anna")

    assert store.delete(name, "anna")
    assert store.get(name) is None
    assert not store.delete(name, "anna")


def test_only_the_owner_deletes(place: Place) -> None:
    """Somebody else's image stays."""
    store = Store(place, StoreSetup())
    name = store.put(IMAGE, "anna")

    assert not store.delete(name, "berta")
    assert store.get(name) is not None


def test_retention(place: Place) -> None:
    """An image that is too old is gone for readers at once, and from the place with a sweep."""
    clock = Time()
    store = Store(place, StoreSetup(retention=3600), clock)
    old = store.put(IMAGE, "anna")

    assert 0 == store.sweep()
    assert store.get(old) is not None
    clock.ahead = 3700
    assert store.get(old) is None
    assert place.read(old) is not None
    assert 1 == store.sweep()
    assert place.read(old) is None
    assert 0 == store.sweep()


def test_a_bucket_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without obstore the message says what to install."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "routercore.server.bucket")

    with pytest.raises(ConfigError, match=r"pip install 'routercore\[s3\]'"):
        open_store(StoreSetup(bucket=bucket("http://127.0.0.1:1")))


def test_one_secret_for_all_processes(place: Place) -> None:
    """Stores over one place, started together, sign alike."""
    secrets: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: secrets.append(Store(place, StoreSetup()).secret))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [32] * 8 == [len(secret) for secret in secrets]
    assert 1 == len(set(secrets))


def test_a_configured_secret_comes_first(place: Place) -> None:
    """It is used in place of the place's own."""
    assert b"a-configured-secret" == Store(place, StoreSetup(secret="a-configured-secret")).secret


def test_a_place_that_works(place: Place) -> None:
    """The check finds nothing and leaves nothing behind."""
    clock = Time()
    store = Store(place, StoreSetup(retention=1), clock)
    store.check()

    clock.ahead = 100
    assert 0 == store.sweep()


def unusable(what: StoreSetup) -> str:
    """What the server says instead of starting."""
    with pytest.raises(ConfigError) as caught:
        refuse_unusable(open_store(what), what)
    return str(caught.value)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The message names the folder and the reason."""
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "images"

    message = unusable(StoreSetup(directory=folder))
    assert f"store: images cannot be kept in the folder '{folder}'" in message
    assert "Not a directory" in message


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[None]:
    """Nothing is read-only for the superuser, who is somebody else meanwhile."""
    tmp_path.chmod(0o500)
    is_superuser = os.geteuid() == 0
    if is_superuser:
        os.seteuid(65534)
    yield
    if is_superuser:
        os.seteuid(0)
    tmp_path.chmod(0o700)


@pytest.mark.usefixtures("nobody")
def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    """A folder that exists and may only be read is found out as well."""
    assert "Permission denied" in unusable(StoreSetup(directory=tmp_path))


@pytest.fixture
def small_files() -> Iterator[Callable[[], None]]:
    """Call it, and no file of this process may grow beyond 4 KiB: as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk(tmp_path: Path, small_files: Callable[[], None]) -> None:
    """What cannot be written whole leaves no part of it behind."""
    store = Store(Folder(tmp_path), StoreSetup(secret="a-configured-secret"))
    large = Image(data=picture() + bytes(100_000), format="png", size=None)
    small_files()

    with pytest.raises(OSError, match="File too large"):
        store.put(large, "anna")
    assert [] == [path for path in tmp_path.rglob("*") if path.is_file()]


def test_credentials_that_are_wrong(s3: str) -> None:
    """S3's own words say what is wrong, without the secret."""
    httpx2.post(f"{s3}/moto-api/reset-auth", content=b"0").raise_for_status()
    try:
        message = unusable(StoreSetup(bucket=bucket(s3)))
    finally:
        httpx2.post(f"{s3}/moto-api/reset-auth", content=b"inf").raise_for_status()

    assert "images cannot be kept in 's3://pictures/of/cats'" in message
    assert "InvalidAccessKeyId" in message
    assert "s3-secret-of-the-tests" not in message
    assert "\n" not in message


def test_a_bucket_that_is_not_there(s3: str) -> None:
    """The message says that, and not that an image is missing."""
    assert "NoSuchBucket" in unusable(StoreSetup(bucket=bucket(s3, name="nowhere")))


def test_a_bucket_that_cannot_be_reached() -> None:
    """A service that is down is found at the start."""
    with BrokenService(500) as service:
        url = service.url
    message = unusable(StoreSetup(bucket=bucket(url)))

    assert "images cannot be kept in 's3://pictures/of/cats'" in message


def test_a_bucket_that_fails(s3: str) -> None:
    """Failures of the service are tried again, and not for ever."""
    with BrokenService(500) as service:
        assert "500" in unusable(StoreSetup(bucket=bucket(service.url)))
        assert 4 == service.calls


def test_credentials_of_the_environment(
    s3: str, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not configured comes from AWS's usual variables."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "environment-secret")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    what = bucket(s3, prefix=fresh, access_key_id=None, secret_access_key=None, region=None,
                  presigned=True)  # fmt: skip
    store = open_store(StoreSetup(bucket=what))

    url = store.url(store.put(IMAGE, "anna"))
    assert url is not None
    assert "AKIAENVIRONMENT%2F" in url
    assert "%2Feu-north-1%2F" in url


def test_a_sweep_leaves_what_is_not_ours(s3: str, fresh: str) -> None:
    """Other objects in the bucket, and the secret, stay however old they are."""
    clock = Time()
    setup = StoreSetup(bucket=bucket(s3, prefix=fresh), retention=60)
    store = Store(Bucket(bucket(s3, prefix=fresh), 20), setup, clock)
    store.put(IMAGE, "anna")
    httpx2.put(f"{s3}/pictures/{fresh}/readme.txt", content=b"theirs").raise_for_status()

    clock.ahead = 3600
    assert 1 == store.sweep()
    for name in ("readme.txt", ".secret"):
        assert Bucket(bucket(s3, prefix=fresh), 20).read(name) is not None


def test_a_sweep_of_a_folder_leaves_what_is_not_ours(tmp_path: Path) -> None:
    """Other files stay however old they are; images that were never finished go."""
    clock = Time()
    store = Store(Folder(tmp_path), StoreSetup(retention=60), clock)
    name = store.put(IMAGE, "anna")
    theirs, unfinished = (tmp_path / name[:2] / one for one in ("holiday.png", f".{name}.part"))
    theirs.write_bytes(b"theirs")
    unfinished.write_bytes(b"half")

    clock.ahead = 3600
    assert 2 == store.sweep()
    assert [theirs] == list(tmp_path.glob("??/*"))


def test_a_folder_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    """An image that is there, and that this process cannot open now, is not said to be gone."""
    store = Store(Folder(tmp_path), StoreSetup(secret="a-configured-secret"))
    name = store.put(IMAGE, "anna")
    _, most = before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            store.get(name)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert store.get(name) is not None


def test_a_drawing_in_a_bucket_is_a_download(s3: str, fresh: str) -> None:
    """Also at the bucket itself an SVG is never shown in place."""
    store = open_store(StoreSetup(bucket=bucket(s3, prefix=fresh, presigned=True)))
    url = store.url(store.put(SVG, "anna"))

    assert "attachment" == httpx2.get(str(url)).headers["content-disposition"]


def test_a_presigned_url_lives_a_week_at_most(s3: str, fresh: str) -> None:
    """S3 signs for no longer; images may be kept longer all the same."""
    what = StoreSetup(bucket=bucket(s3, prefix=fresh, presigned=True), retention=30 * 86_400.0)
    store = open_store(what)

    assert "X-Amz-Expires=604800&" in str(store.url(store.put(IMAGE, "anna")))
