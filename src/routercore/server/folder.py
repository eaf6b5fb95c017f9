"""A folder of this machine as the place where images are kept."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from routercore.server.store import NAME, Kept


class Folder:
    """Files in a folder that several processes may share."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, name: str, data: bytes, media_type: str) -> None:
        path = self._path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(f".{name}.part")
        try:
            unfinished.write_bytes(data)
            unfinished.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise

    def read(self, name: str) -> Kept | None:
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(self._path(name), flags)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP):  # A link is none of ours.
                return None
            raise
        with open(descriptor, "rb") as file:
            return Kept(file.read(), os.fstat(descriptor).st_mtime)

    def remove(self, name: str) -> bool:
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            return False
        return True

    def sweep(self, before: float) -> int:
        deleted = 0
        for path in self._directory.glob("[0-9a-f][0-9a-f]/*"):
            with contextlib.suppress(OSError):
                if _is_ours(path.name) and path.lstat().st_mtime < before:
                    path.unlink()
                    deleted += 1
        return deleted

    def secret(self) -> bytes:
        path = self._directory / ".secret"
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._directory / f".secret.{secrets.token_hex(8)}"
        draft.touch(mode=0o600)
        draft.write_bytes(secrets.token_bytes(32))
        try:
            os.link(draft, path)  # Atomic, with its content, and fails if there is one.
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_bytes()

    def url(self, name: str, seconds: float) -> str | None:
        return None

    def _path(self, name: str) -> Path:
        return self._directory / name[:2] / name


def _is_ours(name: str) -> bool:
    """Whether a file is an image of the store's, finished or not."""
    return NAME.fullmatch(name.removeprefix(".").removesuffix(".part")) is not None
