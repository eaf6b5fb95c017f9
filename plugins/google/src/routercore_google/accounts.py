"""How Vertex AI is signed to: with a service account, an access token or an API key."""

from __future__ import annotations

import json
from dataclasses import dataclass

from routercore.provider import Fault, HttpRequest, fail

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@dataclass(frozen=True, slots=True)
class GoogleAuth:
    """Signs with whichever of the three the secret is, which its beginning tells.

    A service account's JSON key makes a token by itself, without asking Google for one
    (https://google.aip.dev/auth/4111), so that signing stays free of exchanges.
    """

    env: str | None

    def sign(self, request: HttpRequest, secret: str) -> HttpRequest:
        secret = secret.strip()
        if secret.startswith("{"):
            return _bearer(request, service_token(secret))
        if secret.startswith("ya29."):
            return _bearer(request, secret)
        return request.with_headers({"x-goog-api-key": secret})


def service_token(key: str) -> str:
    """A token, good for an hour, signed with the private key of a service account.

    Raises:
        ProviderFailed: google-auth is missing, or the key is none.
    """
    try:
        from google.auth.jwt import Credentials
    except ImportError:
        raise fail(Fault.UNAUTHENTICATED, "a service account needs the extra 'vertex': "
                   "pip install 'routercore-google[vertex]'") from None  # fmt: skip
    try:
        credentials = Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            json.loads(key), audience=None, additional_claims={"scope": SCOPE}
        )
    except (ValueError, TypeError, KeyError):
        # What was raised may quote the key.
        raise fail(Fault.UNAUTHENTICATED, "the key is not that of a service account") from None
    credentials.refresh(None)
    token = credentials.token
    return token.decode("ascii") if isinstance(token, bytes) else str(token)


def _bearer(request: HttpRequest, token: str) -> HttpRequest:
    return request.with_headers({"authorization": f"Bearer {token}"})
