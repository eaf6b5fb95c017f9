"""Which addresses and URLs may be reached on an upstream's word."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routercore.engine.addresses import (
    check_public_url,
    is_public,
    join_url,
    parse_url,
    resolve_public,
)
from routercore.engine.transport.base import BlockedAddressError, TransportError
from routercore.provider.http import origin_of

PUBLIC = ["8.8.8.8", "1.1.1.1", "168.63.129.15", "2606:4700::1111", "2a00:1450:4001::1"]
PRIVATE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "168.63.129.16",
    "169.254.169.254", "169.254.170.2", "172.31.0.1", "192.0.0.192", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "::", "::1",
    "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808", "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1", "3fff::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2606:4700::1111%eth0",
    "fec0::1", "ff02::1", "100::1", "not an address", "", "127.1", "0x7f.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    """The public internet may be reached."""
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_other_addresses(address: str) -> None:
    """Everything else may not, nor what is no address."""
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_forms_of_a_v4_address(address: object) -> None:
    """The v6 forms still in use are as public as what they carry; the old ones never are."""
    number = int(address)  # type: ignore[call-overload]
    groups = f"{number >> 16:x}:{number & 0xFFFF:x}"
    public = is_public(str(address))
    assert [public, public] == [is_public(f"::ffff:{address}"), is_public(f"64:ff9b::{groups}")]
    flipped = f"{~(number >> 16) & 0xFFFF:x}:{~number & 0xFFFF:x}"
    for carrier in (f"::{groups}", f"2002:{groups}::1", f"2001:0:{groups}::{flipped}"):
        assert not is_public(carrier)


@given(st.ip_addresses())
def test_the_standard_library_agrees_on_what_is_private(address: object) -> None:
    """Nothing is public that ``ipaddress`` knows to be private, apart from NAT64."""
    if is_public(str(address)) and not str(address).startswith(("64:ff9b:", "::ffff:")):
        assert address.is_global  # type: ignore[attr-defined]


TRICKS = [
    "http://127.0.0.1/",
    "http://0177.0.0.1/",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://127.1/",
    "http://0/",
    "http://\u2460\u2461\u2466.0.0.1/",
    "http://127\u30020\u30020\u30021/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://127.0.0.1./",
    "http://[::1]/",
    "http://[1:2]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1\\@example.com/",
    "http://exam\tple.com/",
    "http://exam\nple.com/",
    "http://example.com\\.evil.example/",
    "http://%31%32%37.0.0.1/",
    "http://user@example.com/",
    "http:///x",
    "//example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "data:image/png;base64,AAAA",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:80a/",
    "https://example.com/" + "a" * 9000,
    "",
]


@pytest.mark.parametrize("url", TRICKS)
def test_tricks_are_refused(url: str) -> None:
    """A URL that is not plainly one of the public internet is refused before any look-up."""
    with pytest.raises(BlockedAddressError):
        check_public_url(url)


def test_ordinary_urls_pass() -> None:
    """A signed URL comes through as it was signed."""
    url = "https://Bucket.S3.example.com/a%2Fb/c.png?X-Sig=a%2Bb&x=%7E~"
    target = check_public_url(url)
    assert ("https", "bucket.s3.example.com", 443) == (target.scheme, target.host, target.port)
    assert "/a%2Fb/c.png?X-Sig=a%2Bb&x=%7E~" == target.path
    assert "https://bucket.s3.example.com" == target.origin


@given(
    st.builds(
        "{}://{}{}{}".format,
        st.sampled_from(["http", "https", "HTTP"]),
        st.text(alphabet="abC.-_\\@:[]%/?#0127x \t\u3002\uff0f\u2488", max_size=12),
        st.sampled_from(["", ":80", ":443", ":8000", ":"]),
        st.text(alphabet="/?#@\\:a.%", max_size=6),
    )
)
def test_both_parsers_agree_where_a_url_leads(url: str) -> None:
    """Credentials are decided by ``origin_of``: for what connects, it sees the same origin."""
    try:
        target = parse_url(url)
    except TransportError:
        return
    if url.isascii():
        assert target.origin == origin_of(url)


@given(st.text())
def test_any_text_is_a_target_or_refused(url: str) -> None:
    """Nothing but our own error comes out."""
    for text in (url, f"http://{url}"):
        with suppress(TransportError):
            parse_url(text)


def test_redirects_are_joined() -> None:
    """Locations may be relative, and are parsed like any other URL afterwards."""
    assert "https://a.example/c?d" == join_url("https://a.example/b/x", "/c?d")
    assert "http://b.example/" == join_url("https://a.example/", "http://b.example/")
    with pytest.raises(TransportError):
        join_url("https://a.example/", "http://[::1")


async def test_a_name_of_loopback_is_refused() -> None:
    """One look-up, and every answer has to be public."""
    with pytest.raises(BlockedAddressError):
        await resolve_public("localhost", 80)


async def test_a_public_literal_resolves_to_itself() -> None:
    """A literal needs no name server."""
    assert ["8.8.8.8"] == await resolve_public("8.8.8.8", 443)
