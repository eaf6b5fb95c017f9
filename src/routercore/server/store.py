"""Where images wait to be downloaded: under names of our own, for a while, wherever bytes go."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from routercore.engine.setup import StoreSetup
from routercore.server.aside import Aside
from routercore.values.errors import ConfigError
from routercore.values.images import MEDIA_TYPES, Image, sniff_format

NAME = re.compile(r"[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{16}\.(png|jpeg|webp|gif|svg)")
"""A name of the store's own making. Nothing else is read, deleted or swept."""
PROBE = b"routercore looks whether it can write here"


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes as a place has them."""

    data: bytes
    modified: float
    """When they were written, in seconds of the epoch."""


class Place(Protocol):
    """Keeps bytes under names that match ``NAME``: a folder, a bucket.

    Its methods block; the server calls them from threads. All raise ``OSError`` where the place
    does not work, with a message for the operator that holds no credential.
    """

    def write(self, name: str, data: bytes, media_type: str) -> None:
        """Keep all of ``data``, or nothing: nobody ever reads a part of it."""
        ...

    def read(self, name: str) -> Kept | None:
        """What was written, unless there is none."""
        ...

    def remove(self, name: str) -> bool:
        """Forget it; false if there is none."""
        ...

    def sweep(self, before: float) -> int:
        """Forget everything written before that moment; returns how many that were."""
        ...

    def secret(self) -> bytes:
        """What belongs to the place: made once, by whoever comes first, and kept there."""
        ...

    def url(self, name: str, seconds: float) -> str | None:
        """The place's own URL for that long, if it is to hand out images itself."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """One image as it is handed out; its kind is told from its bytes."""

    data: bytes
    media_type: str
    age: float
    """Seconds."""


class Store:
    """Images in a place that several processes may share.

    A name is a random id, a digest of the bytes and a keyed digest of the owner: none of it comes
    from a caller.
    """

    def __init__(
        self, place: Place, setup: StoreSetup, clock: Callable[[], float] = time.time
    ) -> None:
        self._place = place
        self._setup = setup
        self._clock = clock
        self.aside = Aside(setup.timeout)
        """Where to call what blocks, all of which may hang."""

    @cached_property
    def secret(self) -> bytes:
        """What links and owners are signed with; the place's own unless configured."""
        return self._setup.secret.encode() if self._setup.secret else self._place.secret()

    def put(self, image: Image, owner: str) -> str:
        """Keep an image; returns the name it has from now on.

        Raises:
            OSError: it cannot be kept.
        """
        name = f"{secrets.token_hex(16)}-{image.digest[:16]}-{self._tag(owner)}.{image.format}"
        self._place.write(name, image.data, image.media_type)
        return name

    def get(self, name: str) -> Stored | None:
        """The image of that name, unless there is none or it is too old.

        Raises:
            OSError: nobody can say.
        """
        kept = self._place.read(name) if NAME.fullmatch(name) else None
        if kept is None:
            return None
        age = self._clock() - kept.modified
        kind = sniff_format(kept.data)
        if kind is None or age > self._setup.retention:
            return None
        return Stored(kept.data, MEDIA_TYPES[kind], age)

    def delete(self, name: str, owner: str) -> bool:
        """Forget an image of ``owner``; false if there is none.

        Raises:
            OSError: it may still be there.
        """
        if not NAME.fullmatch(name):
            return False
        tag = name.split("-")[2][:16]
        return hmac.compare_digest(tag, self._tag(owner)) and self._place.remove(name)

    def sweep(self) -> int:
        """Delete what is too old, finished or not; returns how many that were.

        Raises:
            OSError: not everything could be deleted.
        """
        return self._place.sweep(self._clock() - self._setup.retention)

    def url(self, name: str) -> str | None:
        """A URL at the place itself, if images are read there."""
        return self._place.url(name, self._setup.link_seconds)

    def check(self) -> None:
        """Write, read and delete something, as images will be.

        Raises:
            OSError: one of these is not possible.
        """
        name = f"{secrets.token_hex(16)}-{'0' * 16}-{'0' * 16}.png"
        self._place.write(name, PROBE, "image/png")
        kept = self._place.read(name)
        if not self._place.remove(name) or kept is None or kept.data != PROBE:
            raise OSError("what is written there cannot be read again")
        _ = self.secret

    def _tag(self, owner: str) -> str:
        return hmac.new(self.secret, owner.encode(), hashlib.sha256).hexdigest()[:16]


def open_store(setup: StoreSetup, place: Place | None = None) -> Store:
    """The store as configured; nothing is written yet.

    Raises:
        ConfigError: what it needs is not installed, or its settings do not fit together.
    """
    return Store(place or _place(setup), setup)


def _place(setup: StoreSetup) -> Place:
    from routercore.server.folder import Folder
    from routercore.state.places import default_directory

    if setup.bucket is None:
        return Folder(setup.directory or default_directory())
    try:
        from routercore.server.bucket import Bucket
    except ModuleNotFoundError as error:
        message = "store: s3:// needs obstore; run: pip install 'routercore[s3]'"
        raise ConfigError([message]) from error
    return Bucket(setup.bucket, setup.timeout)


def refuse_unusable(store: Store, setup: StoreSetup) -> None:
    """Find out now, not when the first picture is paid for, whether images can be kept.

    Raises:
        ConfigError: they cannot.
    """
    try:
        store.check()
    except OSError as error:
        message = f"store: images cannot be kept in {setup.where}: {error}"
        raise ConfigError([message]) from error
