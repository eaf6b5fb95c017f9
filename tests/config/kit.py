"""A document becomes a setup, or the list of what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from routercore.config import load
from routercore.engine.setup import RouterSetup
from routercore.provider import ModelCard, Row, bearer, hookimpl
from routercore.values.errors import ConfigError


class Plugin:
    """Two providers of the tests' own."""

    @hookimpl
    def routercore_providers(self) -> list[Row]:
        cards = (ModelCard(id="ink", aliases=("india-ink",)),)
        origin = ("https://api.example.com/v1",)
        return [
            Row(name="alpha", auth=bearer("ALPHA_KEY"), origins=origin, cards=cards),
            Row(name="beta", auth=bearer("BETA_KEY", optional=True), origins=origin, cards=cards),
        ]


def built(document: Mapping[str, Any], **environ: str) -> RouterSetup:
    return load(document, environ, [("tests", Plugin())]).setup


def problems(document: Mapping[str, Any], **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        built(document, **environ)
    return list(caught.value.problems)
