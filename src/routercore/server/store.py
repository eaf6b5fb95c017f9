"""Where images wait to be downloaded: files under names of our own, and URLs that are signed."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from routercore.engine.setup import StoreSetup
from routercore.values.images import MEDIA_TYPES, Image, sniff_format

SWEEP_SECONDS = 600.0
"""The time between two looks for images to delete."""
KEY_ID = "1"
_NAME = re.compile(r"[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{16}\.(png|jpeg|webp|gif|svg)")


@dataclass(frozen=True, slots=True)
class Stored:
    """One image as it is handed out; its kind is told from its bytes."""

    data: bytes
    media_type: str
    age: float
    """Seconds."""


class ImageStore(Protocol):
    """Keeps images for a while. Its methods block; the server calls them from threads."""

    def put(self, image: Image, owner: str) -> str:
        """Keep an image; returns the name it has from now on.

        Raises:
            OSError: it cannot be kept.
        """
        ...

    def get(self, name: str) -> Stored | None:
        """The image of that name, unless there is none or it is too old."""
        ...

    def delete(self, name: str, owner: str) -> bool:
        """Forget an image of ``owner``; false if there is none."""
        ...

    def sweep(self) -> int:
        """Delete what is too old, finished or not; returns how many that were."""
        ...


def default_directory() -> Path:
    """A folder in the user's home."""
    return Path.home() / ".local" / "state" / "routercore" / "images"


class FileStore:
    """Images as files in a folder that several processes may share.

    A name is a random id, a digest of the bytes and a keyed digest of the owner: none of it comes
    from a caller.
    """

    def __init__(
        self, directory: Path, retention: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._directory = directory
        self._retention = retention
        self._clock = clock
        self._swept = clock()
        self._secret: bytes | None = None

    @property
    def secret(self) -> bytes:
        """What belongs to the folder: made once, kept beside the images."""
        if self._secret is None:
            self._secret = _secret_in(self._directory)
        return self._secret

    def put(self, image: Image, owner: str) -> str:
        self._sweep_at_times()
        name = f"{secrets.token_hex(16)}-{image.digest[:16]}-{self._tag(owner)}.{image.format}"
        folder = self._directory / name[:2]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = folder / f".{name}.part"
        try:
            unfinished.write_bytes(image.data)
            unfinished.replace(folder / name)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        return name

    def get(self, name: str) -> Stored | None:
        path = self._path(name)
        if path is None:
            return None
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with open(descriptor, "rb") as file:
            age = self._clock() - os.fstat(descriptor).st_mtime
            data = file.read()
        kind = sniff_format(data)
        if kind is None or age > self._retention:
            return None
        return Stored(data, MEDIA_TYPES[kind], age)

    def delete(self, name: str, owner: str) -> bool:
        path = self._path(name)
        if path is None or not hmac.compare_digest(name.split("-")[2][:16], self._tag(owner)):
            return False
        try:
            path.unlink()
        except OSError:
            return False
        return True

    def sweep(self) -> int:
        limit, deleted = self._clock() - self._retention, 0
        for path in self._directory.glob("[0-9a-f][0-9a-f]/*"):
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < limit:
                    path.unlink()
                    deleted += 1
        return deleted

    def _sweep_at_times(self) -> None:
        now = self._clock()
        if now - self._swept > SWEEP_SECONDS:
            self._swept = now
            self.sweep()

    def _tag(self, owner: str) -> str:
        return hmac.new(self.secret, owner.encode(), hashlib.sha256).hexdigest()[:16]

    def _path(self, name: str) -> Path | None:
        return self._directory / name[:2] / name if _NAME.fullmatch(name) else None


def _secret_in(directory: Path) -> bytes:
    """Read the folder's secret, or make one; the first of several processes wins."""
    path = directory / ".secret"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = directory / f".secret.{secrets.token_hex(8)}"
    draft.touch(mode=0o600)
    draft.write_bytes(secrets.token_bytes(32))
    try:
        os.link(draft, path)  # Atomic, with its content, and fails if there is one.
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_bytes()


class Links:
    """URLs of stored images: signed for a time, or open."""

    def __init__(
        self, setup: StoreSetup, secret: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        self._secret = hashlib.sha256(b"routercore image links v1|" + secret).digest()
        self._open = setup.open
        self._lifetime = min(setup.url_lifetime or setup.retention, setup.retention)
        self._clock = clock

    def path(self, name: str) -> str:
        """Path and query under which ``name`` can be read."""
        if self._open:
            return f"/files/{name}"
        expires = str(int(self._clock() + self._lifetime))
        return f"/files/{name}?expires={expires}&kid={KEY_ID}&signature={self._sign(name, expires)}"

    def allows(self, name: str, query: Mapping[str, str]) -> bool:
        """Whether a request for ``name`` with that query may be answered."""
        if self._open:
            return True
        expires, signature = query.get("expires", ""), query.get("signature", "")
        if not (expires.isascii() and expires.isdigit() and len(expires) < 16):
            return False
        expected = self._sign(name, expires).encode()
        is_genuine = hmac.compare_digest(expected, signature.encode("utf-8", "replace"))
        return is_genuine and query.get("kid") == KEY_ID and self._clock() < int(expires)

    def _sign(self, name: str, expires: str) -> str:
        message = f"v1|{KEY_ID}|GET|{name}|{expires}".encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
