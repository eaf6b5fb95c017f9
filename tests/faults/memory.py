"""How much memory something costs at its height."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FORGET = Path("/proc/self/clear_refs")
MMAP_THRESHOLD = -3, 128 * 1024
"""glibc's setting, and its default. Left alone, it rises with what earlier tests have freed, and
blocks that grow are copied then, by chance."""
counts_memory = pytest.mark.skipif(not FORGET.exists(), reason="needs Linux")


@contextmanager
def kept_below(most: int) -> Iterator[None]:
    """Inside, this process may grow by so many bytes at any moment."""
    if hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(*MMAP_THRESHOLD)
    FORGET.write_text("5", encoding="ascii")
    before = _peak()
    yield
    assert _peak() - before < most


def _peak() -> int:
    """The most memory that this process had since it was last asked to forget, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if "VmHWM" in line)
