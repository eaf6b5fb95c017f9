"""Large answers that are held once: whoever reads them sees no difference."""

from __future__ import annotations

import base64
import itertools
import json
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routercore.engine.jsons import loads
from routercore.engine.splices import LONG, MARK, SplicedResponse, Splices

PICTURE = base64.b64encode(bytes(range(256)) * 400).decode()
VALUES = st.recursive(
    st.sampled_from(
        [
            PICTURE,
            "data:image/png;base64," + PICTURE,
            "é" + PICTURE,
            PICTURE[:1000] + "é" + PICTURE,
            PICTURE + '"',
            PICTURE + "\\",
            PICTURE + "\n",
            ", " + PICTURE,
            " " * LONG * 2,
            MARK + "0",
            MARK + "x",
        ]
    )
    | st.text(max_size=5)
    | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.just(PICTURE), inner, max_size=3)
    ),
    max_leaves=8,
)


def spliced(body: bytes) -> SplicedResponse:
    return SplicedResponse(status=200, body=body, loads=loads)


@settings(max_examples=150)
@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_nothing_is_lost(value: object, is_ascii: bool, indent: int | None) -> None:
    """Whatever the JSON, and however it is written, it is read as without splices."""
    body = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode()
    response = spliced(body)

    assert body == response.body
    if MARK not in json.dumps(value, ensure_ascii=False).replace("\\u0000", "\x00"):
        assert value == response.json()


@settings(max_examples=150)
@given(VALUES, st.lists(st.integers(0, 4 * LONG), max_size=5), st.integers(1, 4 * LONG))
def test_however_it_arrives(value: object, cuts: list[int], step: int) -> None:
    """In whatever pieces a body comes, it is put together and read as it was sent."""
    body = json.dumps(value, ensure_ascii=False).encode()
    ends = sorted({*cuts, *range(step, len(body), max(step, len(body) // 50)), len(body)})
    splices = Splices(*(body[a:b] for a, b in itertools.pairwise([0, *ends])))

    assert body == splices.whole()
    if MARK not in json.dumps(value, ensure_ascii=False).replace("\\u0000", "\x00"):
        assert value == splices.restored(loads(splices.skeleton()))


@pytest.mark.parametrize("size", [1000, LONG, LONG + 1, 3 * LONG, 10 * LONG])
def test_long_strings_are_cut_out(size: int) -> None:
    """What is large is there once, in whatever pieces it comes; what is parsed is small."""
    body = json.dumps({"data": [{"b64_json": PICTURE}] * 4}).encode()
    splices = Splices(*(body[start : start + size] for start in range(0, len(body), size)))

    assert len(splices.skeleton()) < 500
    assert 4 == splices.skeleton().count(MARK[1:].encode())


def test_bodies_are_held_once() -> None:
    """While four large strings arrive, there is never more than them and one once more."""
    body = json.dumps({"data": [{"b64_json": PICTURE * 8}] * 4}).encode()
    pieces = (body[start : start + LONG] for start in range(0, len(body), LONG))
    tracemalloc.start()
    try:
        splices = Splices()
        for piece in pieces:
            splices.feed(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(splices.skeleton()) < 500
    assert peak < len(body) * 1.35


def test_it_is_a_response_like_others() -> None:
    """Copies, texts of messages and comparisons work."""
    body = json.dumps({"b64_json": PICTURE}).encode()
    response = spliced(body)

    assert spliced(body) == response
    assert ("x", body) == ((copy := replace(response, url="x")).url, copy.body)
    assert body[:2000].decode() == response.text


@pytest.mark.parametrize(
    "body",
    ['{"a": "%s', '{"a": "%s"', '{"a" "%s"}', '"a "%s"', '{"a": "%s"}}', "%s", '[1 "%s"]'],
)
def test_json_that_is_broken(body: str) -> None:
    """It is refused as it would be without splices."""
    response = spliced((body % PICTURE).encode())
    with pytest.raises(ValueError, match="line 1 column"):
        response.json()
