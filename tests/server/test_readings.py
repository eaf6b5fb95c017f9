"""What clients write, taken in each of its spellings, or refused in words that help."""

from __future__ import annotations

import base64
from typing import Any

import httpx2
import pytest
from tests.serving import MODEL
from tests.upstreams import Upstream, picture

from routercore.values.images import MAX_INPUT_BYTES

EDITS = "/v1/images/edits"
BODY: dict[str, Any] = {"model": MODEL, "prompt": "x"}
HEAD = "data:image/png;base64,"
DATA_URL = HEAD + base64.b64encode(picture()).decode()


def refusal(answer: httpx2.Response, status: int = 400) -> dict[str, Any]:
    assert status == answer.status_code, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.fixture(scope="module")
def huge() -> bytes:
    """A picture that is one byte larger than any may be."""
    return picture() + bytes(MAX_INPUT_BYTES + 1 - len(picture()))


@pytest.mark.parametrize("field", ["image", "image[]", "image[0]", "mask"])
def test_a_file_that_is_too_large(
    client: httpx2.Client, upstream: Upstream, field: str, huge: bytes
) -> None:
    """A form's file over the limit is refused by its field, and with the limit."""
    files = [("image", ("x.png", picture())), (field, ("y.png", huge))]

    error = refusal(client.post(EDITS, data=BODY, files=files), 413)

    assert ("request_too_large", field.partition("[")[0]) == (error["code"], error["param"])
    assert "52,428,800 bytes" in error["message"]
    assert 0 == upstream.calls


@pytest.mark.parametrize("field", ["image", "images", "mask"])
@pytest.mark.parametrize("over", [1, 5 * 1024 * 1024])
def test_a_data_url_that_is_too_large(
    client: httpx2.Client, field: str, over: int, huge: bytes
) -> None:
    """A picture in JSON over the limit is told like one in a form, however far it is over."""
    text = HEAD + base64.b64encode(huge + bytes(over - 1)).decode()
    value: Any = [{"image_url": text}] if field == "images" else text

    error = refusal(client.post(EDITS, json={"image": DATA_URL, **BODY, field: value}), 413)

    named = "image" if field == "images" else field
    assert ("request_too_large", named) == (error["code"], error["param"])
    assert f"The {named} is larger than 52,428,800 bytes." == error["message"]


def test_a_picture_as_large_as_allowed(client: httpx2.Client) -> None:
    """A form's data URL of 50 MiB is read: its limit is the picture's, not the text's."""
    whole = picture() + bytes(MAX_INPUT_BYTES - len(picture()))
    text = HEAD + base64.b64encode(whole).decode()
    parts = {name: (None, value) for name, value in {**BODY, "image": text}.items()}

    assert 200 == client.post("/v1/images/estimate", files=parts).status_code
