"""Pictures that callers bring as URLs: fetched under the address guard before anything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from routercore.engine.addresses import check_public_url
from routercore.engine.attempt import together
from routercore.engine.clock import Clock
from routercore.engine.download import Counting, fetch
from routercore.engine.pixels import BadImageError, inspect
from routercore.engine.transport.base import (
    BlockedAddressError,
    TooLargeError,
    Transport,
    TransportError,
)
from routercore.engine.watching import unbounded
from routercore.engine.wishes import refuse_misfits
from routercore.values.errors import RequestError
from routercore.values.images import (
    MAX_INPUT_BYTES,
    MEDIA_TYPES,
    ImageRequest,
    InputImage,
    sniff_format,
)

INPUT_SECONDS = 30.0
"""The longest that fetching the pictures of one request may take."""
INPUT_FORMATS = ("png", "jpeg", "webp")
NOT_PUBLIC = "it leads to an address that is not public, or to one without TLS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Fetches what a request only refers to."""

    transport: Transport
    clock: Clock

    async def resolve(
        self, request: ImageRequest, take: Callable[[int], None] = unbounded
    ) -> ImageRequest:
        """The request with the bytes of every picture; ``take`` is told of them as they come.

        Raises:
            RequestError: a URL is not allowed, does not answer in time, or leads to what is too
                large, no picture, or a mask of another size than its image.
        """
        pictures = {"mask": request.mask, "markup": request.markup}
        if not any(map(_is_elsewhere, (*request.images, *pictures.values()))):
            return request
        counting = Counting(self.transport, take)
        wanted = [("image", image) for image in request.images] + list(pictures.items())
        try:
            async with self.clock.timeout_at(self.clock.monotonic() + INPUT_SECONDS):
                found = await together([partial(self._outcome, counting, *one) for one in wanted])
        except TimeoutError:
            raise _failed("image", "it did not arrive in time") from None
        for outcome in found:
            if isinstance(outcome, RequestError):
                raise outcome
        *images, mask, markup = (one if isinstance(one, InputImage) else None for one in found)
        given = tuple(image for image in images if image is not None)
        whole = replace(request, images=given, mask=mask, markup=markup)
        refuse_misfits(whole)
        return whole

    async def _outcome(
        self, counting: Counting, param: str, image: InputImage | None
    ) -> InputImage | RequestError | None:
        """One picture, or why it cannot be had: the others are not cut off for it."""
        try:
            return await self._one(counting, param, image)
        except RequestError as error:
            return error

    async def _one(
        self, counting: Counting, param: str, image: InputImage | None
    ) -> InputImage | None:
        if image is None or image.url is None or not _is_elsewhere(image):
            return image
        at_url(image.url, param)
        try:
            response = await fetch(
                counting, image.url, trusted_origins=frozenset(), max_bytes=MAX_INPUT_BYTES
            )
        except BlockedAddressError as error:
            raise _unfetchable(param, NOT_PUBLIC) from error  # Not where it led: names are private.
        except TooLargeError as error:
            raise _failed(param, f"it is larger than {MAX_INPUT_BYTES >> 20} MiB") from error
        except TransportError as error:
            raise _failed(param, "its server cannot be reached") from error
        if not response.is_success:
            raise _failed(param, f"its server answers {response.status}")
        # A mask is rewritten for its vendor, so that the original's address would mislead.
        kept = image.url if param == "image" else None
        return replace(picture_of(response.body, param), url=kept)


def at_url(url: str, param: str) -> InputImage:
    """A picture that a URL refers to, which is yet to be fetched.

    Raises:
        RequestError: nothing is fetched from there, whatever its name would resolve to.
    """
    try:
        if not url.isascii() or not url.isprintable() or " " in url:
            raise BlockedAddressError("it has a character that has to be percent-encoded")
        check_public_url(url)
    except BlockedAddressError as error:
        raise _unfetchable(param, str(error)) from error
    return InputImage(url=url)


def _is_elsewhere(image: InputImage | None) -> bool:
    return image is not None and image.url is not None and not image.data


def picture_of(data: bytes, param: str) -> InputImage:
    """What somebody sent, or a URL led to, as a picture that upstreams can read.

    Raises:
        RequestError: it is empty, of another format, cut off, or larger than anybody decodes.
    """
    if not data:
        raise RequestError(f"The {param} is empty.", param=param, code="empty_image_file")
    if sniff_format(data) not in INPUT_FORMATS:
        raise _no_picture(f"The {param} is not a PNG, JPEG or WebP image.", param)
    try:
        facts = inspect(data)
    except BadImageError as error:
        raise _no_picture(f"The {param} cannot be read: {error}.", param) from error
    if not facts.is_whole:
        raise _no_picture(f"The {param} is cut off.", param)
    return InputImage(data, MEDIA_TYPES[facts.format], f"{param}.{facts.format}")


def _no_picture(message: str, param: str) -> RequestError:
    return RequestError(message, param=param, code="invalid_image_format")


def _unfetchable(param: str, why: str) -> RequestError:
    message = f"The URL of the {param} is not fetched: {why}."
    return RequestError(message, param=param, code="invalid_image_url")


def _failed(param: str, why: str) -> RequestError:
    message = f"The {param} could not be downloaded: {why}."
    return RequestError(message, param=param, code="failed_to_download_image")
