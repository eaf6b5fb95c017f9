"""Accepted jobs, at their vendors' servers: picked up by another process, and called off."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any

import pytest
from tests.test_vendors import NO_AUTHORITIES, HurriedClock, at, installed, landed, name_of
from tests.vendors.server import Vendor

from routercore.engine.driver import Driver
from routercore.engine.transport import default_transport
from routercore.plugins import PluginChoice, load_plugins
from routercore.provider import Cancels, Flow, Provider, RawImage, Resumes, call, get
from routercore.testing.transcripts import Transcript
from routercore.values.images import Task

NOT_CALLED_OFF = {
    "black-forest-labs": "there is no request for it",
    "fireworks": "there is no request for it",
    "huggingface": "the router offers no way to any backend's",
    "runware": "there is no request for it",
    "stability": "there is no request for it",
}
"""Providers of jobs that cannot be stopped, and why."""


def offering(protocol: type) -> list[type[Vendor]]:
    """The vendors whose provider has the protocol's method."""
    return [one for one in landed() if isinstance(installed().providers[one.plugin], protocol)]


@cache
def jobs(server: type[Vendor]) -> tuple[str, ...]:
    """The works of a vendor that are jobs: those for which it is asked again."""

    async def tried() -> tuple[str, ...]:
        found = []
        for name in server.works:
            async with at(server) as setting:
                await setting.ask("a brass telescope", name)
                found += [name] if setting.vendor.polled.is_set() else []
        return tuple(found)

    return asyncio.run(tried())


def job_cases(protocol: type) -> list[Any]:
    return [
        pytest.param(server, name, id=f"{name_of(server)}-{name}".replace(" ", "-"))
        for server in offering(protocol)
        for name in jobs(server)
    ]


@asynccontextmanager
async def elsewhere(vendor: Vendor, plugin: str) -> AsyncIterator[tuple[Provider, Driver]]:
    """A provider that has never seen the job, and what drives it: another process has no more."""
    provider = load_plugins(PluginChoice(), ()).providers[plugin]
    transport = type(default_transport())(ssl_context=NO_AUTHORITIES)
    try:
        yield provider, Driver(
            transport=transport, clock=HurriedClock(), provider=provider, secret=vendor.key,
            signed_origins=(vendor.origin,), trusted_origins=frozenset({vendor.host_origin}),
            on_notice=lambda notice: None, jitter=lambda: 0.0,
        )  # fmt: skip
    finally:
        await transport.close()


def contents(image: RawImage) -> Flow[bytes]:
    """The bytes of a picture, wherever the vendor has put them."""
    if image.base64 is not None:
        return b64decode(image.base64.rpartition(",")[2])
    return image.data or (yield from call(get(str(image.url)))).body


def resumed(provider: Provider, task: Task, handle: Mapping[str, Any]) -> Flow[list[bytes]]:
    """The pictures of a job of which only the handle is known."""
    assert isinstance(provider, Resumes)
    found = []
    for image in (yield from provider.resume(task, handle)).images:
        found.append((yield from contents(image)))
    return found


def bare_task(provider: Provider, vendor: Vendor, model: str) -> Task:
    """What is left of a task when its request is forgotten: the card, and where the API is."""
    wanted = {"model": model, "prompt": "", "base_url": vendor.origin}
    return Transcript(provider=provider.name, about="", task=wanted, exchanges=()).task_for(
        provider
    )


@pytest.mark.parametrize(("server", "name"), job_cases(Resumes))
async def test_a_job_is_resumed_by_its_handle(server: type[Vendor], name: str) -> None:
    """It is enough, in JSON, for another process to have the pictures, and bills nothing more."""
    async with at(server) as setting:
        result = await setting.ask("a brass telescope", name)
        vendor, invoices = setting.vendor, setting.vendor.invoices
        handle = json.loads(json.dumps(result.attempts[0].handle))
        async with elsewhere(vendor, server.plugin) as (provider, driver):
            vendor.made.clear()
            task = bare_task(provider, vendor, server.works[name].model)
            deadline = driver.clock.monotonic() + 600
            images = await driver.run(lambda: resumed(provider, task, handle), deadline)
    assert [] == vendor.complaints
    assert vendor.made == images
    assert images
    assert invoices == vendor.invoices


@pytest.mark.parametrize(("server", "name"), job_cases(Cancels))
async def test_an_abandoned_job_is_called_off(server: type[Vendor], name: str) -> None:
    """The caller goes away while the vendor works: it is told to stop, once, and by name."""
    async with at(server) as setting:
        vendor = setting.vendor
        vendor.is_stalled = True
        asked = asyncio.create_task(setting.ask("a brass telescope", name))
        await vendor.polled.wait()
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked
    assert [] == vendor.complaints
    assert list(vendor.jobs) == vendor.called_off


def test_every_vendor_of_jobs_is_tried() -> None:
    """Whoever resumes has a work here that is a job; whoever cannot be stopped says why."""
    resuming = {server.plugin for server in offering(Resumes)}
    assert resuming == {server.plugin for server in offering(Resumes) if jobs(server)}
    assert set(NOT_CALLED_OFF) == resuming - {server.plugin for server in offering(Cancels)}
