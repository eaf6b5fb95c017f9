"""Every test of the contract runs on both transports."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from routercore.engine.transport.base import Transport
from routercore.engine.transport.portable import PortableTransport

MakeTransport = Callable[..., Transport]


@pytest.fixture(params=["portable", "fast"])
def make_transport(request: pytest.FixtureRequest) -> MakeTransport:
    if request.param == "portable":
        return PortableTransport
    pytest.importorskip("aiohttp")
    from routercore.engine.transport.fast import FastTransport

    return FastTransport


@pytest.fixture
async def transport(make_transport: MakeTransport) -> AsyncIterator[Transport]:
    """One that must have left no task behind when the test is over."""
    before = asyncio.all_tasks()
    made = make_transport()
    yield made
    await made.close()
    for _ in range(3):
        await asyncio.sleep(0)
    assert {asyncio.current_task()} == asyncio.all_tasks() - before


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for images.invalid, with its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key, chain = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=images.invalid", "-keyout", key, "-out", chain,
         "-addext", "subjectAltName=DNS:images.invalid"],
        check=True, capture_output=True,
    )  # fmt: skip
    chain.write_text(chain.read_text() + key.read_text())
    return chain


def serving(certificate: Path) -> ssl.SSLContext:
    """What a server with the certificate speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
