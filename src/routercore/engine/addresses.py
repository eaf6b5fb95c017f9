"""The address guard: which URLs and addresses of an upstream's choosing may be reached."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urljoin

from routercore.engine.transport.base import BlockedAddressError, Phase, TransportError

MAX_URL_CHARACTERS = 8192
DEFAULT_PORTS = {"http": 80, "https": 443}

# Own tables, because ``ipaddress`` calls some of these global, among them 192.0.0.192 (Oracle's
# metadata), 192.88.99.1 and multicast; 168.63.129.16 is Azure's wire server, in public space.
_DENIED_V4 = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32",
        "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    )
)  # fmt: skip
_GLOBAL_V6 = IPv6Network("2000::/3")
_DENIED_V6 = tuple(
    ip_network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)  # fmt: skip
# The v6 forms of v4 addresses that are still in use; the others (v4-compatible, 6to4, Teredo, the
# local NAT64 prefix) are refused whole, whatever they carry.
_CARRIERS = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)")


@dataclass(frozen=True, slots=True)
class ParsedUrl:
    """Where a URL leads: what is checked and what is connected to are this one value."""

    scheme: str
    host: str
    """A name in lower-case ASCII, or an address without brackets."""
    port: int
    path: str
    """As it goes on the wire: percent-encoded, with the query."""

    @property
    def authority(self) -> str:
        """As in the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"


@lru_cache(maxsize=256)
def parse_url(url: str) -> ParsedUrl:
    """Take a URL apart; the one parser of everything that connects.

    Raises:
        TransportError: it is no absolute http or https URL, or carries a user or a zone.
    """
    from httpx2 import URL, InvalidURL

    try:
        parsed = URL(url)
    except (InvalidURL, ValueError, TypeError) as error:
        raise _unusable("the URL is malformed") from error
    host = parsed.raw_host.decode("ascii").lower()
    if parsed.scheme not in DEFAULT_PORTS:
        raise _unusable("the URL is not an http or https one")
    if parsed.userinfo:
        raise _unusable("the URL carries a user or a password")
    if not (_is_v6(host) if ":" in host else _NAME.fullmatch(host)):
        raise _unusable("the URL has no usable host")
    port = DEFAULT_PORTS[parsed.scheme] if parsed.port is None else parsed.port
    if not 0 < port < 65536:
        raise _unusable("the URL has no usable port")
    return ParsedUrl(parsed.scheme, host, port, parsed.raw_path.decode("ascii"))


def join_url(base: str, location: str) -> str:
    """The absolute URL of a ``Location`` header; not yet checked."""
    try:
        return urljoin(base, location)
    except ValueError as error:
        raise _unusable("the redirect leads to a malformed URL") from error


def is_public(address: str) -> bool:
    """Whether a literal address is one of the public internet's.

    >>> is_public("8.8.8.8"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and any(parsed in carrier for carrier in _CARRIERS):
        parsed = IPv4Address(int(parsed) & 0xFFFFFFFF)
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in _DENIED_V4)
    if parsed.scope_id is not None or parsed not in _GLOBAL_V6:
        return False
    return not any(parsed in network for network in _DENIED_V6)


def check_public_url(url: str) -> ParsedUrl:
    """Refuse a URL that cannot lead to the public internet; names are still to be resolved.

    Raises:
        BlockedAddressError: it is not fit to be fetched on an upstream's word.
    """
    if len(url) > MAX_URL_CHARACTERS:
        raise BlockedAddressError(f"the URL is longer than {MAX_URL_CHARACTERS:,} characters")
    try:
        target = parse_url(url)
    except TransportError as error:
        raise BlockedAddressError(str(error)) from error
    if _is_literal(target.host) and not is_public(target.host):
        raise BlockedAddressError(f"{target.origin} is not a public address")
    return target


async def resolve_public(host: str, port: int) -> list[str]:
    """Resolve a name once, for a connection to one of the addresses returned.

    Raises:
        BlockedAddressError: not every address of the name is public.
        OSError: the name cannot be resolved.
    """
    loop = asyncio.get_running_loop()
    answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    if not addresses or not all(map(is_public, addresses)):
        # As a URL, because what a client is shown has every URL taken out.
        raise BlockedAddressError(f"tcp://{host}:{port} has an address that is not public")
    return addresses


def _is_literal(host: str) -> bool:
    """Also for the spellings that only a resolver reads as an address: ``0x7f.1``, ``127.1``."""
    return ":" in host or bool(_NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]))


def _is_v6(host: str) -> bool:
    try:
        return IPv6Address(host).scope_id is None
    except ValueError:
        return False


def _unusable(message: str) -> TransportError:
    return TransportError(message, Phase.NOT_SENT, is_local=True)
