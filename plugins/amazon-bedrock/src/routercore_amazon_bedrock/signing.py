"""How Bedrock is signed to: with an access key, by signature version 4, or with a Bedrock key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from routercore.provider import HttpRequest

DEFAULT_REGION = "us-west-2"
_REGION = re.compile(r"(?:^|\.)bedrock(?:-runtime)?(?:-fips)?\.([a-z0-9-]+)\.")
_RUNTIME = re.compile(r"bedrock-runtime(-fips)?(\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?)")


@dataclass(frozen=True, slots=True)
class BedrockAuth:
    """Signs with ``ACCESS_KEY_ID:SECRET``, a session token behind it or not, or with a Bedrock key.

    A Bedrock key has no colon in it, and goes out as a bearer's.
    """

    env: str | None

    def sign(self, request: HttpRequest, secret: str) -> HttpRequest:
        key_id, _, rest = secret.strip().partition(":")
        if not rest:
            return request.with_headers({"authorization": f"Bearer {key_id}"})
        secret_key, _, token = rest.partition(":")
        return _signed(request, key_id, secret_key, token or None)


def region_of(url: str) -> str:
    """The region that a host names; a host that names none stands in the default region.

    >>> region_of("https://bedrock-runtime.eu-west-1.amazonaws.com/model/x/invoke")
    'eu-west-1'
    """
    found = _REGION.search(urlsplit(url).hostname or "")
    return found[1] if found else DEFAULT_REGION


def control_plane(base_url: str) -> str | None:
    """Where the models of a region are listed: Amazon's host beside that of its runtime.

    ``None`` for a host that is not Amazon's own, such as a proxy's or a private endpoint's.

    >>> control_plane("https://bedrock-runtime.eu-west-1.amazonaws.com")
    'https://bedrock.eu-west-1.amazonaws.com'
    """
    parts = urlsplit(base_url)
    found = _RUNTIME.fullmatch(parts.netloc)
    if found is None or parts.scheme != "https":
        return None
    return f"https://bedrock{found[1] or ''}{found[2]}"


def _signed(request: HttpRequest, key_id: str, secret_key: str, token: str | None) -> HttpRequest:
    """A copy with signature version 4, which covers the body to the byte."""
    # botocore takes a tenth of a second to import.
    from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
    from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
    from botocore.credentials import Credentials  # type: ignore[import-untyped]

    signed = AWSRequest(request.method, request.url, dict(request.headers), request.content)
    credentials = Credentials(key_id, secret_key, token)
    SigV4Auth(credentials, "bedrock", region_of(request.url)).add_auth(signed)
    return request.with_headers({name.lower(): value for name, value in signed.headers.items()})
