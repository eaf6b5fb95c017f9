"""ImageRouter's own client for Python, unchanged; `nox -s imagerouter_client` installs it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.clients.server import HURRIED, KEY
from tests.upstreams import mask, picture

pytestmark = pytest.mark.skipif(
    find_spec("imagerouter") is None, reason="run nox -s imagerouter_client"
)
MODEL = "test/test"


def connected(origin: str, key: str = KEY) -> Any:
    """A client, told of another origin."""
    import imagerouter

    client = imagerouter.ImageRouterClient(api_key=key, max_retries=1)
    client.base_url = origin
    return client


@pytest.fixture
def client(origin: str) -> Iterator[Any]:
    return connected(origin)


@pytest.mark.parametrize("form", ["url", "b64_json", "b64_ephemeral"])
def test_generate(client: Any, tmp_path: Path, form: str) -> None:
    """An image is made and saved, in each form."""
    import imagerouter

    path = tmp_path / "made.webp"
    result = imagerouter.ImageGenerator(client).text_to_image(
        "a lighthouse", MODEL, quality="high", size="256x128", output_format="webp",
        response_format=form, output_path=str(path),
    )  # fmt: skip

    assert {"created", "data", "latency", "cost"} <= result.keys()
    image = Image.open(io.BytesIO(path.read_bytes()))
    assert ("WEBP", (256, 128)) == (image.format, image.size)


@pytest.mark.parametrize("count", [1, 3])
def test_edit(client: Any, tmp_path: Path, count: int) -> None:
    """Pictures and a mask are sent under the names that this client has for them."""
    import imagerouter

    (tmp_path / "mask.png").write_bytes(mask(128, 128))
    paths = [tmp_path / f"{number}.png" for number in range(count)]
    for path in paths:
        path.write_bytes(picture(128, 128))

    result = imagerouter.ImageGenerator(client).image_to_image(
        [str(path) for path in paths], "a red roof", MODEL, mask_path=str(tmp_path / "mask.png"),
        output_path=str(tmp_path / "edited.png"),
    )  # fmt: skip

    assert 1 == len(result["data"])
    edited = io.BytesIO((tmp_path / "edited.png").read_bytes())
    assert (128, 128) == Image.open(edited).size


def test_models(client: Any) -> None:
    """The list is read whole: names, prices, sizes and labels."""
    import imagerouter

    models = imagerouter.ModelRegistry(client).get_image_models()

    assert {"test/test", "test/paid"} <= models.keys()
    assert models[MODEL].supports_edit
    assert (0, 0, 0) == models[MODEL].pricing.get_estimate()


def test_estimate(client: Any) -> None:
    """What a model would cost is told before it is asked."""
    import imagerouter

    estimate = imagerouter.CostEstimator(client).estimate_image(model="test/paid")

    assert estimate.total_max >= estimate.total_min > 0


def test_key(client: Any, origin: str) -> None:
    """A good key is good, another is an error of this client's own."""
    import imagerouter

    assert client.test_auth()
    with pytest.raises(imagerouter.AuthenticationError):
        connected(origin, "wrong").test_auth()


def test_errors(client: Any) -> None:
    """Errors become this client's own."""
    import imagerouter

    maker = imagerouter.ImageGenerator(client)
    with pytest.raises(imagerouter.ModelNotFoundError):
        maker.text_to_image("x", "nobody/nothing")
    with pytest.raises(imagerouter.ValidationError):
        maker.text_to_image("x", MODEL, size="wide")
    with pytest.raises(imagerouter.GenerationError):
        maker.text_to_image("x", "test/broken")


def test_limits(origin: str) -> None:
    """A limit says how long to wait in words that this client can read."""
    import requests

    url = f"{origin}/v1/openai/images/generations"
    body = {"model": MODEL, "prompt": "x", "size": "256x256"}
    headers = {"Authorization": f"Bearer {HURRIED}"}
    answers = [requests.post(url, json=body, headers=headers, timeout=30) for _ in range(2)]

    assert 429 == answers[-1].status_code
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
