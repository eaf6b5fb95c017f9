"""Answers that look like success: what is inside them decides."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import pytest
from PIL import Image
from tests.faults.kit import Stage, faults, images_api
from tests.faults.memory import counts_memory, kept_below

from routercore.engine.transport.base import Transport
from routercore.testing.faulty import FaultyUpstream, steps
from routercore.testing.faulty.steps import Step
from routercore.values.images import ImageResult

Transports = Callable[..., Transport]
MIB = 1024 * 1024


async def paid_and_useless(
    stage: Stage, first: FaultyUpstream, step: Step, fault: str, money: str
) -> ImageResult:
    """A request whose first answer is of no use, and what holds of every such answer."""
    first.script(step)
    result = await stage.ask()
    assert [fault, None] == faults(result)
    assert (1, 1) == (len(first.seen("make")), len(result.images))
    assert [money, "posted"] == await stage.kinds()
    return result


ERRORS = {
    "server error": ({"error": {"message": "no", "type": "server_error"}}, "server_error"),
    "rate limit": ({"error": {"message": "no", "code": "rate_limit_exceeded"}}, "rate_limited"),
    "its own status": ({"message": "no", "code": 503}, "overloaded"),
}


@pytest.mark.fault("F21", how="200 with an error for a body")
@pytest.mark.parametrize(("body", "fault"), ERRORS.values(), ids=ERRORS)
async def test_an_error_as_success(
    first: FaultyUpstream, second: FaultyUpstream, body: object, fault: str
) -> None:
    """An error that comes as a success is read for what it says."""
    first.script(steps.answer(200, body))
    async with Stage(first, second) as stage:
        assert [fault, None] == faults(await stage.ask())


@pytest.mark.fault("F21", how="200 with a web page, nothing, or JSON of another shape")
@pytest.mark.parametrize("text", ["<html>login</html>", "", "[]", "null", '{"data": 7}'])
async def test_not_an_answer(first: FaultyUpstream, second: FaultyUpstream, text: str) -> None:
    """What cannot be understood is no success, and may have been paid for."""
    first.script(steps.answer(200, text=text))
    async with Stage(first, second) as stage:
        result = await stage.ask()
        assert faults(result)[0] in ("reply_cut", "no_image")
        assert ["suspect", "posted"] == await stage.kinds()


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (40, 90, 160)).save(buffer, "jpeg")
    return buffer.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><script/></svg>'
USELESS = {
    "not base64": {"image": "!!!"},
    "not an image": {"image": base64.b64encode(b"hello" * 100).decode()},
    "nothing": {"image": "===="},
    "a web page": {"image": base64.b64encode(b"<html></html>").decode()},
    "a png that breaks off": {"keep": 90},
}


@pytest.mark.fault("F22", how="base64 that is none, bytes that are no image, or no whole one")
@pytest.mark.parametrize("how", USELESS.values(), ids=USELESS)
async def test_useless_images(first: FaultyUpstream, second: FaultyUpstream, how: Step) -> None:
    """It was made and is paid for, so it is posted as lost; the image comes from elsewhere."""
    async with Stage(first, second) as stage:
        await paid_and_useless(stage, first, steps.serve(**how), "bad_image", "paid-lost")


@pytest.mark.fault("F22", how="an SVG where a PNG was asked for")
async def test_a_drawing(first: FaultyUpstream) -> None:
    """A drawing cannot be delivered as a picture: it is posted as lost."""
    first.script(steps.serve(image=base64.b64encode(SVG).decode()))
    async with Stage(first) as stage:
        assert ["bad_image"] == faults(await stage.fails(output_format="png"))
        assert ["paid-lost"] == await stage.kinds()


@pytest.mark.fault("F22", how="zero bytes for an image")
async def test_an_empty_image(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """An empty string is no image: nobody knows whether it was billed."""
    async with Stage(first, second) as stage:
        await paid_and_useless(stage, first, steps.serve(image=""), "no_image", "suspect")


@pytest.mark.fault("F22", how="a JPEG where the model makes PNG")
async def test_another_format(first: FaultyUpstream) -> None:
    """A sound picture of another format is not lost: it is delivered as what was asked for."""
    first.script(steps.serve(image=base64.b64encode(jpeg()).decode()))
    async with Stage(first) as stage:
        image = (await stage.router.generate("x", model="poster", output_format="png")).images[0]
        assert ("png", b"\x89PNG") == (image.format, image.data[:4])
        stage.delivered += [line.nonce for line in first.invoice()]  # The JPEG shows none.


@pytest.mark.fault("F23", how="three images where four were asked for and invoiced")
async def test_fewer_images(first: FaultyUpstream, second: FaultyUpstream) -> None:
    """What came is delivered, what is missing is said and not bought again, and stays suspect."""
    first.script(steps.serve(gives=3))
    async with Stage(first, second) as stage:
        result = await stage.ask(n=4)
        assert (3, 1, 0) == (len(result.images), len(result.missing), second.connections)
        assert ["suspect"] == await stage.kinds()
        assert 4 * 40_000 == (await stage.attempts())[0].last.micros


@pytest.mark.fault("F24", how="300 MB out of a small gzip; 1 GB as it is")
@counts_memory
@pytest.mark.parametrize("flood", [(300, True), (1024, False)], ids=["packed", "plain"])
async def test_floods(
    first: FaultyUpstream, second: FaultyUpstream, transport: Transports, flood: tuple[int, bool]
) -> None:
    """Reading stops at what an image may need; with default settings that is less than 64 MiB."""
    size, packed = flood
    first.script(steps.flood(size * MIB, packed=packed))
    async with Stage(first, second, injected={"transport": transport()}) as stage:
        with kept_below(64 * MIB):
            assert ["reply_cut", None] == faults(await stage.ask())
        assert ["suspect", "posted"] == await stage.kinds()


@pytest.mark.fault("F25", how="302 or 307 to another listener, for a POST")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects(
    first: FaultyUpstream, second: FaultyUpstream, transport: Transports, status: int
) -> None:
    """A paid request follows no redirect: neither it nor its key goes anywhere else."""
    location = f"{second.base_url}/images/generations"
    first.script(steps.answer(status, text="", headers={"location": location}))
    async with Stage((images_api("first", first), first),
                     injected={"transport": transport()}) as stage:  # fmt: skip
        error = await stage.fails()
        assert (502, ["redirected"]) == (error.status, faults(error))
        assert ["suspect"] == await stage.kinds()
    assert 0 == second.connections
