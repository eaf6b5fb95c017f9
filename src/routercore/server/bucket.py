"""A bucket that speaks S3 as the place where images are kept."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from routercore.engine.setup import BucketSetup
from routercore.server.store import NAME, Kept
from routercore.values.errors import ConfigError

if TYPE_CHECKING:
    from obstore.store import S3Config

SECRET = ".secret"
RETRIES = 3
LONGEST_URL = timedelta(days=7)
"""S3 signs no URL for longer."""
_TAG = re.compile(r"<[^>]*>")


class Bucket:
    """Objects in a bucket, below a prefix."""

    def __init__(self, setup: BucketSetup, timeout: float) -> None:
        self._is_presigned = setup.presigned
        try:
            self._store = S3Store(
                setup.name,
                prefix=setup.prefix or None,
                config=_config(setup),
                client_options={
                    "allow_http": (setup.endpoint or "").startswith("http:"),
                    "timeout": timedelta(seconds=timeout),
                },
                retry_config={
                    "max_retries": RETRIES,
                    "retry_timeout": timedelta(seconds=timeout),
                },
            )
        except (BaseError, ValueError) as error:
            raise ConfigError([f"store: {_told(error)}"]) from error

    def write(self, name: str, data: bytes, media_type: str) -> None:
        shown = "attachment" if media_type == "image/svg+xml" else "inline"
        about = {"Content-Type": media_type, "Content-Disposition": shown}
        with _translated():
            obstore.put(self._store, name, data, attributes=about, use_multipart=False)

    def read(self, name: str) -> Kept | None:
        try:
            with _translated():
                found = obstore.get(self._store, name)
                return Kept(found.bytes().to_bytes(), found.meta["last_modified"].timestamp())
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> bool:
        try:
            with _translated():
                obstore.head(self._store, name)  # Deleting what is not there is no error in S3.
                obstore.delete(self._store, name)
        except FileNotFoundError:
            return False
        return True

    def sweep(self, before: float) -> int:
        moment, deleted = datetime.fromtimestamp(before, UTC), 0
        with _translated():
            for page in obstore.list(self._store):
                old = [one["path"] for one in page if one["last_modified"] < moment]
                ours = [path for path in old if NAME.fullmatch(path)]
                if ours:
                    obstore.delete(self._store, ours)
                deleted += len(ours)
        return deleted

    def secret(self) -> bytes:
        with _translated():
            with suppress(AlreadyExistsError):  # Another process, or an earlier one, came first.
                obstore.put(self._store, SECRET, secrets.token_bytes(32), mode="create")
            return obstore.get(self._store, SECRET).bytes().to_bytes()

    def url(self, name: str, seconds: float) -> str | None:
        if not self._is_presigned:
            return None
        lifetime = min(timedelta(seconds=seconds), LONGEST_URL)
        with _translated():
            return obstore.sign(self._store, "GET", name, lifetime)


def _config(setup: BucketSetup) -> S3Config:
    """What is configured; for all else obstore asks the environment, as AWS's own tools do."""
    config: S3Config = {"disable_bulk_delete": True}  # Not every service has it.
    if setup.endpoint is not None:
        config["endpoint"] = setup.endpoint
    if setup.region is not None:
        config["region"] = setup.region
    if setup.access_key_id is not None and setup.secret_access_key is not None:
        config["access_key_id"] = setup.access_key_id
        config["secret_access_key"] = setup.secret_access_key
    if setup.session_token is not None:
        config["session_token"] = setup.session_token
    return config


@contextmanager
def _translated() -> Iterator[None]:
    """Let every failure be an ``OSError``; that nothing is there stays a ``FileNotFoundError``."""
    try:
        yield
    except BaseError as error:
        raise OSError(_told(error)) from error
    except PermissionError as error:
        raise PermissionError(_told(error)) from error


def _told(error: Exception) -> str:
    """The first lines of a message, without what is for debugging and without XML."""
    text = str(error).partition("\n\nDebug")[0]
    return " ".join(_TAG.sub(" ", text).split())[:500]
