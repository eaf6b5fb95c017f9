"""Automatic1111: its checkpoints, its batches, its errors."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from routercore.provider import Fault, HttpRequest, HttpResponse, InputImage, Provider, Task
from routercore.testing.flows import play
from routercore.testing.strategies import JSON, replies
from routercore.testing.transcripts import replay
from routercore.values.images import Settings
from routercore.values.money import estimate
from routercore_automatic1111 import ANY, LOADED, Automatic1111, Basic, routercore_providers

PROVIDER = Automatic1111()
TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.json"))
PICTURE = InputImage.of(b"\x89PNG\r\n\x1a\n picture")
MADE = {"images": ["iVBO"], "parameters": {}, "info": '{"all_seeds": [7]}'}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_recorded_exchanges(path: Path) -> None:
    """Every recorded case leads to the requests and the outcome that it says."""
    replay(PROVIDER, path)


def test_hook_contributes_the_provider() -> None:
    """The plugin's hook contributes one provider, under the plugin's name."""
    (provider,) = routercore_providers()
    assert isinstance(provider, Provider)
    assert "automatic1111" == provider.name


def task(**settings: Any) -> Task:
    plain = {"card": LOADED, "prompt": "a red cube", "base_url": PROVIDER.origins[0], **settings}
    return Task(**plain)


def answer(body: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(body).encode())


def test_user_and_password() -> None:
    """They are sent as the server was told to want them."""
    signed = Basic("X").sign(HttpRequest(method="GET", url="http://127.0.0.1:7860"), "user:pass")
    assert "Basic dXNlcjpwYXNz" == signed.headers["authorization"]


def test_everything_goes_to_another_base_url() -> None:
    """The server is wherever the configuration says."""
    base = "http://10.0.0.7"
    assert f"{base}/sdapi/v1/txt2img" == PROVIDER.build(task(base_url=base)).url
    edit = task(base_url=base, images=(PICTURE,))
    assert f"{base}/sdapi/v1/img2img" == PROVIDER.build(edit).url
    (request,) = play(PROVIDER, PROVIDER.discover(base), [answer([])]).requests
    assert f"{base}/sdapi/v1/sd-models" == request.url


def test_a_checkpoint_is_an_override() -> None:
    """A named checkpoint is asked for beside the caller's own overrides; the loaded one is not."""
    assert "override_settings" not in PROVIDER.build(task()).json
    options = {"override_settings": {"CLIP_stop_at_last_layers": 2}}
    sent = PROVIDER.build(task(card=ANY.named("sdxl"), options=options)).json
    expected = {"sd_model_checkpoint": "sdxl", "CLIP_stop_at_last_layers": 2}
    assert expected == sent["override_settings"]


def test_checkpoints_are_discovered() -> None:
    """The server's list becomes cards, each once."""
    listing = [{"title": "a.safetensors [12]", "model_name": "a"}, {"model_name": "a"}, {}, "b"]
    cards = play(PROVIDER, PROVIDER.discover(PROVIDER.origins[0]), [answer(listing)]).result
    assert ["loaded", "a"] == [card.id for card in cards]


@given(replies([[{"model_name": "a"}]]))
def test_any_list_of_checkpoints_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, discovery ends in cards or in a failure."""
    played = play(PROVIDER, PROVIDER.discover(PROVIDER.origins[0]), script)
    assert (played.value is None) != (played.failed is None)


@pytest.mark.parametrize(
    ("images", "info", "expected"),
    [
        (["a", "b"], {"all_seeds": [7, 8]}, [("a", 7), ("b", 8)]),
        (["grid", "a", "b"], {"all_seeds": [7, 8], "index_of_first_image": 1},
         [("a", 7), ("b", 8)]),
        (["a", "b", "map"], {"all_seeds": [7, 8]}, [("a", 7), ("b", 8)]),
        (["a"], {"index_of_first_image": 9}, [("a", None)]),
        (["a"], {"index_of_first_image": -1}, [("a", None)]),
    ],
)  # fmt: skip
def test_a_batch(
    images: list[str], info: dict[str, Any], expected: list[tuple[str, int | None]]
) -> None:
    """Each picture has its seed, and what is no picture of the batch is left out."""
    made = PROVIDER.parse(task(n=2), answer({"images": images, "info": json.dumps(info)}))
    assert expected == [(image.base64, image.seed) for image in made.images]


@given(JSON)
def test_any_information_will_do(info: Any) -> None:
    """What the server tells beside a picture never costs the picture."""
    for told in (info, json.dumps(info)):
        assert 1 == len(PROVIDER.parse(task(), answer({**MADE, "info": told})).images)


def test_a_validation_error_names_the_field() -> None:
    """The first problem is put in words, with the field."""
    problems = {"detail": [{"loc": ["body", "steps"], "msg": "too many", "type": "value"}]}
    failure = PROVIDER.classify(answer(problems, 422))
    assert (Fault.INVALID_REQUEST, "steps: too many", "steps") == (
        failure.fault,
        failure.message,
        failure.param,
    )


def test_it_costs_nothing() -> None:
    """A picture of one's own machine is free."""
    assert Decimal(0) == estimate(ANY, Settings(prompt="x")).expected


@given(replies([MADE]))
def test_any_answer_ends_well(script: list[HttpResponse]) -> None:
    """Whatever comes, a flow ends in images or in a failure."""
    played = play(PROVIDER, PROVIDER.generate(task()), script)
    assert (played.value is None) != (played.failed is None)
