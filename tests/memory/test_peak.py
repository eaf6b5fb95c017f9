"""What large pictures cost in memory: the server in one process, its upstream in another.

Figures are the growth of the server's resident memory over what it has after some small requests,
at its highest, as the kernel counts it. The payload is the bytes of the pictures themselves: in
base64 they are a third more on the wire.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from tests.serving import MODEL
from tests.upstreams import picture

ROOT = Path(__file__).parents[2]
MB = 1_000_000
MOST = 2.5
"""Times the payload."""
MOST_OF_AN_EDIT = 1.5
"""Times the picture that is edited: it is held once on its whole way through."""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of a process"
)


def noise(size: int) -> bytes:
    """A PNG of about that many bytes, which does not compress."""
    edge = int((size / 3) ** 0.5)
    pixels = Image.frombytes("RGB", (edge, edge), os.urandom(edge * edge * 3))
    buffer = io.BytesIO()
    pixels.save(buffer, "png", compress_level=0)
    return buffer.getvalue()


def answer_of(*pictures: bytes) -> bytes:
    items = [{"b64_json": base64.b64encode(one).decode()} for one in pictures]
    return json.dumps({"created": 1, "data": items}).encode()


@contextmanager
def process(*command: str) -> Iterator[tuple[int, int]]:
    """A process of the tests' own, by its id and port."""
    running = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        yield running.pid, int(running.stdout.readline())
    finally:
        running.kill()
        running.communicate()


class World:
    """A server that is warm, and what its upstream answers."""

    def __init__(self, pid: int, port: int, answer: Path) -> None:
        self.pid, self.answer = pid, answer
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{port}/v1", timeout=60)
        for _ in range(3):
            self.send(self.generate)
            self.send(lambda: self.edit(picture()))
        self.before = self.memory("VmRSS")

    def memory(self, name: str) -> int:
        """Bytes of ``VmRSS``, or of ``VmHWM``, its highest since it was last reset."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024

    def peak(self, send: Callable[[], httpx2.Response], status: int = 200) -> int:
        """By how much the server grew at most, while it answered."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        self.send(send, status)
        return self.memory("VmHWM") - self.before

    def send(self, send: Callable[[], httpx2.Response], status: int = 200) -> None:
        response = send()
        assert status == response.status_code, response.text[:500]

    def generate(self, **more: object) -> httpx2.Response:
        body = {"model": MODEL, "prompt": "x", **more}
        return self.client.post("/images/generations", json=body)

    def edit(self, image: bytes) -> httpx2.Response:
        form = {"model": MODEL, "prompt": "x"}
        return self.client.post("/images/edits", data=form, files={"image": ("a.png", image)})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("memory")
    answer = folder / "answer.json"
    answer.write_bytes(answer_of(picture()))
    with ExitStack() as stack:
        _, upstream = stack.enter_context(process("tests.memory.upstream", str(answer)))
        base_url = f"http://127.0.0.1:{upstream}/v1"
        pid, port = stack.enter_context(
            process("tests.memory.server", base_url, str(folder / "images"))
        )
        world = World(pid, port, answer)
        yield world
        world.client.close()


def test_an_edit_of_50_mb(world: World) -> None:
    """One form of 50 MB takes less than half as much again; neither do several, one by one."""
    image = noise(50 * MB - 100_000)
    peaks = [world.peak(lambda: world.edit(image)) / len(image) for _ in range(3)]

    assert max(peaks) < MOST_OF_AN_EDIT, peaks


@pytest.mark.parametrize("form", [None, "url", "b64_json", "b64_ephemeral"])
def test_four_images_of_4_mb(world: World, form: str | None) -> None:
    """Neither do four pictures in one answer, in whichever form the client wants them."""
    pictures = [noise(4 * MB) for _ in range(4)]
    payload = sum(map(len, pictures))
    world.answer.write_bytes(answer_of(*pictures))
    wish = {"response_format": form} if form else {}
    peaks = [world.peak(lambda: world.generate(n=4, **wish)) / payload for _ in range(3)]

    assert max(peaks) < MOST, peaks


def test_edits_that_fail(world: World) -> None:
    """Nor do edits that an upstream fails at: nothing of them stays behind."""
    image = noise(50 * MB - 100_000)
    world.answer.write_bytes(b'{"error": {"message": "the painter is ill", "code": "x"}}')
    peaks = [world.peak(lambda: world.edit(image), 502) / len(image) for _ in range(3)]

    assert max(peaks) < MOST_OF_AN_EDIT, peaks
