"""A terminal of the tests' own: a real command runs in it, and it tells what was shown."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

SIXEL = b"\x1b[?62;4c"
"""What a terminal that draws sixels answers when it is asked what it can."""
PLAIN = b"\x1b[?62c"
SECONDS = 60
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[P_].*?\x1b\\\\|\x1b[78]|\r", re.DOTALL)


@dataclass(frozen=True)
class Seen:
    """A command that has ended, and all that it sent to its terminal."""

    code: int
    raw: str

    @property
    def text(self) -> str:
        """What a person reads, without colours and pictures; what was erased is there as well."""
        return _CONTROL.sub("", self.raw.replace("\x1b[2K", "\n"))

    @property
    def lines(self) -> list[str]:
        return [line.strip() for line in self.text.splitlines() if line.strip()]


Terminal = Callable[..., Seen]


def in_terminal(
    folder: Path,
    *arguments: str,
    typed: tuple[str, str] | None = None,
    answers: bytes = PLAIN,
    piped: bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> Seen:
    """Run ``routercore`` in a terminal of 100 columns and 40 rows, and wait for its end.

    Args:
        folder: where.
        arguments: of the command.
        typed: what a person waits to see, and then types.
        answers: what the terminal answers when it is asked for its abilities.
        piped: what comes on standard input instead of the terminal.
        env: further variables.
    """
    import fcntl
    import pty
    import struct
    import termios

    try:
        outer, inner = pty.openpty()
    except OSError as error:
        pytest.skip(f"no terminal can be had here: {error}")
    size = struct.pack("HHHH", 40, 100, 1000, 800)
    fcntl.ioctl(inner, termios.TIOCSWINSZ, size)
    mode = termios.tcgetattr(inner)
    mode[3] &= ~termios.ECHO
    termios.tcsetattr(inner, termios.TCSANOW, mode)
    unwanted = ("NO_COLOR", "COLUMNS", "LINES", "ROUTERCORE_CONFIG")
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_KEY") and k not in unwanted}
    kept |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONUTF8": "1", **(env or {})}
    command = [sys.executable, "-m", "routercore", *arguments]
    stdin = inner if piped is None else subprocess.PIPE
    process = subprocess.Popen(
        command, cwd=folder, env=kept, stdin=stdin, stdout=inner, stderr=inner,
        start_new_session=True,
    )  # fmt: skip
    os.close(inner)
    os.write(outer, answers)
    if process.stdin is not None:
        process.stdin.write(piped or b"")
        process.stdin.close()
    try:
        raw = _shown(outer, typed)
        return Seen(process.wait(SECONDS), raw.decode())
    finally:
        process.kill()
        os.close(outer)


def _shown(outer: int, typed: tuple[str, str] | None) -> bytes:
    """All that is shown until the command lets go of the terminal; types when it is time to."""
    raw = b""
    while select.select([outer], [], [], SECONDS)[0] and (piece := _read(outer)):
        raw += piece
        if typed is not None and typed[0].encode() in raw:
            os.write(outer, typed[1].encode())
            typed = None
    return raw


def _read(outer: int) -> bytes:
    """What was shown, or nothing once the command has let go of the terminal."""
    try:
        return os.read(outer, 65536)
    except OSError:  # Linux says EIO where others say the end.
        return b""
