"""Every provider, through the real router and real sockets, against its vendor's server.

The servers, in ``tests/vendors``, are readings of the vendors' documents that know nothing of the
providers: where the two disagree, one of them has misread.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.sources import ROOT
from tests.vendors.server import Vendor, Work, mask, picture

from routercore import Router
from routercore.engine.transport import default_transport
from routercore.plugins import Contributions, PluginChoice, load_plugins
from routercore.provider import hookimpl
from routercore.provider.auth import NoAuth
from routercore.provider.flow import Emit, Flow
from routercore.testing.providers import PNG, ScriptedProvider
from routercore.values.catalogue import ModelCard
from routercore.values.errors import RefusedError
from routercore.values.events import Completed, PartialImage, Progress, StreamItem
from routercore.values.faults import Charge, Fault
from routercore.values.images import (
    Generated,
    ImageResult,
    InputImage,
    Operation,
    RawImage,
    Task,
)

MISSING: frozenset[str] = frozenset()
"""Plugins whose vendor may still be without a server here; it only ever shrinks."""
BASES = frozenset({"server", "shape", "wire", "images_api"})


@cache
def vendors() -> tuple[type[Vendor], ...]:
    """Every server that there is."""
    files = sorted((Path(__file__).parent / "vendors").glob("*.py"))
    modules = [import_module(f"tests.vendors.{one.stem}") for one in files if one.stem not in BASES]
    return tuple(
        one
        for module in modules
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Vendor) and one.__module__ == module.__name__
    )


def name_of(server: type[Vendor]) -> str:
    """What a server is called in the names of tests."""
    return server.label or server.plugin


@cache
def installed() -> Contributions:
    """All that the installed plugins bring."""
    return load_plugins(PluginChoice(), ())


@cache
def origins() -> dict[str, str]:
    """Where each installed provider says that its vendor lives."""
    return {name: provider.origins[0] for name, provider in installed().providers.items()}


@cache
def distributions() -> dict[str, str]:
    """The distribution that brings each provider."""
    return {name: one.distribution for one in installed().reports for name in one.providers}


def folders() -> set[str]:
    """The plugins in this repository."""
    return {one.parent.name for one in ROOT.glob("plugins/*/pyproject.toml")}


def landed() -> Iterator[type[Vendor]]:
    """The vendors whose provider can be tried."""
    return (server for server in vendors() if server.plugin in origins())


def cases(attribute: str) -> list[Any]:
    """A case for each entry of a table that vendors have."""
    return [
        pytest.param(server, entry, id=f"{name_of(server)}-{entry}".replace(" ", "-"))
        for server in landed()
        for entry in getattr(server, attribute)
    ]


NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here is sent by TLS, and the system's authorities take long to read."""
EACH = [pytest.param(server, id=name_of(server)) for server in landed()]
HOSTS = [pytest.param(server, id=name_of(server)) for server in landed() if server.is_host]


def spare(task: Task) -> Flow[Generated]:
    """Makes pictures at once, without a network."""
    yield Emit(Progress(message="painting"))
    return Generated(images=(RawImage(data=PNG),) * task.n)


SPARE = ScriptedProvider(
    name="spare", auth=NoAuth(), flow=spare,
    cards=(ModelCard(id="any", operations=frozenset(Operation), max_n=10, max_images=16,
                     formats=("png", "jpeg", "webp"), compression=True,
                     backgrounds=("transparent", "opaque"), negative_prompt=True, seed=True),),
)  # fmt: skip


class HurriedClock:
    """The system's clock, on which nobody has to sleep: it is put forward instead."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        self._ahead += max(0.0, seconds)
        await asyncio.sleep(0)

    def timeout_at(self, deadline: float) -> asyncio.Timeout:
        return asyncio.timeout(deadline - self.monotonic())


@dataclass(frozen=True, slots=True)
class Setting:
    """A vendor's server, and a router that knows it and a spare provider."""

    vendor: Vendor
    router: Router

    async def ask(self, prompt: str, name: str = "generate") -> ImageResult:
        """Ask for one of the vendor's works."""
        work = self.vendor.works[name]
        settings = {**work.settings, "model": name}
        if not work.images:
            return await self.router.generate(prompt, **settings)
        images = [self.input(number, work) for number in range(work.images)]
        return await self.router.edit(
            prompt, images, mask=mask("512x512") if work.has_mask else None, **settings
        )

    async def stream(self, prompt: str, name: str) -> list[StreamItem]:
        """Ask for one of the vendor's works with pictures in between."""
        work = self.vendor.works[name]
        settings = {
            **work.settings, "model": name, "partial_images": 2,
            "images": tuple(self.input(number, work) for number in range(work.images)),
            "mask": InputImage.of(mask("512x512")) if work.has_mask else None,
        }  # fmt: skip
        return [item async for item in self.router.stream(prompt, **settings)]

    def input(self, number: int, work: Work) -> InputImage:
        """One of the pictures that a work starts from."""
        image = InputImage.of(picture("512x512", "png", number))
        url = self.vendor.host("an input", image.data) if work.are_hosted else None
        return replace(image, url=url)


@asynccontextmanager
async def at(server: type[Vendor], *, key: str | None = None) -> AsyncIterator[Setting]:
    """Serve, and set up a router with this key."""
    async with server() as vendor, Router.from_config(
        configuration(vendor, key or vendor.key),
        environ={}, plugins=[("spare", _Plugin())], clock=HurriedClock(),
        transport=type(default_transport())(ssl_context=NO_AUTHORITIES),
    ) as router:  # fmt: skip
        yield Setting(vendor, router)


def configuration(vendor: Vendor, key: str) -> dict[str, Any]:
    """Each of the vendor's works as a model, and the spare provider behind it."""
    path = urlsplit(origins()[vendor.plugin]).path
    section = {
        "api_key": key, "base_url": vendor.origin + path, "result_origins": [vendor.host_origin],
        **vendor.settings(),
    }  # fmt: skip
    models = {
        name: {"targets": [target(vendor, work), "spare:any"], "on_lost_result": "failover"}
        for name, work in vendor.works.items()
    }
    allowed = [distributions()[vendor.plugin], "spare"]
    return {
        "providers": {vendor.plugin: section, "spare": {}},
        "models": models,
        "plugins": {"allow": allowed},
    }


def target(vendor: Vendor, work: Work) -> dict[str, Any]:
    """Where one of the vendor's works is done."""
    return {"target": f"{vendor.plugin}:{work.model}", "options": work.options}


class _Plugin:
    """Brings the spare provider."""

    @hookimpl
    def routercore_providers(self) -> list[ScriptedProvider]:
        return [SPARE]


def fault(result: ImageResult | RefusedError) -> Fault | None:
    """What went wrong with the first attempt."""
    failure = result.attempts[0].failure
    return failure.fault if failure else None


def test_every_provider_has_a_vendors_server() -> None:
    """No provider is left out, and the list of those that are can only shrink."""
    covered = {server.plugin for server in vendors()}
    assert set() == (folders() | set(origins())) - {"test"} - covered - MISSING
    assert set() == MISSING & covered


def test_everything_declared_is_tried() -> None:
    """Where a card offers edits or masks, one of the vendor's works is an edit or has a mask."""
    tried = {
        (server.plugin, Operation.INPAINT if work.has_mask else Operation.EDIT)
        for server in vendors()
        for work in server.works.values()
        if work.images
    }
    declared = {
        (name, operation)
        for name, provider in installed().providers.items()
        for card in provider.catalogue()
        for operation in card.operations - {Operation.GENERATE}
        if name != "test"
    }
    assert declared == tried


@pytest.mark.parametrize(("server", "name"), cases("works"))
async def test_it_works(server: type[Vendor], name: str) -> None:
    """The vendor takes the request as it is sent, bills once, and its very bytes come back."""
    async with at(server) as setting:
        result = await setting.ask("a brass telescope", name)
    vendor, work = setting.vendor, server.works[name]
    assert [] == vendor.complaints
    assert [] == [one.failure for one in result.attempts if one.failure]
    assert sorted(vendor.made) == sorted(image.data for image in result.images)
    assert work.calls == vendor.invoices
    assert work.warnings == tuple(warning.param for warning in result.warnings)
    if work.cost is not None:
        assert (Decimal(work.cost), work.basis) == (result.cost.usd, result.cost.basis)


@pytest.mark.parametrize(("server", "name"), cases("streams"))
async def test_a_stream_ends_in_the_picture(server: type[Vendor], name: str) -> None:
    """Pictures in between come as the vendor sent them, then what was made, billed once."""
    async with at(server) as setting:
        *between, last = await setting.stream("a brass telescope", name)
    vendor = setting.vendor
    assert [] == vendor.complaints
    assert vendor.drafts
    assert vendor.drafts == [item.data for item in between if isinstance(item, PartialImage)]
    assert isinstance(last, Completed)
    assert sorted(vendor.made) == sorted(image.data for image in last.result.images)
    assert [] == [one.failure for one in last.result.attempts if one.failure]
    assert server.works[name].calls == vendor.invoices


@pytest.mark.parametrize(
    "asked",
    [
        {"size": "1000x700", "n": 3, "quality": "high", "output_format": "jpeg", "seed": 5,
         "moderation": "low", "safety_identifier": "s"},
        {"aspect_ratio": "9:16", "resolution": "2K", "negative_prompt": "fog", "user": "someone",
         "style": "vivid"},
        {"size": "1200x400", "background": "transparent", "style": "vivid",
         "output_format": "webp", "output_compression": 50, "quality": "standard"},
    ],
    ids=["odd", "tall", "wide"],
)  # fmt: skip
@pytest.mark.parametrize("server", EACH)
async def test_whatever_is_asked_is_fitted(server: type[Vendor], asked: dict[str, Any]) -> None:
    """Whatever the router makes of a request, it is nothing that the vendor would not take."""
    async with at(server) as setting:
        result = await setting.router.generate("a brass telescope", model="generate", **asked)
    assert [] == setting.vendor.complaints
    failed = {one.failure.fault for one in result.attempts if one.failure}
    assert failed <= {Fault.UNSUPPORTED}
    assert asked.get("n", 1) == len(result.images)


@pytest.mark.parametrize(("server", "prompt"), cases("refusals"))
async def test_a_refusal_is_final(server: type[Vendor], prompt: str) -> None:
    """A refused prompt is told to the caller as such, and shown to nobody else."""
    async with at(server) as setting:
        with pytest.raises(RefusedError) as refused:
            await setting.ask(prompt)
    assert [] == setting.vendor.complaints
    assert server.refusals[prompt] == fault(refused.value)
    assert 1 == len(refused.value.attempts)
    assert setting.vendor.invoices <= server.works["generate"].calls


@pytest.mark.parametrize("server", EACH)
async def test_a_rate_limit_sends_the_request_elsewhere(server: type[Vendor]) -> None:
    """The spare provider serves, and the vendor is left alone for as long as it asked."""
    async with at(server) as setting:
        result = await setting.ask("rate limit")
        received = len(setting.vendor.received)
        again = await setting.ask("rate limit")
    failure = result.attempts[0].failure
    assert [] == setting.vendor.complaints
    assert "spare:any" == result.target == again.target
    assert (Fault.RATE_LIMITED, server.retry_after) == (
        fault(result),
        failure and failure.retry_after,
    )
    assert 0 == setting.vendor.invoices
    assert received == len(setting.vendor.received)


@pytest.mark.parametrize(("server", "prompt"), cases("failures"))
async def test_a_failure_sends_the_request_elsewhere(server: type[Vendor], prompt: str) -> None:
    """What the vendor breaks at is told apart, and is sent there again only where that is free."""
    async with at(server) as setting:
        result = await setting.ask(prompt)
    assert [] == setting.vendor.complaints
    assert server.failures[prompt] == fault(result)
    assert "spare:any" == result.target
    failure = result.attempts[0].failure
    is_free = fault(result) is Fault.SERVER_ERROR and failure and failure.charge is Charge.NONE
    assert (3 if is_free else 2) == len(result.attempts)


@pytest.mark.parametrize("server", HOSTS)
async def test_an_expired_result_is_not_made_again_there(server: type[Vendor]) -> None:
    """A result that was paid for and cannot be read is said to be that; the spare makes another."""
    async with at(server) as setting:
        result = await setting.ask("expire")
    assert [] == setting.vendor.complaints
    assert Fault.RESULT_UNAVAILABLE == fault(result)
    assert "spare:any" == result.target
    assert server.works["generate"].calls == setting.vendor.invoices


@pytest.mark.parametrize("server", EACH)
async def test_a_wrong_key_is_left_alone(server: type[Vendor]) -> None:
    """The spare provider serves, and the key is not tried a second time."""
    async with at(server, key="a-wrong-key") as setting:
        result = await setting.ask("a brass telescope")
        received = len(setting.vendor.received)
        again = await setting.ask("a brass telescope")
    assert server.wrong_key == fault(result)
    assert "spare:any" == result.target == again.target
    assert 0 == setting.vendor.invoices
    assert received == len(setting.vendor.received)
