"""Pictures that a request only refers to: fetched under the guard, or refused with the reason."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from routercore.engine.inputs import INPUT_SECONDS, Inputs
from routercore.engine.transport.base import BlockedAddressError, Phase
from routercore.provider import HttpResponse
from routercore.testing.clock import ManualClock
from routercore.testing.transport import Answer, FakeTransport, Hanging, lost
from routercore.values.errors import RequestError, RouterError
from routercore.values.images import MAX_INPUT_BYTES, ImageRequest, InputImage

URL = "https://images.example/a.png"


def picture(format: str = "png", size: tuple[int, int] = (8, 8)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, format)
    return buffer.getvalue()


def request(*images: InputImage, mask: InputImage | None = None) -> ImageRequest:
    return ImageRequest(prompt="x", model="m", images=images, mask=mask)


def inputs(transport: FakeTransport, clock: ManualClock | None = None) -> Inputs:
    return Inputs(transport=transport, clock=clock or ManualClock())


async def test_pictures_are_fetched() -> None:
    """URLs become bytes, in their places, and are kept; what has bytes is left as it is."""
    transport = FakeTransport(
        lambda r: HttpResponse(status=200, body=picture("jpeg" if "mask" in r.url else "png"))
    )
    own = InputImage.of(picture())

    found = await inputs(transport).resolve(
        request(own, InputImage(url=URL), mask=InputImage(url=URL + "?mask"))
    )

    assert own is found.images[0]
    assert (picture(), URL) == (found.images[1].data, found.images[1].url)
    assert found.mask is not None
    assert "image/jpeg" == found.mask.media_type
    assert [(True, MAX_INPUT_BYTES)] * 2 == [
        (sent.public_only, sent.max_bytes) for sent in transport.sent
    ]


async def test_nothing_to_fetch() -> None:
    """A request that has all its bytes is the same request."""
    asked = request(InputImage.of(picture()))

    assert asked is await inputs(FakeTransport()).resolve(asked)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (BlockedAddressError("10.0.0.1 is not public"), "invalid_image_url"),
        (lost(Phase.NOT_SENT), "failed_to_download_image"),
        (HttpResponse(status=404, body=b"gone"), "failed_to_download_image"),
        (HttpResponse(status=200, body=b"<html>"), "invalid_image_format"),
        (HttpResponse(status=200), "empty_image_file"),
        (HttpResponse(status=200, body=picture("gif")), "invalid_image_format"),
        (HttpResponse(status=200, body=b'<svg width="1" height="1"/>'), "invalid_image_format"),
        (HttpResponse(status=200, body=picture()[:-8]), "invalid_image_format"),
    ],
)
async def test_what_cannot_be_had(answer: Answer, code: str) -> None:
    """The parameter and the reason are named; the address that was tried is not."""
    transport = FakeTransport([answer, HttpResponse(status=200, body=picture())])

    with pytest.raises(RequestError) as refused:
        await inputs(transport).resolve(request(InputImage(url=URL), InputImage(url=URL)))

    assert ("image", code) == (refused.value.param, refused.value.code)
    assert "10.0.0.1" not in refused.value.message
    assert 2 == len(transport.sent)


async def test_a_picture_that_is_too_large() -> None:
    """It is called too large, and by its parameter; its server could be reached."""
    transport = FakeTransport([HttpResponse(status=200, body=bytes(MAX_INPUT_BYTES + 1))])
    own, mask = InputImage.of(picture()), InputImage(url=URL)

    with pytest.raises(RequestError) as refused:
        await inputs(transport).resolve(request(own, mask=mask))

    error = refused.value
    assert (400, "mask", "failed_to_download_image") == (error.status, error.param, error.code)
    assert "The mask could not be downloaded: it is larger than 50 MiB." == error.message


@pytest.mark.parametrize(
    ("url", "why"), [("https://", "no usable host"), ("https://10.0.0.1/a.png", "not a public")]
)
async def test_a_url_that_is_none(url: str, why: str) -> None:
    """It is refused for what it is, without anything being sent."""
    transport = FakeTransport()

    with pytest.raises(RequestError, match=why) as refused:
        await inputs(transport).resolve(request(InputImage(url=url)))

    assert ("image", "invalid_image_url") == (refused.value.param, refused.value.code)
    assert [] == transport.sent


async def test_a_server_that_does_not_answer() -> None:
    """A download has a time of its own, long before the request's."""
    clock, transport = ManualClock(), FakeTransport([Hanging()])

    with pytest.raises(RequestError) as refused:
        await clock.run(inputs(transport, clock).resolve(request(InputImage(url=URL))))

    assert "failed_to_download_image" == refused.value.code
    assert INPUT_SECONDS == clock.monotonic()
    assert 0 == transport.open_exchanges


@pytest.mark.parametrize("kind", [RouterError, ZeroDivisionError])
async def test_what_nobody_expected(kind: type[Exception]) -> None:
    """What else is raised over one of several pictures is raised as itself, and in no circle."""
    error = kind("mine")
    transport = FakeTransport([HttpResponse(status=200, body=picture()), error])
    asked = request(InputImage(url=URL), InputImage(url=URL))

    with pytest.raises(kind) as raised:
        await inputs(transport).resolve(asked)

    assert error is raised.value
    assert (None, None) == (error.__cause__, error.__context__)


async def test_a_mask_of_another_size() -> None:
    """That a mask does not cover its image shows when both are there, whichever was fetched."""
    transport = FakeTransport([HttpResponse(status=200, body=picture(size=(4, 8)))])
    own, mask = InputImage.of(picture()), InputImage(url=URL)

    with pytest.raises(RequestError) as refused:
        await inputs(transport).resolve(request(own, mask=mask))

    assert "mask" == refused.value.param
    assert "the mask is 4x8, and the image that it lies on 8x8" == str(refused.value)
