"""From what an upstream gave to images: fetched, decoded once, and looked at."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, replace

import pybase64

from routercore.engine.clock import Clock
from routercore.engine.download import fetch
from routercore.engine.pixels import BadImageError, convert, inspect
from routercore.engine.transport.base import (
    BlockedAddressError,
    TooLargeError,
    Transport,
    TransportError,
)
from routercore.provider.http import HttpResponse
from routercore.values.faults import Failure, Fault, ProviderFailed
from routercore.values.images import Image, RawImage

DOWNLOAD_TRIES = 4
DOWNLOAD_BACK_OFF = 0.5
"""Seconds before the second try; doubled before each further one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Turns raw images into delivered ones."""

    transport: Transport
    clock: Clock
    trusted_origins: frozenset[str]
    max_bytes: int
    random: random.Random

    async def deliver(
        self, raw: RawImage, *, format: str | None = None, compression: int | None = None,
        asked_compression: int | None = None,
    ) -> Image:  # fmt: skip
        """The image, in ``format`` where one is asked for that the upstream did not make.

        ``compression`` is left to us in any case, ``asked_compression`` where we convert.

        Raises:
            ProviderFailed: its URL cannot be read, or its bytes are no image.
        """
        data = await self._bytes(raw)
        if len(data) > self.max_bytes:
            raise _bad(f"the image has {len(data):,} bytes; {self.max_bytes:,} are allowed")
        try:
            facts = inspect(data)
            if not facts.is_whole:
                raise _bad(f"the image is a {facts.format} that breaks off")
            given = facts.format
            if format and (given != format or compression is not None):
                level = asked_compression if compression is None else compression
                data = await asyncio.to_thread(convert, data, format, level)
                facts = inspect(data)
        except BadImageError as error:
            raise _bad(str(error)) from error
        return Image(
            data=data,
            format=facts.format,
            size=facts.size,
            seed=raw.seed,
            revised_prompt=raw.revised_prompt,
            source_url=raw.url,
            made_as=given if given != facts.format else None,
        )

    async def _bytes(self, raw: RawImage) -> bytes:
        if raw.data is not None:
            return bytes(raw.data)
        if raw.base64 is not None:
            return decode_base64(raw.base64)
        if raw.url is not None and raw.url.startswith("data:"):
            return decode_base64(raw.url)
        if raw.url is not None:
            return (await self._download(raw.url)).body
        raise _bad("the provider returned an image without bytes or URL")

    async def _download(self, url: str) -> HttpResponse:
        """Fetch a result; only the GET is repeated, never the work behind it."""
        back_off, problem = DOWNLOAD_BACK_OFF, ""
        for number in range(DOWNLOAD_TRIES):
            if number:
                await self.clock.sleep(back_off * (1 + self.random.random()))
                back_off *= 2
            try:
                response = await fetch(
                    self.transport, url, trusted_origins=self.trusted_origins,
                    max_bytes=self.max_bytes,
                )  # fmt: skip
            except BlockedAddressError as error:
                raise _unavailable(f"its URL is not fetched: {error}") from error
            except TooLargeError as error:  # However often it is fetched.
                raise _bad(f"the image cannot be fetched: {error}") from error
            except TransportError as error:
                problem = str(error)
                continue
            if response.is_success:
                return response
            problem = f"its URL answers {response.status}"
            if response.status in (400, 401, 403, 404, 410):
                break
        raise _unavailable(problem)


def decode_texts(images: list[RawImage]) -> None:
    """Put bytes in place of base64, image by image: so each text is gone before the next is read.

    What is no base64 stays as it is, for whoever delivers it to say so.
    """
    for number, image in enumerate(images):
        text = image.base64
        if text is None and image.url is not None and image.url.startswith("data:"):
            text = image.url
        if image.data is not None or text is None:
            continue
        with suppress(ProviderFailed):
            images[number] = replace(image, data=decode_base64(text), base64=None, url=None)


def decode_base64(text: str) -> bytes:
    """Decode standard base64 or a ``data:`` URL, refusing anything that is not exactly that.

    Raises:
        ProviderFailed: ``bad_image``.
    """
    payload = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return pybase64.b64decode(payload, validate=True)
    except ValueError as error:
        raise _bad(f"the image is not valid base64: {error}") from error


def _bad(message: str) -> ProviderFailed:
    return ProviderFailed(Failure(fault=Fault.BAD_IMAGE, message=message))


def _unavailable(message: str) -> ProviderFailed:
    return ProviderFailed(
        Failure(fault=Fault.RESULT_UNAVAILABLE, message=f"the image was made, but {message}")
    )
