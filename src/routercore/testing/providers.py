"""Providers that do as a test says."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from routercore.provider.auth import Auth, bearer
from routercore.provider.classify import classify_openai
from routercore.provider.flow import Flow, call
from routercore.provider.http import HttpResponse, post_json
from routercore.provider.spec import API_VERSION
from routercore.values.catalogue import ModelCard
from routercore.values.faults import Failure
from routercore.values.images import Generated, RawImage, Task

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01"
    b"\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\x0bIDA"
    b"Tx\xdac\xf8\x0f\x04\x00\t\xfb\x03\xfdh\xfa\x1c\xcc\x00\x00\x00\x00"
    b"IEND\xaeB`\x82"
)
"""A picture of one pixel."""
PNG_BASE64 = base64.b64encode(PNG).decode("ascii")


def one_call(task: Task) -> Flow[Generated]:
    """Asks with one POST for ``n`` pictures, and gets as many as ``{"images": …}`` says."""
    body = {"prompt": task.prompt, "n": task.n}
    reply = yield from call(post_json(task.url("/images"), body))
    return Generated(images=(RawImage(data=PNG),) * reply.json()["images"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedProvider:
    """A :class:`routercore.provider.spec.Provider` whose flow, cards and answers are given."""

    name: str = "scripted"
    api_version: int = API_VERSION
    auth: Auth = field(default_factory=lambda: bearer("SCRIPTED_API_KEY"))
    origins: Sequence[str] = ("https://api.scripted.example/v1",)
    cards: Sequence[ModelCard] = (ModelCard(id="poster", max_n=4),)
    flow: Callable[[Task], Flow[Generated]] = one_call
    faults: Mapping[int, Failure] = field(default_factory=dict)
    """What statuses mean, where it is not what they usually do."""

    def catalogue(self) -> Sequence[ModelCard]:
        return self.cards

    def generate(self, task: Task) -> Flow[Generated]:
        return self.flow(task)

    def classify(self, response: HttpResponse) -> Failure:
        return self.faults.get(response.status) or classify_openai(response)
