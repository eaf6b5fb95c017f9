"""Hugging Face: a body for each backend, pictures in every form, its cards."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import (
    WILDCARD,
    Fault,
    HttpResponse,
    InputImage,
    Provider,
    ProviderFailed,
    RawImage,
    Size,
    Task,
)
from routercore.testing.flows import Played, play
from routercore.testing.strategies import replies
from routercore.testing.transcripts import replay
from routercore.values.images import Generated, Settings
from routercore.values.money import estimate
from routercore_huggingface import HuggingFace, routercore_providers
from routercore_huggingface.backends import BACKENDS

PROVIDER = HuggingFace()
CARDS = {card.id: card for card in PROVIDER.catalogue()}
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
URL = "https://delivery.example/x.png"


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(PROVIDER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "huggingface" == provider.name


def task(model: str = "owner/model", **settings: Any) -> Task:
    plain = {"prompt": "wool owl", "base_url": "https://router.huggingface.co", **settings}
    return Task(card=CARDS[WILDCARD].named(model), **plain)


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


def run(body: Any) -> Played[Generated]:
    return play(PROVIDER, PROVIDER.generate(task()), [answer(body)])


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_takes_prompt_and_size(backend: str) -> None:
    """Each has its path under the base URL, and is told the prompt and the size."""
    base = "http://127.0.0.1:9"
    request = PROVIDER.build(task(f"a/b:{backend}", base_url=base, size=Size(640, 512)))
    assert request.url.startswith(f"{base}/{backend}/")
    written = json.dumps(request.json)
    assert "wool owl" in written
    assert "640" in written
    assert "512" in written


@pytest.mark.parametrize(
    ("model", "images", "param"),
    [("a/b:elsewhere", (), "model"), ("a/b:nscale", (PICTURE,), "image")],
)
def test_what_no_backend_can_do_is_not_sent(
    model: str, images: tuple[InputImage, ...], param: str
) -> None:
    """What cannot be done here is refused before it is sent, and may be right elsewhere."""
    with pytest.raises(ProviderFailed) as raised:
        PROVIDER.build(task(model, images=images))
    failure = raised.value.failure
    assert (Fault.UNSUPPORTED, param, True) == (failure.fault, failure.param, failure.only_here)


def test_our_options_stay_with_us() -> None:
    """Who pays is a header, the backend's name for a model is its path, the rest goes on."""
    options = {"bill_to": "us", "provider_id": "fal-ai/x", "num_inference_steps": 4}
    request = PROVIDER.build(task("a/b:fal-ai", options=options))
    assert request.url.endswith("/fal-ai/fal-ai/x")
    assert "us" == request.headers["x-hf-bill-to"]
    assert {"prompt": "wool owl", "num_inference_steps": 4} == request.json


@pytest.mark.parametrize(
    ("body", "image"),
    [
        ({"data": [{"b64_json": "iVBO"}]}, RawImage(base64="iVBO")),
        ({"data": [{"url": URL}]}, RawImage(url=URL)),
        ({"images": [{"url": URL}], "seed": 5}, RawImage(url=URL, seed=5)),
        ({"images": [{"url": "data:image/png;base64,iVBO"}]},
         RawImage(base64="data:image/png;base64,iVBO")),
        ({"output": URL}, RawImage(url=URL)),
        ({"output": [URL]}, RawImage(url=URL)),
    ],
)  # fmt: skip
def test_every_form_is_read(body: Any, image: RawImage) -> None:
    """A picture is found wherever a backend puts it."""
    assert (image,) == run(body).result.images


@pytest.mark.parametrize(
    ("backend", "body"),
    [
        ("zai-org", {"task_status": "PROCESSING"}),
        ("wavespeed", {"data": {"urls": {"get": 5}}}),
        ("wavespeed", {"data": {"urls": {"get": "http://[::1"}}}),
    ],
)
def test_a_job_that_nobody_can_find(backend: str, body: Any) -> None:
    """It may be at work, so that it is not submitted again unknowingly."""
    played = play(PROVIDER, PROVIDER.generate(task(f"a/b:{backend}")), [answer(body)])
    assert played.failed is not None
    assert Fault.REPLY_CUT is played.failed.failure.fault


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"status": "processing", "output": None}, Fault.GATEWAY),
        ({"status": "failed", "error": "NSFW content detected"}, Fault.REFUSED),
        ({"status": "failed", "error": "out of memory"}, Fault.JOB_FAILED),
        ({"images": [{"url": URL}], "has_nsfw_concepts": [True]}, Fault.REFUSED_RESULT),
        ({}, Fault.NO_IMAGE),
    ],
)
def test_successes_without_a_picture(body: Any, fault: Fault) -> None:
    """A backend's failure inside a success is what it says."""
    played = run(body)
    assert played.failed is not None
    assert fault is played.failed.failure.fault


def test_a_model_that_is_being_loaded() -> None:
    """The service says how long to wait."""
    failure = PROVIDER.classify(answer({"error": "loading", "estimated_time": 20.0}, 503))
    assert (Fault.OVERLOADED, 20.0) == (failure.fault, failure.retry_after)


def test_prices() -> None:
    """The one price that is known goes by pixels; the others are not zero."""
    asked = Settings(prompt="x", size=Size(1024, 1024))
    schnell = "black-forest-labs/FLUX.1-schnell"
    assert Decimal("0.0013631488") == estimate(CARDS[f"{schnell}:nscale"], asked).expected
    assert estimate(CARDS[schnell], asked).expected is None


@given(replies([{"data": [{"b64_json": "iVBO"}]}]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
