"""How Azure is signed to: with a resource's key, or with an access token of Microsoft Entra."""

from __future__ import annotations

from dataclasses import dataclass

from routercore.provider import HttpRequest

TOKEN_START = "eyJ"
"""How every JSON web token begins, and no key of a resource."""


@dataclass(frozen=True, slots=True)
class AzureAuth:
    """Sends a token as a bearer's, anything else as the key that it is."""

    env: str | None

    def sign(self, request: HttpRequest, secret: str) -> HttpRequest:
        secret = secret.strip()
        if secret.startswith(TOKEN_START) and secret.count(".") == 2:
            return request.with_headers({"authorization": f"Bearer {secret}"})
        return request.with_headers({"api-key": secret})
