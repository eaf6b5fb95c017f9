"""Every parameter of the Images API reaches an upstream whose model takes it, as JSON or form."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.serving import MODEL, card, provider, route, router_of, served, setup
from tests.upstreams import Upstream, error, mask, picture

from routercore.engine.setup import Caller, CallerKey
from routercore.values.catalogue import PLAIN_SETTINGS
from routercore.values.money import usd
from routercore.values.sizes import AnySize, RatioSizes

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
WHOLE = card(
    sizes=AnySize(),
    qualities=("low", "medium", "standard", "high", "hd", "xhigh", "max"),
    formats=("png", "jpeg", "webp", "gif", "svg"),
    choose_format=True,
    compression=True,
    backgrounds=("transparent", "opaque"),
    accepts=PLAIN_SETTINGS,
    fidelities=("low", "high"),
    partial_images=3,
    max_n=10,
    max_prompt=32_000,
)
SETTINGS: list[dict[str, Any]] = [
    {"n": 2},
    {"n": 10},
    *({"size": size} for size in ("1024x1024", "1536x1024", "1024x1536", "256x256", "512x512",
                                  "1792x1024", "1024x1792", "2048x1152")),
    *({"quality": word} for word in WHOLE.qualities),
    *({"background": word} for word in WHOLE.backgrounds),
    *({"output_format": word} for word in ("png", "jpeg", "webp")),
    {"output_format": "webp", "output_compression": 80},
    {"moderation": "low"},
    {"style": "natural"},
    {"user": "user-1"},
    {"safety_identifier": "hash-1"},
    {"complexity": "high"},
    {"prompt": "p" * 32_000},
]  # fmt: skip
SVG = {"model": "drawer", "reasoning": {"effort": "low"}}
DATA_URL = "data:image/png;base64," + base64.b64encode(picture()).decode()


def name_of(setting: dict[str, Any]) -> str:
    return "-".join(f"{name}={str(value)[:12]}" for name, value in setting.items())


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx2.Client, Upstream]]:
    """A client, and the upstream behind it, whose model takes everything."""
    with Upstream() as upstream:
        what = setup(tmp_path_factory.mktemp("images"), provider("near", upstream.base_url, WHOLE))
        with served(router_of(what)) as client:
            yield client, upstream


@pytest.fixture
def whole(serving: tuple[httpx2.Client, Upstream]) -> tuple[httpx2.Client, Upstream]:
    serving[1].reset()
    return serving


@pytest.mark.parametrize("encoding", ["json", "form"])
@pytest.mark.parametrize("setting", SETTINGS, ids=name_of)
def test_honoured(
    whole: tuple[httpx2.Client, Upstream], setting: dict[str, Any], encoding: str
) -> None:
    """The upstream gets the very value, as a number where it is one, and nobody is warned."""
    client, upstream = whole
    fields = {"model": MODEL, "prompt": "x", **setting}

    if encoding == "json":
        response = client.post(GENERATIONS, json=fields)
    else:
        form = {name: (None, str(value)) for name, value in fields.items()}
        response = client.post(GENERATIONS, files=form)

    sent = upstream.received[0].json
    assert setting == {name: sent.get(name) for name in setting}
    warned = {warning["param"] for warning in response.json()["warnings"]}
    assert warned.isdisjoint(setting)


@pytest.mark.parametrize("setting", [
    {"output_format": "gif"}, {"output_format": "svg"}, {"output_format": "svg", "svg": SVG},
    {"output_format": "gif", "frame_count": 4, "frame_duration_ms": 120},
])  # fmt: skip
def test_formats_of_one_vendor(
    whole: tuple[httpx2.Client, Upstream], setting: dict[str, Any]
) -> None:
    """Formats that nobody else could make are asked of the upstream."""
    client, upstream = whole

    client.post(GENERATIONS, json={"model": MODEL, "prompt": "x", **setting})

    assert setting == {name: upstream.received[0].json.get(name) for name in setting}


def test_svg_settings_of_a_form(whole: tuple[httpx2.Client, Upstream]) -> None:
    """Official clients send nested settings as bracketed fields."""
    client, upstream = whole
    form = {"model": (None, MODEL), "prompt": (None, "x"), "output_format": (None, "svg"),
            "svg[model]": (None, "drawer"), "svg[reasoning][effort]": (None, "low")}  # fmt: skip

    client.post(GENERATIONS, files=form)

    assert SVG == upstream.received[0].json["svg"]


def test_fidelity_to_an_input(whole: tuple[httpx2.Client, Upstream]) -> None:
    """It goes with an edit; to generate from a prompt it is adapted, and refused to the strict."""
    client, upstream = whole
    fields = {"model": (None, MODEL), "prompt": (None, "x"), "input_fidelity": (None, "high")}

    edit = client.post(EDITS, files={**fields, "image": ("a.png", picture())})
    made = client.post(GENERATIONS, files=fields)
    refused = client.post(GENERATIONS, files={**fields, "strict": (None, "true")})

    assert b'name="input_fidelity"' in upstream.received[0].body
    assert b"input_fidelity" not in upstream.received[1].body
    assert ["", "input_fidelity_adapted"] == [
        one.headers.get("x-routercore-warnings", "") for one in (edit, made)
    ]
    assert (400, "input_fidelity") == (refused.status_code, refused.json()["error"]["param"])


@pytest.mark.parametrize("format", ["gif", "svg"])
def test_partials_of_what_comes_in_one_piece(
    whole: tuple[httpx2.Client, Upstream], format: str
) -> None:
    """Who wants to watch a gif or a drawing come is told that it cannot be, before it is paid."""
    client, upstream = whole
    fields = {"model": MODEL, "prompt": "x", "output_format": format, "stream": True,
              "partial_images": 2}  # fmt: skip

    told = client.post(GENERATIONS, json=fields)
    refused = client.post(GENERATIONS, json={**fields, "strict": True})

    assert '"code":"partial_images_adapted"' in told.text
    assert (400, "partial_images") == (refused.status_code, refused.json()["error"]["param"])
    assert 1 == upstream.calls


@pytest.mark.parametrize("overlay", ["mask", "markup"])
def test_an_overlay_of_another_size(whole: tuple[httpx2.Client, Upstream], overlay: str) -> None:
    """A mask or a markup that does not cover its image is refused before anybody is asked."""
    client, upstream = whole
    files = {"model": (None, MODEL), "prompt": (None, "x"), "image": ("a.png", picture()),
             overlay: ("o.png", mask(32, 64))}  # fmt: skip

    response = client.post(EDITS, files=files)

    error = response.json()["error"]
    assert (400, overlay, 0) == (response.status_code, error["param"], upstream.calls)
    assert f"the {overlay} is 32x64, and the image that it lies on 64x64" == error["message"]


def test_words_of_complexity(whole: tuple[httpx2.Client, Upstream]) -> None:
    """A word that is none of the contract's is refused by name."""
    client, upstream = whole

    response = client.post(GENERATIONS, json={"model": MODEL, "prompt": "x", "complexity": "silly"})

    assert (400, "complexity") == (response.status_code, response.json()["error"]["param"])
    assert 0 == upstream.calls


@pytest.mark.parametrize("word", ["jpg", "JPEG"])
def test_a_format_by_another_name(whole: tuple[httpx2.Client, Upstream], word: str) -> None:
    """The upstream is sent the name that it knows."""
    client, upstream = whole

    client.post(GENERATIONS, json={"model": MODEL, "prompt": "x", "output_format": word})

    assert "jpeg" == upstream.received[0].json["output_format"]


@pytest.mark.parametrize("overlay", ["mask", "markup"])
def test_overlays(whole: tuple[httpx2.Client, Upstream], overlay: str) -> None:
    """A mask and a markup reach the upstream's form under their names."""
    client, upstream = whole
    files = {"model": (None, MODEL), "prompt": (None, "x"), "image": ("a.png", picture()),
             overlay: ("o.png", mask())}  # fmt: skip

    client.post(EDITS, files=files)

    assert b'name="%s"' % overlay.encode() in upstream.received[0].body


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_partial_images(whole: tuple[httpx2.Client, Upstream], count: int) -> None:
    """How many intermediate images there should be is passed on to a model that streams."""
    client, upstream = whole

    client.post(GENERATIONS, json={"model": MODEL, "prompt": "x", "stream": True,
                                   "partial_images": count})  # fmt: skip

    sent = upstream.received[0].json
    assert (True, count) == (sent["stream"], sent["partial_images"])


def test_parameters_that_openai_lacks(upstream: Upstream, tmp_path: Path) -> None:
    """Seed, negative prompt and shape reach a model that takes them, under its service's names."""
    asked = {"seed": 7, "negative_prompt": "fog", "aspect_ratio": "16:9", "resolution": "2K"}
    shapes = RatioSizes(ratios=("1:1", "16:9"), tiers=("1K", "2K"))
    able = card(sizes=shapes, seed=True, negative_prompt=True)
    with served(router_of(setup(tmp_path, provider("near", upstream.base_url, able)))) as client:
        answer = client.post(GENERATIONS, json={"model": MODEL, "prompt": "x", **asked})

    sent = upstream.received[0].json
    assert asked == {name: sent.get(name) for name in asked}
    assert [] == answer.json()["warnings"]


@pytest.mark.parametrize("setting", [
    {"moderation": "low"}, {"style": "natural"}, {"user": "user-1"},
    {"safety_identifier": "hash-1"}, {"complexity": "high"}, {"input_fidelity": "high"},
    {"negative_prompt": "fog"},
], ids=name_of)  # fmt: skip
def test_a_setting_that_a_model_lacks(
    client: httpx2.Client, upstream: Upstream, setting: dict[str, str]
) -> None:
    """What a picture can be made without is not sent to a model that does not take it, and told."""
    answer = client.post(GENERATIONS, json={"model": MODEL, "prompt": "x", **setting})

    assert setting.keys().isdisjoint(upstream.received[0].json)
    assert list(setting) == [warning["param"] for warning in answer.json()["warnings"]]


@pytest.mark.parametrize("setting", [
    {"frame_count": 4}, {"frame_duration_ms": 120}, {"svg": SVG},
    {"markup": DATA_URL, "image": DATA_URL}, {"background": "transparent", "output_format": "jpeg"},
    {"output_format": "gif"}, {"output_format": "svg"}, {"size": "4096x16"},
], ids=name_of)  # fmt: skip
def test_what_a_model_cannot_do_is_refused(
    client: httpx2.Client, upstream: Upstream, setting: dict[str, Any]
) -> None:
    """Without it the picture would be another one: nobody is asked for it, or paid."""
    response = client.post(GENERATIONS, json={"model": MODEL, "prompt": "x", **setting})

    body = response.json()["error"]
    assert (400, "unsupported_by_all_targets") == (response.status_code, body["code"])
    assert (next(iter(setting)), 0) == (body["param"], upstream.calls)


def test_transparency_that_a_model_lacks(client: httpx2.Client, upstream: Upstream) -> None:
    """An opaque picture is delivered as what it is, with a warning; the strict get none."""
    fields = {"model": MODEL, "prompt": "x", "background": "transparent"}

    told = client.post(GENERATIONS, json=fields).json()
    refused = client.post(GENERATIONS, json={**fields, "strict": True})

    (warning,) = told["warnings"]
    assert ("background_adapted", "transparent", "opaque", "opaque") == (
        warning["code"], warning["requested"], warning["delivered"], told["background"]
    )  # fmt: skip
    assert (400, "background") == (refused.status_code, refused.json()["error"]["param"])
    assert ["background" in one.json for one in upstream.received] == [False]


def test_who_makes_transparency_is_asked_for_it(upstream: Upstream, tmp_path: Path) -> None:
    """A provider that does is asked before one that does not, whoever is cheaper; with a failure
    the other's opaque picture comes."""
    able = card(prices=(usd("0.2"),), backgrounds=("transparent", "opaque"))
    what = setup(tmp_path, provider("cheap", upstream.base_url),
                 provider("able", upstream.base_url, able),
                 routes=(route("cheap", "able", strategy="cost"),))  # fmt: skip
    fields = {"model": MODEL, "prompt": "x", "background": "transparent"}
    with served(router_of(what)) as client:
        first = client.post(GENERATIONS, json=fields).json()
        upstream.script.append(error(400, "no", code="model_not_found"))
        second = client.post(GENERATIONS, json=fields).json()

    assert ["able", "cheap"] == [first["provider"], second["provider"]]
    assert ["transparent", "transparent", None] == [
        one.json.get("background") for one in upstream.received
    ]
    assert ["background_adapted"] == [one["code"] for one in second["warnings"]]


def test_what_a_model_does_not_take_is_told(client: httpx2.Client, upstream: Upstream) -> None:
    """A setting without effect is a warning in body and header; strict requests are refused."""
    fields = {"model": MODEL, "prompt": "x", "style": "vivid", "seed": 7}

    told = client.post(GENERATIONS, json=fields)
    refused = client.post(GENERATIONS, json={**fields, "strict": True})

    assert ["seed", "style"] == sorted(warning["param"] for warning in told.json()["warnings"])
    assert {"seed_adapted", "style_adapted"} == set(
        told.headers["x-routercore-warnings"].split(",")
    )
    body = refused.json()["error"]
    assert (400, "unsupported_by_all_targets") == (refused.status_code, body["code"])
    assert {"seed", "style"} == {reason["param"] for reason in body["rejections"]}


def test_headers_of_official_clients(upstream: Upstream, tmp_path: Path) -> None:
    """The organization and project that official clients send beside a key change nothing."""
    key = {"authorization": "Bearer rc-a"}
    theirs = {"openai-organization": "org-1", "openai-project": "proj-1",
              "x-stainless-retry-count": "0"}  # fmt: skip
    what = setup(tmp_path, provider("near", upstream.base_url),
                 callers=(CallerKey(caller=Caller(name="a"), key="rc-a"),))  # fmt: skip
    with served(router_of(what)) as client:
        for headers in (key, {**key, **theirs}):
            answer = client.post(GENERATIONS, json={"model": MODEL, "prompt": "x"}, headers=headers)
            assert 200 == answer.status_code

    plain, sent = (received.headers for received in upstream.received)
    assert plain.keys() == sent.keys()
    assert theirs.keys().isdisjoint(sent)


def test_each_of_several_providers_has_its_own_options(upstream: Upstream, tmp_path: Path) -> None:
    """Options of one provider are seen by that provider alone."""
    what = setup(tmp_path, provider("near", upstream.base_url))
    options = {"near": {"steps": 4}, "elsewhere": {"steps": 5}}
    with served(router_of(what)) as client:
        client.post(GENERATIONS, json={"model": MODEL, "prompt": "x", "provider_options": options})

    assert 4 == json.loads(upstream.received[0].body)["steps"]
