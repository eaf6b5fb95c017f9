"""Every test of the contract runs on both transports."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

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
    key, name = ec.generate_private_key(ec.SECP256R1()), "images.invalid"
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    chain = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return chain


def serving(certificate: Path) -> ssl.SSLContext:
    """What a server with the certificate speaks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
