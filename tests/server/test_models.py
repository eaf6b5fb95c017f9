"""GET /v1/models: OpenAI's shape, and what ImageRouter's clients read beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.serving import card, provider, route, router_of, served, setup
from tests.upstreams import Upstream, picture

from routercore.values.catalogue import ModelCard
from routercore.values.images import Operation
from routercore.values.money import usd
from routercore.values.sizes import AnySize, FixedSizes, InputSize, RatioSizes

CARDS = (
    card(aliases=("placard",), released=date(2026, 4, 21), shutdown=date(2999, 1, 1), seed=True),
    card("vendor/model:free", prices=(), sizes=FixedSizes(("64x64", "96x64")), mask=None),
    card("tiered", sizes=RatioSizes(ratios=("1:1", "2:1"), tiers=("1K", "2K"))),
    card("gratis", prices=(usd("0"),), operations=frozenset({Operation.GENERATE}), max_images=0,
         mask=None, aliases=("giveaway",)),
    card("any", sizes=AnySize()),
    card("same", sizes=InputSize()),
    card("gone", shutdown=date(2020, 1, 1)),
    card("over", shutdown=date(2020, 1, 1), successor="poster"),
    card("steps", prices=(usd("0.01", quality="low"), usd("0.04", quality="high")),
         shutdown=date(2998, 1, 1), successor="poster"),
)  # fmt: skip


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    with Upstream() as upstream:
        what = setup(
            tmp_path_factory.mktemp("images"),
            provider("near", upstream.base_url, *CARDS),
            provider("far", upstream.base_url, card(prices=(usd("0.05"),))),
            routes=(route("near", "far", aliases=("wall",)),),
        )
        with served(router_of(what)) as client:
            yield client


def by_id(client: httpx2.Client) -> dict[str, dict[str, Any]]:
    return {model["id"]: model for model in client.get("/v1/models").json()["data"]}


def the_model(directory: Path, *cards: ModelCard) -> dict[str, Any]:
    """The one model of providers ``p0``, ``p1`` and so on, each with one of the cards."""
    providers = [provider(f"p{number}", "http://127.0.0.1:9", card)
                 for number, card in enumerate(cards)]  # fmt: skip
    with served(router_of(setup(directory, *providers))) as client:
        (model,) = by_id(client).values()
    return model


def test_shape_of_the_list(listing: httpx2.Client) -> None:
    """The list is OpenAI's, with ``object`` first; models that were shut down are not on it."""
    response = listing.get("/v1/models")

    assert response.text.startswith('{"object":"list","data":[')
    assert listing.get("/v1/openai/models").json() == response.json()
    assert {"poster", "vendor/model:free", "tiered", "any", "same", "steps", "gratis"} == by_id(
        listing
    ).keys()


@pytest.mark.parametrize("path", ["/v2/models", "/v3/models"])
def test_lists_with_nothing_around_them(listing: httpx2.Client, path: str) -> None:
    """ImageRouter's later lists have the same models, narrowed alike, and each model below them."""
    models = listing.get("/v1/models").json()["data"]

    assert models == listing.get(path).json()
    assert ["gratis"] == [one["id"] for one in listing.get(path, params={"free": "true"}).json()]
    assert "poster" == listing.get(f"{path}/wall").json()["id"]
    assert "vendor/model:free" == listing.get(f"{path}/vendor/model:free").json()["id"]
    modalities = {"input_modalities": ["text", "image"], "output_modalities": ["image"]}
    assert modalities == models[0]["architecture"]


@pytest.mark.parametrize("prefix", ["/v1", "/v1/openai"])
def test_models_by_name(listing: httpx2.Client, prefix: str) -> None:
    """ImageRouter's list below images is an object with each model under its name."""
    assert by_id(listing) == listing.get(f"{prefix}/images/models").json()


def test_a_model(listing: httpx2.Client) -> None:
    """A model says what it can do, who serves it, at what price, and until when."""
    model = by_id(listing)["poster"]

    assert {"object": "model", "created": 1776729600, "owned_by": "routercore", "name": "poster",
            "release_date": "2026-04-21", "shutdown_date": None, "aliases": ["wall"],
            "operations": ["edit", "generate", "inpaint"], "max_n": 4, "max_images": 16,
            "features": {"text": True, "edit": True, "mask": True, "quality": True},
            "price": {"min": 0.02, "average": 0.035, "max": 0.05}} == {
        name: model[name] for name in
        ("object", "created", "owned_by", "name", "release_date", "shutdown_date", "aliases",
         "operations", "max_n", "max_images", "features", "price")}  # fmt: skip
    assert ["near", "far"] == [one["id"] for one in model["providers"]]
    assert {"type": "fixed", "value": 0.02} == model["providers"][0]["pricing"]
    steps = by_id(listing)["steps"]
    assert ("2998-01-01", "poster") == (steps["shutdown_date"], steps["successor"])
    assert {"seed", "mask", "quality"} <= {n for n, has in model["supported_params"].items() if has}


SHAPES = {"size", "aspect_ratio", "resolution"}


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("tiered", SHAPES), ("any", SHAPES), ("poster", SHAPES), ("same", set()),
        ("vendor/model:free", {"size", "aspect_ratio"}),
    ],
)  # fmt: skip
def test_ways_to_say_a_shape(listing: httpx2.Client, name: str, shapes: set[str]) -> None:
    """Size, ratio and tier are on the list of a model whose pictures they shape."""
    assert shapes == SHAPES & by_id(listing)[name]["supported_params"].keys()


PLAIN: dict[str, Any] = {"operations": {Operation.GENERATE}, "qualities": (), "max_images": 0,
                         "mask": None}  # fmt: skip
EDITS: dict[str, Any] = {**PLAIN, "operations": {Operation.EDIT}, "max_images": 1}
MASKS: dict[str, Any] = {"operations": {Operation.INPAINT}, "qualities": (), "max_images": 1}


@pytest.mark.parametrize(
    ("first", "second", "labels"),
    [
        (PLAIN, PLAIN, {"text"}),
        (EDITS, EDITS, {"edit"}),
        (MASKS, MASKS, {"edit", "mask"}),
        (EDITS, PLAIN, {"text", "edit"}),
        (PLAIN, EDITS, {"text", "edit"}),
        (PLAIN, MASKS, {"text", "edit", "mask"}),
        (PLAIN, {**PLAIN, "qualities": ("low",)}, {"text", "quality"}),
    ],
)
def test_labels(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], labels: set[str]
) -> None:
    """A model has the labels of all its providers together, and no more."""
    model = the_model(tmp_path, card(**first), card(**second))

    assert {label: label in labels for label in ("text", "edit", "mask", "quality")} == model[
        "features"
    ]
    assert model["features"].items() <= model["supported_params"].items()


def test_providers_of_a_model(tmp_path: Path) -> None:
    """Each provider is there with its own name of the model, and its own price."""
    near, far = card("vendor/poster-1"), card("poster-free", prices=())
    model = the_model(tmp_path, replace(near, name="poster"), replace(far, name="poster"))

    price = {"min": 0.02, "average": 0.02, "max": 0.02}
    assert [("p0", "vendor/poster-1", price, {"type": "fixed", "value": 0.02}),
            ("p1", "poster-free", None, None)] == [
        (one["id"], one["model_name"], one["price"], one["pricing"])
        for one in model["providers"]]  # fmt: skip


def test_days_and_owner_of_a_model(tmp_path: Path) -> None:
    """It is there from its first provider's first day to the last one's last, and then there is
    another; one provider alone owns it."""
    old = card(released=date(2025, 1, 2), shutdown=date(2999, 1, 1), successor="banner")
    new = card(released=date(2026, 4, 21), shutdown=date(2998, 1, 1))
    for cards, owner in (((new, old), "routercore"), ((old,), "p0")):
        model = the_model(tmp_path, *cards)

        assert {"release_date": "2025-01-02", "created": 1735776000, "shutdown_date": "2999-01-01",
                "successor": "banner", "owned_by": owner} == {
            name: model[name] for name in
            ("release_date", "created", "shutdown_date", "successor", "owned_by")}  # fmt: skip
    assert ["2999-01-01"] == [one["shutdown_date"] for one in model["providers"]]
    unknown = the_model(tmp_path, card())
    assert (None, 0, None) == tuple(unknown[f] for f in ("release_date", "created", "successor"))


@pytest.mark.parametrize(
    ("id", "sizes"),
    [
        ("poster", ["64x64", "custom"]),
        ("vendor/model:free", ["64x64", "96x64"]),
        ("any", ["custom"]),
        ("same", ["custom"]),
        ("tiered", ["1024x1024", "2048x2048", "1448x724", "2896x1448"]),
    ],
)
def test_sizes(listing: httpx2.Client, id: str, sizes: list[str]) -> None:
    """Sizes are listed where the list is closed."""
    assert sizes == by_id(listing)[id]["sizes"]


def test_prices(listing: httpx2.Client) -> None:
    """An unknown price is null or absent, never zero; one that depends on settings is a range."""
    models = by_id(listing)

    assert models["vendor/model:free"]["price"] is None
    assert {"min": 0.01, "average": 0.04, "max": 0.04} == models["steps"]["price"]
    assert "pricing" not in models["vendor/model:free"]
    assert {"min": 0.01, "max": 0.04} == {
        name: models["steps"]["pricing"]["range"][name] for name in ("min", "max")
    }


def test_kinds_of_prices(listing: httpx2.Client) -> None:
    """A price is fixed, differs by provider, or is known when the picture is there."""
    models = by_id(listing)
    price = {"min": 0.02, "average": 0.035, "max": 0.05}

    assert {"type": "calculated", "range": price} == models["poster"]["pricing"]
    assert {"type": "fixed", "value": 0.02} == models["tiered"]["pricing"]
    assert "post_generation" == models["steps"]["pricing"]["type"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"type": "image", "limit": "2"}, ["poster", "vendor/model:free"]),
        ({"type": "video"}, []),
        ({"outputType": "video"}, []),
        ({"output_modalities": "video"}, []),
        ({"output_modalities": "image,video", "limit": "1"}, ["poster"]),
        ({"inputType": "mask", "name": "vendor"}, ["vendor/model:free"]),
        ({"inputType": "text", "name": "gratis"}, ["gratis"]),
        ({"inputType": "mask", "name": "gratis"}, []),
        ({"input_modalities": "image,text", "free": "true"}, []),
        ({"input_modalities": "image,text", "name": "WALL"}, ["poster"]),
        ({"provider": "far"}, ["poster"]),
        ({"free": "true"}, ["gratis"]),
        ({"free": "false", "limit": "1", "sort": "-price"}, ["steps"]),
        ({"sort": "price", "limit": "2"}, ["gratis", "tiered"]),
        ({"sort": "name", "limit": "2"}, ["any", "gratis"]),
        ({"sort": "-name", "limit": "1"}, ["vendor/model:free"]),
        ({"sort": "date", "limit": "1"}, ["poster"]),
        ({"sort": "provider", "limit": "1"}, ["poster"]),
    ],
)
def test_filters(listing: httpx2.Client, query: dict[str, str], ids: list[str]) -> None:
    """The list can be narrowed, sorted and cut; what has no price comes last, and is not free."""
    models = listing.get("/v1/models", params=query).json()["data"]

    assert ids == [model["id"] for model in models]


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """Four models that differ in all that they can be sorted by; one has neither price nor date."""
    with Upstream() as upstream:
        made = (
            ("cedar", card("yak", prices=(usd("0.01"),), released=date(2025, 1, 1))),
            ("alder", card("zebra", prices=(usd("0.03"),), released=date(2024, 1, 1))),
            ("birch", card("xerus", prices=(usd("0.02"),), released=date(2026, 1, 1))),
            ("dogwood", card("wolf", prices=())),
        )
        vendors = [provider(name, upstream.base_url, model) for name, model in made]
        with served(router_of(setup(tmp_path_factory.mktemp("images"), *vendors))) as client:
            yield client


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        ("name", "wolf xerus yak zebra"),
        ("-name", "zebra yak xerus wolf"),
        ("provider", "zebra xerus yak wolf"),
        ("-provider", "wolf yak xerus zebra"),
        ("price", "yak xerus zebra wolf"),
        ("-price", "zebra xerus yak wolf"),
        ("date", "zebra yak xerus wolf"),
        ("-date", "xerus yak zebra wolf"),
    ],
)
def test_orders(shelves: httpx2.Client, order: str, ids: str) -> None:
    """The list can be sorted by four things, both ways; what does not have one comes last."""
    models = shelves.get("/v1/models", params={"sort": order}).json()["data"]

    assert ids == " ".join(model["id"] for model in models)


def test_fields(listing: httpx2.Client) -> None:
    """Only the fields that are asked for come, with what OpenAI's clients cannot do without."""
    models = listing.get("/v1/models", params={"fields": "nothing, price", "limit": "1"}).json()

    assert [{"id", "object", "price"}] == [set(model) for model in models["data"]]


@pytest.mark.parametrize(
    "query", [{"sort": "taste"}, {"limit": "0"}, {"limit": "x"}, {"free": "?"}]
)
def test_queries_that_make_no_sense(listing: httpx2.Client, query: dict[str, str]) -> None:
    """A value that cannot be meant is refused, its parameter named."""
    response = listing.get("/v1/models", params=query)

    assert (400, next(iter(query))) == (response.status_code, response.json()["error"]["param"])


@pytest.mark.parametrize("prefix", ["/v1", "/v1/openai"])
@pytest.mark.parametrize(
    "path", ["vendor/model:free", "vendor%2Fmodel:free", "vendor%2Fmodel%3Afree"]
)
def test_ids_with_slashes(listing: httpx2.Client, prefix: str, path: str) -> None:
    """An id with a slash is found, the slash raw or encoded."""
    assert "vendor/model:free" == listing.get(f"{prefix}/models/{path}").json()["id"]


@pytest.mark.parametrize(("alias", "id"), [("wall", "poster"), ("giveaway", "gratis")])
def test_aliases(listing: httpx2.Client, alias: str, id: str) -> None:
    """A model is found, and makes pictures, by the other names of its route and of its card."""
    body = {"model": alias, "prompt": "a heron", "response_format": "b64_json"}

    assert id == listing.get(f"/v1/models/{alias}").json()["id"]
    assert 200 == listing.post("/v1/images/generations", json=body).status_code


def test_a_name_for_each_operation(tmp_path: Path) -> None:
    """Names that MyRouter has for one operation each can be aliases of the model that does both."""
    names = ("oai-gpt-image-2-generations", "oai-gpt-image-2-edits")
    with Upstream() as upstream:
        near = provider("near", upstream.base_url)
        what = setup(tmp_path, near, routes=(route("near", aliases=names),))
        with served(router_of(what)) as client:
            body = {"prompt": "a heron", "response_format": "b64_json"}
            made = client.post("/v1/images/generations", json={**body, "model": names[0]})
            edited = client.post(
                "/v1/images/edits", data={**body, "model": names[1]}, files={"image": picture()}
            )

    assert [(200, name) for name in names] == [
        (answer.status_code, answer.json()["model"]) for answer in (made, edited)
    ]


def test_unknown_models(listing: httpx2.Client, tmp_path: Path) -> None:
    """An unknown model is a 404 with OpenAI's code."""
    response = listing.get("/v1/models/gpt-5")

    error = response.json()["error"]
    assert (404, "model_not_found", "model") == (
        response.status_code,
        error["code"],
        error["param"],
    )


def test_any_name_that_makes_images(listing: httpx2.Client) -> None:
    """What a request may call a model finds it, also ``provider:model`` and what no list has."""
    whole = listing.get("/v1/models/far:poster").json()
    free = listing.get("/v1/models/near:vendor%2Fmodel:free").json()

    assert ("far:poster", "far", {"min": 0.05, "average": 0.05, "max": 0.05}) == (
        whole["id"], whole["owned_by"], whole["price"],
    )  # fmt: skip
    assert ["text", "image"] == free["architecture"]["input_modalities"]
    assert 404 == listing.get("/v1/models/near:nothing").status_code
    assert 404 == listing.get("/v1/models/" + "x" * 4000).status_code


def test_a_model_that_was_shut_down(listing: httpx2.Client) -> None:
    """Asked for by name, it says when that was, as making images does, and what to use."""
    for name, rest in [("gone", ""), ("near:gone", ""), ("over", "; use 'poster'")]:
        response = listing.get(f"/v1/models/{name}")
        asked = {"model": name, "prompt": "x"}
        made = listing.post("/v1/images/generations", json=asked).json()["error"]["message"]

        error = response.json()["error"]
        said = f"{name.removeprefix('near:')!r} was shut down on 2020-01-01{rest}"
        assert (404, "model_not_found", f"{said}. GET /v1/models lists what there is.") == (
            response.status_code, error["code"], error["message"],
        )  # fmt: skip
        assert said in made


def test_prices_are_those_of_the_configuration(tmp_path: Path) -> None:
    """Options that are always sent along, and multiply pictures, are in the price."""
    with Upstream() as upstream:
        near = provider("near", upstream.base_url, options={"num_images": 3})
        with served(router_of(setup(tmp_path, near))) as client:
            (model,) = client.get("/v1/models").json()["data"]
    assert (0.02, 0.06) == (model["price"]["min"], model["price"]["max"])
    assert model["price"] == model["providers"][0]["price"]
