"""The official Python SDK, unchanged, whichever generation of it is installed."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from PIL import Image
from tests.clients.server import HURRIED, KEY
from tests.upstreams import mask, picture

MODEL = "test/test"
GENERATION = tuple(int(part) for part in openai.__version__.split(".")[:2])


@pytest.fixture(params=["/v1", "/v1/openai"])
def client(origin: str, request: pytest.FixtureRequest) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=origin + request.param, api_key=KEY, max_retries=0) as client:
        yield client


def opened(data: str | None) -> Image.Image:
    """The image in a ``b64_json``."""
    assert data is not None
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_generate(client: openai.OpenAI) -> None:
    """An image is made, in both forms, with its price and how it came about beside it."""
    result = client.images.generate(model=MODEL, prompt="a lighthouse", size="256x256", n=2)

    assert result.data is not None
    assert [(256, 256)] * 2 == [opened(item.b64_json).size for item in result.data]
    assert all(item.url for item in result.data)
    extra: dict[str, Any] = result.model_dump()
    assert ("test", 0, []) == (extra["provider"], extra["cost"], extra["warnings"])
    assert str(result._request_id).startswith("req_")


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_formats(client: openai.OpenAI, format: Any) -> None:
    """The URL downloads as an image of the format that was asked for."""
    result = client.images.generate(
        model=MODEL, prompt="a lighthouse", size="256x256", output_format=format,
        response_format="url",
    )  # fmt: skip

    assert result.data is not None
    assert result.data[0].b64_json is None
    downloaded = httpx2.get(str(result.data[0].url))
    assert f"image/{format}" == downloaded.headers["content-type"]
    assert format.upper() == Image.open(io.BytesIO(downloaded.content)).format


def test_edit_with_a_mask(client: openai.OpenAI) -> None:
    """Only the masked half of the image changes."""
    result = client.images.edit(
        model=MODEL, prompt="a red roof", image=("a.png", picture(256, 256)),
        mask=("m.png", mask(256, 256)), response_format="b64_json",
    )  # fmt: skip

    assert result.data is not None
    edited = opened(result.data[0].b64_json).convert("RGB")
    before = Image.open(io.BytesIO(picture(256, 256)))
    right = (128, 0, 256, 256)
    assert before.crop(right).tobytes() == edited.crop(right).tobytes()
    assert before.tobytes() != edited.tobytes()


def test_edit_of_several_images(client: openai.OpenAI) -> None:
    """Several images are taken, and bytes without a name, too."""
    result = client.images.edit(
        model=MODEL, prompt="both together", image=[picture(128, 128), picture(64, 64)]
    )

    assert result.data is not None
    assert 1 == len(result.data)


def test_parameters_of_the_router(client: openai.OpenAI) -> None:
    """What only this router has goes into ``extra_body``."""
    made = [
        client.images.generate(
            model=MODEL, prompt="x", size="256x256", response_format="b64_json",
            extra_body={"seed": seed, "provider_options": {"test": {"latency": 0}}},
        )
        for seed in (7, 7, 8)
    ]  # fmt: skip

    first, same, other = (result.data[0].b64_json for result in made if result.data)
    assert first == same != other


@pytest.mark.skipif(GENERATION < (1, 90), reason="this SDK knows no streams of images")
@pytest.mark.parametrize("edits", [False, True])
def test_stream(client: openai.OpenAI, edits: bool) -> None:
    """Intermediate images come before the image, as typed events."""
    kind = "image_edit" if edits else "image_generation"
    settings: dict[str, Any] = {"model": MODEL, "prompt": "x", "size": "256x256", "stream": True,
                                "partial_images": 2}  # fmt: skip
    if edits:
        stream = client.images.edit(image=picture(256, 256), **settings)
    else:
        stream = client.images.generate(**settings)

    events: list[Any] = list(stream)

    names = [f"{kind}.partial_image"] * 2 + [f"{kind}.completed"]
    assert names == [event.type for event in events]
    assert [(256, 256)] * 3 == [opened(event.b64_json).size for event in events]
    assert "png" == events[-1].output_format


def test_models(client: openai.OpenAI) -> None:
    """Models are listed, and one with a slash in its name is retrieved."""
    listed = {model.id for model in client.models.list()}

    assert {"test/test", "test/paid"} <= listed
    assert "test/test" == client.models.retrieve("test/test").id


def test_errors(origin: str, client: openai.OpenAI) -> None:
    """Errors arrive as the SDK's own types, with code, parameter and id."""
    with pytest.raises(openai.BadRequestError) as wrong:
        client.images.generate(model=MODEL, prompt="x", extra_body={"qualty": "high"})
    assert ("unknown_parameter", "qualty") == (wrong.value.code, wrong.value.param)
    assert str(wrong.value.request_id).startswith("req_")
    with pytest.raises(openai.NotFoundError) as missing:
        client.images.generate(model="gpt-5", prompt="x")
    assert "model_not_found" == missing.value.code
    with pytest.raises(openai.BadRequestError) as refused:
        client.images.generate(model="test/refusing", prompt="x")
    assert "moderation_blocked" == refused.value.code
    unknown = openai.OpenAI(base_url=f"{origin}/v1", api_key="wrong", max_retries=0)
    with unknown, pytest.raises(openai.AuthenticationError) as stranger:
        unknown.models.list()
    assert "invalid_api_key" == stranger.value.code
    rehearsal = {"test": {"fail": "rate_limited", "retry_after": 0.01}}
    with pytest.raises(openai.RateLimitError) as limited:
        client.images.generate(model=MODEL, prompt="x", extra_body={"provider_options": rehearsal})
    assert "rate_limit_exceeded" == limited.value.code


def test_a_limit_of_the_key(origin: str) -> None:
    """The router's own limits are rate-limit errors, too."""
    with openai.OpenAI(base_url=f"{origin}/v1", api_key=HURRIED, max_retries=0) as client:
        client.images.generate(model=MODEL, prompt="x", size="256x256")
        with pytest.raises(openai.RateLimitError) as limited:
            client.images.generate(model=MODEL, prompt="x", size="256x256")

    assert 1 <= int(limited.value.response.headers["retry-after"]) <= 60


def test_an_error_inside_a_stream(client: openai.OpenAI) -> None:
    """A stream that fails raises."""
    with pytest.raises(openai.APIError):
        list(client.images.generate(model="test/broken", prompt="x", stream=True))


async def test_async(origin: str) -> None:
    """The asynchronous client works alike."""
    async with openai.AsyncOpenAI(base_url=f"{origin}/v1", api_key=KEY) as client:
        result = await client.images.generate(model=MODEL, prompt="x", size="256x256")

    assert result.data is not None
    assert 1 == len(result.data)
