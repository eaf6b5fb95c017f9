"""Where pictures go: a name made from the prompt, and nothing overwritten by surprise."""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from routercore.cli.output import UsageError
from routercore.values.images import Image, format_named

LONGEST_NAME = 60
"""Bytes of a name made from a prompt; file systems take 255, people read fewer."""
FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".gif": "gif",
           ".svg": "svg"}  # fmt: skip
SUFFIXES = {"jpeg": ".jpg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the pictures of one request go."""

    given: str | None
    """What ``-o`` says: a file, a folder, ``-`` for standard output, or nothing."""
    overwrite: bool = False

    @property
    def is_stream(self) -> bool:
        return self.given == "-"

    @property
    def file(self) -> Path | None:
        """The file, where one was named."""
        if self.given is None or self.is_stream or self.given.endswith(("/", "\\")):
            return None
        path = Path(self.given)
        return None if path.is_dir() else path

    @property
    def folder(self) -> Path:
        if self.file is not None:
            return self.file.parent
        return Path(self.given) if self.given else Path()

    @property
    def format(self) -> str | None:
        """The format that the file's name asks for."""
        return FORMATS.get(self.file.suffix.lower()) if self.file is not None else None

    def check(self, n: int, asked_format: str | None = None) -> None:
        """Find out before anything is paid for whether ``n`` pictures could be saved.

        Raises:
            UsageError: they could not, would take the place of others, or be of another format
                than the file's name says.
        """
        self._check_suffix(asked_format)
        if self.is_stream:
            if n > 1:
                raise UsageError("-o - takes one picture; give a folder for several")
            if sys.stdout.isatty():
                raise UsageError("-o - would fill the terminal with bytes; send it to a file")
            return
        if self.file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
        elif not self.folder.is_dir():
            raise UsageError(f"-o: there is no folder {str(self.folder)!r}")
        if not (self.overwrite and self.file is not None and self.file.exists()):
            _try_to_write(self.folder)
        if self.overwrite or self.file is None:
            return
        for path in _numbered(self.file, n):
            if path.exists():
                raise UsageError(f"-o: {str(path)!r} exists; --overwrite replaces it")

    def _check_suffix(self, asked_format: str | None) -> None:
        suffix = self.file.suffix.lower() if self.file is not None else ""
        if asked_format and self.format not in (None, format_named(asked_format)):
            raise UsageError(f"-o: {self.given!r} ends like {self.format}, and --format says"
                             f" {asked_format}")  # fmt: skip
        if suffix and self.format is None and not asked_format:
            raise UsageError(f"-o: no format is known by {suffix!r}; there are"
                             f" {', '.join(FORMATS)}, or say --format")  # fmt: skip

    def save(self, images: tuple[Image, ...], prompt: str) -> list[Path]:
        """Write the pictures and return where they are.

        A named file that somebody else made meanwhile is left alone: the picture gets a number.

        Raises:
            OSError: a file cannot be written.
        """
        if self.is_stream:
            sys.stdout.buffer.write(images[0].data)
            sys.stdout.buffer.flush()
            return []
        if self.file is not None:
            paths = _numbered(self.file, len(images))
            return [self._write(path, image) for path, image in zip(paths, images, strict=True)]
        return [_write_new(self.folder / name_for(prompt, image), image) for image in images]

    def _write(self, path: Path, image: Image) -> Path:
        return image.save(path) if self.overwrite else _write_new(path, image)


def name_for(prompt: str, image: Image) -> str:
    """A file name for a picture."""
    return slug(prompt) + suffix_of(image)


def suffix_of(image: Image) -> str:
    """What its file's name ends with."""
    return SUFFIXES.get(image.format, f".{image.format}")


def slug(prompt: str) -> str:
    """A short name out of a prompt, in whatever script it is written.

    >>> slug("A lighthouse, at dusk!")
    'a-lighthouse-at-dusk'
    """
    plain = unicodedata.normalize("NFKD", prompt.casefold())
    text = unicodedata.normalize("NFC", "".join(c for c in plain if not unicodedata.combining(c)))
    name = ""
    for word in re.findall(r"[^\W_]+", text):
        longer = f"{name}-{word}" if name else word
        if len(longer.encode()) > LONGEST_NAME:
            break
        name = longer
    return name or "picture"


def _try_to_write(folder: Path) -> None:
    """Permissions do not tell: the disk may be full, or mounted to be read."""
    try:
        with TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        raise UsageError(f"-o: cannot write in {str(folder)!r}: {error.strerror}") from error


def _numbered(path: Path, n: int) -> list[Path]:
    """``path`` for one picture; ``path`` with numbers for several."""
    if n == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(1, n + 1)]


def _write_new(path: Path, image: Image) -> Path:
    """Write under the first name that is free, whoever else is looking for one."""
    candidate, number = path, 1
    while True:
        try:
            with candidate.open("xb") as file:
                file.write(image.data)
        except FileExistsError:
            number += 1
            candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
        else:
            return candidate
