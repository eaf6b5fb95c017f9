"""The transport: one protocol, a portable implementation and a fast one."""

from __future__ import annotations

from importlib.util import find_spec

from routercore.engine.setup import ProxySetup
from routercore.engine.transport.base import Transport


def default_transport(proxy: ProxySetup | None = None) -> Transport:
    """The fast transport where its library is installed (extra ``fast``), else the portable one.

    Through a proxy always the portable one, which says itself where it connects to.
    """
    if proxy is None and find_spec("aiohttp") is not None:
        from routercore.engine.transport.fast import FastTransport

        return FastTransport()
    from routercore.engine.transport.portable import PortableTransport

    return PortableTransport(proxy=proxy)
