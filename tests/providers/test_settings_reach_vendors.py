"""A setting that a card honours changes what the vendor is sent: no provider forgets one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from typing import Any

import pytest
from tests.values.test_matrix import VALUES, asking, cards

from routercore.plugins import load_plugins
from routercore.provider.http import HttpRequest, Part
from routercore.provider.spec import Provider
from routercore.testing.flows import play
from routercore.values.catalogue import ModelCard
from routercore.values.check import Fit, check
from routercore.values.images import ImageRequest, Settings, Task

TODAY = date(2026, 11, 21)
LEFT_OUT = {"test", "comfyui"}
"""What sends nothing, and what sends what an operator's workflow says."""
BASE_URLS = {
    "azure-openai": "https://abc.openai.azure.com/openai/v1",
    "cloudflare-workers-ai": "https://api.example.com/client/v4/accounts/abc/ai",
}
"""Where an operator has to say the address."""
OPTIONS = {"search_prompt": "a hat", "select_prompt": "a hat"}
"""What some of Stability's models cannot do without."""
BY_THE_ENGINE = {"n", "partial_images"}
"""Settings that are not one request's: calls are split, and only streams have partial images."""


def sent(provider: Provider, card: ModelCard, request: ImageRequest) -> list[str]:
    """The requests of a flow that gets no answer, as text."""
    settings = {field.name: getattr(request, field.name) for field in fields(Settings)}
    base_url = BASE_URLS.get(provider.name, provider.origins[0].rstrip("/"))
    options = OPTIONS if "search" in card.id else {}
    task = Task(card=card, base_url=base_url, options=options, **settings)
    return [_text(request) for request in play(provider, provider.generate(task), []).requests]


def _text(request: HttpRequest) -> str:
    form = [_part(part) for part in request.form or ()]
    return repr((request.url, dict(request.headers), request.json, form, request.content))


def _part(part: Part) -> tuple[Any, ...]:
    return tuple(getattr(part, field.name) for field in fields(part))


def honoured(card: ModelCard, name: str) -> Iterator[ImageRequest]:
    """The requests of one setting that the card does as they are."""
    for value in VALUES[name]:
        found = check(card, asking(card, **{name: value}), TODAY)
        if isinstance(found, Fit) and not found.warnings:
            yield found.request


def is_forgotten(provider: Provider, card: ModelCard, name: str) -> bool:
    """Whether all values of a setting lead to the request that no value leads to.

    One value alone may be the default, which need not be sent.
    """
    requests = list(honoured(card, name))
    if not requests or (len(requests) == 1 and len(VALUES[name]) > 1):
        return False
    plain = check(card, asking(card, images=requests[0].images, mask=requests[0].mask), TODAY)
    assert isinstance(plain, Fit)
    without = sent(provider, card, plain.request)
    assert without, f"{provider.name}:{card.id} sends nothing"
    return all(sent(provider, card, request) == without for request in requests)


@pytest.mark.parametrize("name", sorted(VALUES.keys() - BY_THE_ENGINE))
def test_no_setting_is_forgotten(name: str) -> None:
    """For each provider and model, the setting is in the request, or was never promised."""
    providers = load_plugins().providers
    forgotten = [
        label
        for label, card in cards()
        if (provider := providers[label.partition(":")[0]]).name not in LEFT_OUT
        and is_forgotten(provider, card, name)
    ]
    assert [] == forgotten
