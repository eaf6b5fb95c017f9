"""Hypothesis strategies for what a vendor might answer. Needs Hypothesis, which tests have."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from routercore.provider.http import HttpResponse

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["https://x.example/y", "-1", "1e999", "completed"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
STATUSES = st.sampled_from([200, 201, 202, 302, 400, 401, 402, 403, 404, 409, 422, 429, 500, 503])


@st.composite
def mangled(draw: st.DrawFn, value: Any) -> Any:
    """``value`` as it is, or with some part of it replaced by any JSON at all."""
    choice = draw(st.integers(0, 3))
    if choice == 0:
        return draw(JSON)
    if isinstance(value, dict) and value:
        key = draw(st.sampled_from(sorted(value)))
        if choice == 1:
            return {name: part for name, part in value.items() if name != key}
        return {**value, key: draw(mangled(value[key]))}
    if isinstance(value, list) and value:
        return [draw(mangled(value[0])), *value[1:]]
    return value


@st.composite
def replies(draw: st.DrawFn, recorded: Sequence[Any]) -> list[HttpResponse]:
    """Answers to a flow: each recorded body, mangled or whole, with a status that may be wrong.

    Args:
        draw: Hypothesis's own.
        recorded: JSON bodies in the order in which the vendor sends them, or bytes.
    """
    answers = []
    for body in recorded:
        status = draw(st.just(200) | STATUSES)
        if isinstance(body, bytes) or draw(st.integers(0, 9)) == 0:
            data = draw(st.binary(max_size=40))
        else:
            data = json.dumps(draw(st.just(body) | mangled(body))).encode()
        kind = draw(st.sampled_from(["application/json", "image/png", "text/html"]))
        answers.append(HttpResponse(status=status, headers={"content-type": kind}, body=data))
    return answers
