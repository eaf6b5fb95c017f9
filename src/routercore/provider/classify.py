"""What HTTP statuses usually mean; the base that a provider's ``classify`` refines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from routercore.provider.http import HttpResponse
from routercore.provider.reading import list_at, text_at
from routercore.values.faults import Failure, Fault

STATUS_FAULTS = {
    400: Fault.INVALID_REQUEST,
    401: Fault.UNAUTHENTICATED,
    402: Fault.QUOTA,
    403: Fault.FORBIDDEN,
    404: Fault.MODEL_NOT_FOUND,
    408: Fault.REQUEST_TIMEOUT,
    409: Fault.CONFLICT,
    410: Fault.MODEL_NOT_FOUND,
    422: Fault.INVALID_REQUEST,
    425: Fault.OVERLOADED,
    429: Fault.RATE_LIMITED,
    451: Fault.REFUSED,
    500: Fault.SERVER_ERROR,
    502: Fault.GATEWAY,
    503: Fault.OVERLOADED,
    504: Fault.GATEWAY,
    520: Fault.GATEWAY,
    521: Fault.OVERLOADED,
    522: Fault.OVERLOADED,
    523: Fault.OVERLOADED,
    524: Fault.GATEWAY,
    525: Fault.OVERLOADED,
    526: Fault.OVERLOADED,
    529: Fault.OVERLOADED,
}
REFUSAL_CODES = frozenset(
    {"moderation_blocked", "content_policy_violation", "content_filter",
     "image_content_policy_violation", "content_moderation", "request_moderated"}
)  # fmt: skip
QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "credit_balance_exhausted",
     "insufficient_credits", "insufficient_user_quota"}
)  # fmt: skip


def classify_status(response: HttpResponse, message: str = "", **details: Any) -> Failure:
    """The failure that a status alone stands for.

    Args:
        response: the error response.
        message: the vendor's own words; the beginning of the body unless given.
        details: further fields of :class:`Failure`.
    """
    status = response.status
    fault = STATUS_FAULTS.get(status) or (
        Fault.REDIRECTED
        if 300 <= status < 400
        else Fault.UNSUPPORTED
        if status < 500 or status == 501
        else Fault.SERVER_ERROR
    )
    return Failure(
        **{
            "fault": fault,
            "message": (message or response.text or f"HTTP {status}")[:500],
            "status": status,
            "retry_after": response.retry_after(),
            **details,
        }
    )


def classify_openai(response: HttpResponse) -> Failure:
    """The failure behind OpenAI's error shape, which most compatible services copy.

    Understands ``{"error": {...}}``, the same without the envelope, ``{"error": "text"}`` and
    FastAPI's ``{"detail": ...}``. Codes decide before statuses.
    """
    body = response.object()
    error = body.get("error", body)
    if not isinstance(error, dict):
        error = {"message": str(error)}
    code = str(error.get("code") or error.get("type") or "") or None
    detail, place = _detail(body.get("detail"))
    message = str(error.get("message") or detail)
    param = error.get("param") or place
    failure = classify_status(
        response, message, code=code, param=param if isinstance(param, str) else None
    )
    words = {str(error.get("code")), str(error.get("type"))}
    if words & REFUSAL_CODES:
        return replace(failure, fault=Fault.REFUSED, categories=_categories(error))
    if words & QUOTA_CODES:
        return replace(failure, fault=Fault.QUOTA)
    if "model_not_found" in words:
        return replace(failure, fault=Fault.MODEL_NOT_FOUND)
    return failure


def _detail(detail: Any) -> tuple[str, str | None]:
    """The words and the field of FastAPI's ``detail``: a text, or a list of problems."""
    if not isinstance(detail, list):
        return str(detail or ""), None
    problems = [(text_at(item, "msg") or "", list_at(item, "loc")) for item in detail]
    words = [f"{_field(place)}: {what}" if place else what for what, place in problems]
    return "; ".join(words), _field(problems[0][1]) if problems and problems[0][1] else None


def _field(place: list[Any]) -> str:
    return ".".join(str(step) for step in place if step != "body") or "body"


def _categories(error: dict[str, Any]) -> tuple[str, ...]:
    details = error.get("moderation_details")
    words = details.get("categories") if isinstance(details, dict) else None
    return tuple(str(word) for word in words) if isinstance(words, list) else ()
