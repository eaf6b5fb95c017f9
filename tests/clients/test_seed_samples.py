"""The four services' own samples, with only host, key and model replaced."""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image
from tests.clients.server import KEY

MODEL = "test/test"


@dataclass(frozen=True)
class Sample:
    """A request as a service documents it."""

    path: str
    body: dict[str, Any]
    is_raw: bool = False
    """Whether curl gets the body by ``--data-raw``."""


SAMPLES = {
    "relayrouter": Sample(
        "/v1/images/generations",
        {
            "model": MODEL,
            "prompt": "A serene Japanese garden with cherry blossoms, watercolor style",
            "n": 1,
        },
    ),
    "imagerouter": Sample(
        "/v1/openai/images/generations",
        {"prompt": "YOUR_PROMPT", "model": MODEL},
        is_raw=True,
    ),
    "myrouter": Sample(
        "/v1/images/generations",
        {"model": MODEL, "prompt": "a lighthouse", "quality": "low", "n": 1, "size": "1024x1024"},
    ),
    "easyrouter": Sample(
        "/v1/images/generations",
        {
            "model": MODEL,
            "prompt": "A cute cartoon cat sitting on a colorful rainbow, digital art style",
            "n": 1,
            "size": "1024x1024",
        },
    ),
}
PYTHON = """
import os
import requests

response = requests.post(
    os.environ["URL"],
    headers={
        "Authorization": f"Bearer {os.environ['KEY']}",
        "Content-Type": "application/json",
    },
    json=%r,
)
print(response.json())
"""
NODE = """
const options = {
  method: 'POST',
  headers: {Authorization: `Bearer ${process.env.KEY}`, 'Content-Type': 'application/json'},
  body: %s,
};
const response = await fetch(process.env.URL, options);
const data = await response.json();
console.log(JSON.stringify(data));
"""


def by_curl(sample: Sample, url: str) -> Any:
    data = "--data-raw" if sample.is_raw else "-d"
    command = ["curl", "-sS", url, "-H", f"Authorization: Bearer {KEY}",
               "-H", "Content-Type: application/json", data, json.dumps(sample.body)]  # fmt: skip
    return json.loads(run(command, url))


def by_python(sample: Sample, url: str) -> Any:
    return ast.literal_eval(run([sys.executable, "-c", PYTHON % sample.body], url))


def by_node(sample: Sample, url: str) -> Any:
    script = NODE % json.dumps(json.dumps(sample.body))
    return json.loads(run(["node", "--input-type=module", "-e", script], url))


def run(command: list[str], url: str) -> str:
    """What a program prints."""
    known = {"URL": url, "KEY": KEY}
    return subprocess.run(
        command, env={**os.environ, **known}, capture_output=True, text=True, timeout=60,
        check=True,
    ).stdout  # fmt: skip


CLIENTS = {"curl": by_curl, sys.executable: by_python, "node": by_node}


@pytest.mark.parametrize("program", CLIENTS, ids=lambda program: Path(program).name)
@pytest.mark.parametrize("service", SAMPLES)
def test_the_url_downloads(origin: str, service: str, program: str) -> None:
    """The URL that a sample prints downloads as an image of the promised format and size."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    sample = SAMPLES[service]

    answer = CLIENTS[program](sample, origin + sample.path)

    downloaded = httpx2.get(answer["data"][0]["url"])
    image = Image.open(io.BytesIO(downloaded.content))
    assert f"image/{answer['output_format']}" == downloaded.headers["content-type"]
    assert answer["output_format"].upper() == image.format
    assert answer["size"] == f"{image.width}x{image.height}"
    assert sample.body.get("size", answer["size"]) == answer["size"]


@pytest.mark.parametrize("service", ["myrouter", "easyrouter"])
def test_base64_is_there_too(origin: str, service: str) -> None:
    """Where a service's documents show base64, it comes without being asked for."""
    sample = SAMPLES[service]

    answer = by_python(sample, origin + sample.path)

    assert answer["data"][0]["b64_json"]
