"""What an upstream gave becomes images: fetched, decoded, looked at, and converted."""

from __future__ import annotations

import base64
import io
import random
import tracemalloc
from typing import Any

import pytest
from PIL import Image as Picture
from tests.engine.kit import Kit, asking, provider

from routercore.engine.deliver import Delivery, decode_texts
from routercore.engine.inputs import INPUT_SECONDS, Inputs
from routercore.engine.transport.base import BlockedAddressError, Phase, TooLargeError
from routercore.provider.flow import accepted, call, progress
from routercore.provider.http import HttpResponse, post_json
from routercore.testing.clock import ManualClock
from routercore.testing.providers import PNG
from routercore.testing.transport import FakeTransport, Hanging, lost
from routercore.values.catalogue import MaskPolarity, ModelCard
from routercore.values.errors import RequestError
from routercore.values.faults import Fault, ProviderFailed
from routercore.values.images import Generated, ImageRequest, InputImage, Operation, RawImage, Task
from routercore.values.money import SvgUsage, Usage

URL = "https://files.example.com/a.png"
FOUND = HttpResponse(status=200, body=PNG)
GONE = HttpResponse(status=404)
BUSY = HttpResponse(status=503)


def delivery(*answers: Any, **settings: Any) -> tuple[Delivery, FakeTransport, ManualClock]:
    transport, clock = FakeTransport(answers), ManualClock()
    more = {"trusted_origins": frozenset[str](), "max_bytes": 10_000, **settings}
    made = Delivery(transport=transport, clock=clock, random=random.Random(0), **more)
    return made, transport, clock


@pytest.mark.parametrize(
    "raw",
    [
        RawImage(data=PNG),
        RawImage(base64=base64.b64encode(PNG).decode()),
        RawImage(base64="data:image/png;base64," + base64.b64encode(PNG).decode()),
        RawImage(url="data:image/png;base64," + base64.b64encode(PNG).decode()),
        RawImage(url=URL),
    ],
)
async def test_whatever_form_it_has(raw: RawImage) -> None:
    """Bytes, base64, data URLs and URLs all come to the same image."""
    made, _, clock = delivery(FOUND)
    image = await clock.run(made.deliver(raw))
    assert (PNG, "png", "1x1") == (image.data, image.format, str(image.size))


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_texts_are_let_go_one_by_one(prefix: str) -> None:
    """Four pictures in base64 are decoded without all of them being there in both forms."""
    size = 300_000
    tracemalloc.start()
    try:
        given = [RawImage(base64=prefix + "A" * (size // 3 * 4)) for _ in range(4)]
        before, _ = tracemalloc.get_traced_memory()
        decode_texts(given)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert [(None, bytes(size))] * 4 == [(one.base64, one.data) for one in given]
    assert after < before * 0.8
    assert peak < before + size * (1.1 if not prefix else 2.5)


@pytest.mark.parametrize(
    "raw",
    [RawImage(), RawImage(data=b"<html>"), RawImage(base64="***"), RawImage(data=PNG * 1000)],
)
async def test_what_is_no_image(raw: RawImage) -> None:
    """Nothing, another kind of file, broken base64 and too many bytes are bad images."""
    made, _, clock = delivery()
    with pytest.raises(ProviderFailed) as caught:
        await clock.run(made.deliver(raw))
    assert Fault.BAD_IMAGE == caught.value.failure.fault


async def test_another_format_is_made() -> None:
    """A format that the upstream did not make is made afterwards."""
    made, _, _ = delivery()
    image = await made.deliver(RawImage(data=PNG), format="webp")
    assert ("webp", "WEBP") == (image.format, Picture.open(io.BytesIO(image.data)).format)


async def test_fetching_is_repeated() -> None:
    """A result whose server stumbles is fetched again, with growing pauses."""
    made, transport, clock = delivery(lost(Phase.HEADERS), BUSY, FOUND)
    await clock.run(made.deliver(RawImage(url=URL)))
    assert 3 == len(transport.requests)
    assert 1.5 <= clock.monotonic() <= 3.0


@pytest.mark.parametrize(
    ("answers", "asked"),
    [((GONE,), 1), ((BUSY,) * 4, 4), ((BlockedAddressError("private"),), 1)],
)
async def test_what_cannot_be_fetched(answers: tuple[Any, ...], asked: int) -> None:
    """What is gone or forbidden is not asked for again; what is busy four times is given up."""
    made, transport, clock = delivery(*answers)
    with pytest.raises(ProviderFailed) as caught:
        await clock.run(made.deliver(RawImage(url=URL)))
    assert Fault.RESULT_UNAVAILABLE == caught.value.failure.fault
    assert asked == len(transport.requests)


async def test_a_result_that_is_too_large_is_fetched_once() -> None:
    """However often it was fetched it would be too large: it is a bad image, as inline ones are."""
    made, transport, clock = delivery(*[TooLargeError(1000)] * 4)
    with pytest.raises(ProviderFailed) as caught:
        await clock.run(made.deliver(RawImage(url=URL)))
    assert (Fault.BAD_IMAGE, 1) == (caught.value.failure.fault, len(transport.requests))
    assert "larger than 1,000 bytes" in caught.value.failure.message


async def test_results_are_fetched_unsigned_and_guarded() -> None:
    """Only origins that the configuration trusts may be private, and none gets a credential."""
    for trusted, expected in ((frozenset[str](), True), ({"https://files.example.com"}, False)):
        made, transport, clock = delivery(FOUND, trusted_origins=frozenset(trusted))
        await clock.run(made.deliver(RawImage(url=URL)))
        assert expected == transport.sent[0].public_only
        assert {} == transport.requests[0].headers


# In an attempt


async def test_a_result_that_comes_too_late() -> None:
    """When time runs out over the download, the picture was made and paid for."""

    def flow(task: Task) -> Any:
        yield from accepted({"id": 7})
        yield from progress(0.5, "half")
        yield from call(post_json(task.url("/images"), {"n": 1}))
        return Generated(images=(RawImage(url="https://slow.example/a.png"),))

    kit = Kit(provider("a", flow=flow), answers={"slow": [Hanging()]}, deadline=50.0)
    error = await kit.error()
    (attempt,) = error.attempts
    assert Fault.RESULT_UNAVAILABLE == attempt.failure.fault
    assert ({"id": 7}, False) == (attempt.handle, error.may_retry)
    assert {"attempt.accepted", "attempt.progress"} <= {event.name for event in kit.events}


async def test_tokens_of_all_calls_are_counted() -> None:
    """Usage is the sum over the calls that a request was split into."""

    def flow(task: Task) -> Any:
        yield from call(post_json(task.url("/images"), {"n": task.n}))
        usage = Usage(image_out=100 * task.n)
        drawn = SvgUsage(model="author", output_tokens=10 * task.n, total_tokens=11 * task.n)
        images = (RawImage(data=PNG),) * task.n
        return Generated(images=images, usage=usage, svg_usage=drawn)

    result = await Kit(provider("a", flow=flow)).generate(n=6)
    assert Usage(image_out=600) == result.usage
    assert SvgUsage(model="author", output_tokens=60, total_tokens=66) == result.svg_usage


def _mask() -> bytes:
    picture = Picture.new("RGBA", (2, 1), (0, 0, 0, 255))
    picture.putpixel((0, 0), (0, 0, 0, 0))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


async def _masked(mask: bytes) -> tuple[Kit, list[Task]]:
    seen: list[Task] = []

    def flow(task: Task) -> Any:
        seen.append(task)
        return Generated(images=(RawImage(data=PNG),))
        yield

    card = ModelCard(id="poster", operations=frozenset(Operation), max_images=1,
                     mask=MaskPolarity.WHITE, latency=1.0)  # fmt: skip
    kit = Kit(provider("a", flow=flow, cards=(card,)))
    image = InputImage(_mask())
    await kit.engine.generate(
        ImageRequest(prompt="x", model="art", images=(image,), mask=InputImage(mask))
    )
    return kit, seen


async def test_a_mask_is_turned_to_the_vendors_polarity() -> None:
    """Where a vendor edits what is white, the transparent part arrives white."""
    _, (task,) = await _masked(_mask())
    assert task.mask is not None
    picture = Picture.open(io.BytesIO(task.mask.data)).convert("L")
    assert (255, 0) == (picture.getpixel((0, 0)), picture.getpixel((1, 0)))


async def test_a_mask_that_is_no_picture_is_the_callers_mistake() -> None:
    """A mask that cannot be read is refused by its parameter."""
    with pytest.raises(RequestError) as caught:
        await _masked(b"no picture")
    assert "mask" == caught.value.param


async def test_a_compression_that_a_vendor_lacks_is_applied_afterwards() -> None:
    """A compression is honoured, too, where the format was left to the vendor."""

    def flow(task: Task) -> Any:
        out = io.BytesIO()
        Picture.effect_noise((64, 64), 90).convert("RGB").save(out, "JPEG", quality=95)
        return Generated(images=(RawImage(data=out.getvalue()),))
        yield

    card = ModelCard(id="poster", formats=("jpeg",), latency=1.0)
    kit = Kit(provider("a", flow=flow, cards=(card,)))
    sizes = [
        len((await kit.engine.generate(asking(output_compression=level))).images[0].data)
        for level in (5, 90)
    ]
    assert sizes[0] < sizes[1] / 2


# Pictures that callers refer to


def inputs(*answers: Any) -> tuple[Inputs, ManualClock, FakeTransport]:
    transport, clock = FakeTransport(answers), ManualClock()
    return Inputs(transport=transport, clock=clock), clock, transport


def referring(**more: Any) -> ImageRequest:
    remote = InputImage(url=URL)
    return ImageRequest(**{"prompt": "x", "model": "m", "images": (remote,), **more})


async def test_bytes_need_no_fetching() -> None:
    """A request that brings its pictures is left as it is."""
    made, clock, transport = inputs()
    request = referring(images=(InputImage(PNG),))
    assert request is await clock.run(made.resolve(request))
    assert [] == transport.requests


async def test_references_become_bytes() -> None:
    """Every picture behind a URL is fetched, from public addresses alone."""
    made, clock, transport = inputs(FOUND, FOUND)
    request = referring(images=(InputImage(PNG), InputImage(url=URL)), mask=InputImage(url=URL))
    found = await clock.run(made.resolve(request))
    assert [PNG, PNG] == [image.data for image in found.images]
    assert found.mask is not None
    assert ("mask.png", None) == (found.mask.filename, found.mask.url)
    assert [True, True] == [sent.public_only for sent in transport.sent]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (BlockedAddressError("private"), "invalid_image_url"),
        (lost(Phase.NOT_SENT), "failed_to_download_image"),
        (GONE, "failed_to_download_image"),
        (HttpResponse(status=200, body=b"<html>"), "invalid_image_format"),
    ],
)
async def test_references_that_lead_nowhere(answer: Any, code: str) -> None:
    """A picture that cannot be had is the caller's mistake, by its parameter."""
    made, clock, _ = inputs(answer)
    with pytest.raises(RequestError) as caught:
        await clock.run(made.resolve(referring()))
    assert (code, "image") == (caught.value.code, caught.value.param)


async def test_references_that_take_forever() -> None:
    """A picture that does not arrive in time is given up."""
    made, clock, transport = inputs(Hanging())
    with pytest.raises(RequestError, match="in time"):
        await clock.run(made.resolve(referring()))
    assert (INPUT_SECONDS, 0) == (clock.monotonic(), transport.open_exchanges)
