"""Servers that speak, or say that they speak, OpenAI's Images API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tests.vendors.server import Reply, Request, Vendor
from tests.vendors.shape import Problem


def error(
    status: int, message: str, *, type: str = "invalid_request_error",
    param: str | None = None, code: str | None = None, headers: Mapping[str, str] | None = None,
) -> Reply:  # fmt: skip
    """An error in OpenAI's shape."""
    fields = {"message": message, "type": type, "param": param, "code": code}
    return Reply(status, {"error": fields}, headers or {})


REFUSED = error(
    400, "Your request was rejected by the safety system. safety_violations=[violence].",
    type="image_generation_user_error", code="moderation_blocked",
)  # fmt: skip


class ImagesApi(Vendor):
    """Errors in OpenAI's shape."""

    instead: ClassVar[Mapping[str, Reply]] = {
        "rate limit": error(
            429, "Rate limit reached", type="requests", code="rate_limit_exceeded",
            headers={"retry-after": "2"},
        ),
        "refuse": REFUSED,
        "fail": error(500, "The server had an error", type="server_error"),
    }  # fmt: skip

    def unauthorised(self) -> Reply:
        return error(401, "Incorrect API key provided.", code="invalid_api_key")

    def invalid(self, found: list[Problem]) -> Reply:
        return error(400, str(found[0]), param=found[0].field, code="invalid_value")

    def unknown(self, request: Request) -> Reply:
        return error(404, f"Invalid URL ({request.method} {request.path})")

    def item(self, body: Mapping[str, Any], *, size: str, format: str = "png") -> dict[str, Any]:
        """One entry of ``data``, in the form that the body asks for; a URL unless it does."""
        if body.get("response_format", "url") == "url":
            return {"url": self.host(body["prompt"], self.make(size, format))}
        return {"b64_json": self.encoded(size, format)}
