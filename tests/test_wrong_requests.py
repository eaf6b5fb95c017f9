"""Requests that make no sense are refused by their parameter's name, before anybody is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.engine.kit import Kit, asking, made

from routercore import ImageRequest, InputImage, Router, RouterError, Size, SyncRouter
from routercore.engine.kinds import PARAMS
from routercore.provider import hookimpl
from routercore.testing.providers import PNG, ScriptedProvider
from routercore.testing.transport import FakeTransport
from routercore.values.bounds import BOUNDS

MODEL = "scripted:poster"
FIELDS = tuple(field.name for field in fields(ImageRequest))
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.binary(max_size=8),
    st.text(max_size=8), st.sampled_from(["\0", "\ud800", "1:1", "16x16", "2K", " ", "url"]),
    st.just(PNG), st.builds(InputImage, st.just(PNG)), st.builds(object), st.just(print),
    st.builds(Size, st.integers(), st.integers()), st.just(Path("no/such/file")),
)  # fmt: skip
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner), st.sets(st.integers(), max_size=2),
        st.dictionaries(st.one_of(st.text(max_size=4), st.integers()), inner, max_size=3),
    ),
    max_leaves=6,
)  # fmt: skip


class Plugin:
    """One provider whose answers are the transport's."""

    @hookimpl
    def routercore_providers(self) -> Any:
        return [ScriptedProvider()]


@pytest.fixture(scope="module")
def upstream() -> FakeTransport:
    return FakeTransport(lambda request: made(request.json["n"]))


@pytest.fixture(scope="module")
def router(upstream: FakeTransport) -> Iterator[SyncRouter]:
    config = {"providers": {"scripted": {"api_key": "key"}}}
    given = {"environ": {}, "plugins": [("scripted", Plugin())], "transport": upstream}
    with SyncRouter.from_config(config, **given) as router:
        yield router


def refused(ask: Callable[[], object]) -> str | None:
    """The parameter that a refusal names, if it is one; a file that is not there is none."""
    try:
        ask()
    except RouterError as error:
        return str(error.param).partition(".")[0]
    except (FileNotFoundError, IsADirectoryError):
        return None
    return None


def named(name: str) -> set[str]:
    """What a refusal may call it: where a ceiling is too low, a price is in the way."""
    return {PARAMS.get(name, name), *({"price"} if name == "max_price" else ())}


@settings(max_examples=400)
@example(name="max_price", value=0)
@given(name=st.sampled_from([*FIELDS, "caller", "request_id", "on_notice"]), value=JUNK)
def test_any_value_of_any_parameter(
    router: SyncRouter, upstream: FakeTransport, name: str, value: object
) -> None:
    """A request is done, or refused by the parameter's name; a refused one is sent to nobody."""
    asked: dict[str, Any] = {"request": "a heron", "model": MODEL}
    asked["request" if name == "prompt" else name] = value
    before = len(upstream.requests)
    if (param := refused(lambda: router.generate(**asked))) is not None:
        assert param in named(name)
        assert before == len(upstream.requests)


@settings(max_examples=300)
@given(name=st.sampled_from(FIELDS), value=JUNK)
def test_any_value_in_a_whole_request(router: SyncRouter, name: str, value: Any) -> None:
    """A request that a program made itself is held to the same, also where it is only planned."""
    request = ImageRequest(**{"prompt": "a heron", "model": MODEL, name: value})
    for ask in (router.plan, router.estimate):
        assert refused(partial(ask, request)) in {None, *named(name)}


@pytest.mark.parametrize("ask", ["generate", "plan", "estimate"])
@pytest.mark.parametrize(
    ("name", "number"),
    [(name, bound + step) for name, (least, most) in BOUNDS.items()
     for bound, step in ((least, -1), (most, 1))],
)  # fmt: skip
def test_numbers_out_of_bounds(router: SyncRouter, ask: str, name: str, number: int) -> None:
    """One below the least and one above the most are refused, with both of them in the words."""
    least, most = BOUNDS[name]
    with pytest.raises(RouterError, match=f"{name} is a whole number from {least} to {most}$"):
        getattr(router, ask)("a heron", model=MODEL, **{name: number})


@pytest.mark.parametrize(
    ("wrong", "param", "words"),
    [
        ({"n": "3"}, "n", "n takes a whole number, not str"),
        ({"n": True}, "n", "n takes a whole number, not bool"),
        ({"size": 3}, "size", "size takes text such as '1024x1024', or a Size"),
        ({"size": Size(0, 9)}, "size", "a Size of whole pixels"),
        ({"size": "big"}, "size", "'big' is not a size; write it like 1024x1024"),
        ({"user": object()}, "user", "user takes text, not object"),
        ({"prompt": 7}, "prompt", "prompt takes text, not int"),
        ({"prompt": " \n"}, "prompt", "the prompt is empty"),
        ({"quality": "\0"}, "quality", "quality has a NUL character"),
        ({"images": [PNG, 5]}, "image", "takes a picture: .*, not int"),
        ({"images": [b""]}, "image", "the image is empty"),
        ({"images": [PNG], "mask": b""}, "mask", "the mask is empty"),
        ({"images": [PNG], "markup": b""}, "markup", "the markup is empty"),
        ({"options": {"fail": "overloaded"}}, "options", "not dict of str"),
        ({"mask": PNG}, "mask", "a mask needs an image to lie on"),
        ({"images": PNG, "mask": PNG, "markup": PNG}, "markup", "a mask or a markup, not both"),
        ({"size": "64x64", "aspect_ratio": "1:1"}, "aspect_ratio", "not both"),
        ({"size": "64x64", "resolution": "2K"}, "aspect_ratio", "not both"),
        ({"aspect_ratio": "wide"}, "aspect_ratio", "'wide' is not a ratio"),
        ({"resolution": "0K"}, "resolution", "'0K' is not a resolution"),
        ({"response_format": "hex"}, "response_format", "takes 'url' or 'b64_json'"),
        ({"options": {"acme": 5}}, "options", "mappings of their options"),
        ({"options": {"acme": {"x": {"y": Decimal(1)}}}}, "options.acme.x", "cannot be sent"),
        ({"options": {"acme": {"x": float("nan")}}}, "options.acme.x", "finite numbers"),
        ({"svg": {"model": object()}}, "svg.model", "cannot be sent"),
        ({"caller": "team"}, "caller", "caller takes a Caller, not str"),
        ({"request_id": "a\0b"}, "request_id", "plain text"),
    ],
)
def test_what_is_wrong_is_said(
    router: SyncRouter, wrong: dict[str, Any], param: str, words: str
) -> None:
    """The parameter is named, and what it takes, without a word of what was given."""
    asked = {"request": wrong.pop("prompt", "a heron"), "model": MODEL, **wrong}
    with pytest.raises(RouterError, match=words) as refused:
        router.generate(**asked)
    assert param == refused.value.param


@pytest.mark.parametrize("images", [[], (), None])
def test_an_edit_of_nothing(router: SyncRouter, images: Any) -> None:
    """An edit without an image is refused, and no picture is made from its prompt alone."""
    with pytest.raises(RouterError, match="an edit needs an image") as refused:
        router.edit("make it night", images, model=MODEL)
    assert "image" == refused.value.param


async def test_nothing_deep_is_too_deep_to_be_refused() -> None:
    """An option that contains itself is refused, and ends no program."""
    endless: dict[str, Any] = {}
    endless["again"] = endless
    async with Router.auto(environ={}) as router:
        with pytest.raises(RouterError, match="cannot be sent"):
            router.plan("a heron", options={"test": endless})


async def test_a_refused_request_is_nothing_that_began() -> None:
    """It uses up no limit, has no entry in the books, and no event."""
    kit = Kit("a")
    error = await kit.error(n=0)
    assert ("n", [], []) == (error.param, kit.events, kit.asked)
    assert [] == await kit.ledger.log(limit=10)
    with pytest.raises(RouterError):
        await anext(kit.engine.stream(asking(n=0)))


def test_a_model_may_be_called_auto(upstream: FakeTransport) -> None:
    """For any other setting the word asks for nothing; it is no reason to ask somebody else."""
    config = {"models": {"auto": {"targets": [MODEL]}}, "providers": {"scripted": {"api_key": "k"}}}
    given = {"environ": {}, "plugins": [("scripted", Plugin())], "transport": upstream}
    with SyncRouter.from_config(config, **given) as router:
        plan = router.plan("a heron", model="auto", quality="auto")
    assert [MODEL] == [one.name for one in plan.candidates]
