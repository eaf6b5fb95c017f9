"""What HTTP statuses and error words usually mean; the base that ``classify`` refines."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
     "image_content_policy_violation", "content_moderation", "request_moderated",
     "sensitive_words_detected"}
)  # fmt: skip
QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "credit_balance_exhausted",
     "insufficient_credits", "insufficient_user_quota", "deposit_required"}
)  # fmt: skip
WORD_FAULTS: Mapping[str, Fault] = {
    **dict.fromkeys(REFUSAL_CODES, Fault.REFUSED),
    **dict.fromkeys(QUOTA_CODES, Fault.QUOTA),
    "model_not_found": Fault.MODEL_NOT_FOUND,
    "invalid_api_key": Fault.UNAUTHENTICATED,
    "rate_limit_error": Fault.RATE_LIMITED,
    "rate_limit_exceeded": Fault.RATE_LIMITED,
    "slow_down": Fault.OVERLOADED,
    "server_is_overloaded": Fault.OVERLOADED,
    "service_unavailable_error": Fault.OVERLOADED,
}
"""Codes and types that say more than any status."""
_VIOLATIONS = re.compile(r"safety_violations=\[([^\]]*)\]")
"""How OpenAI's messages list categories (github.com/Wei-Shaw/sub2api/issues/2399)."""
VAGUE_WORD_FAULTS: Mapping[str, Fault] = {
    "invalid_request_error": Fault.INVALID_REQUEST,
    "image_generation_user_error": Fault.INVALID_REQUEST,
    "unknown_parameter": Fault.INVALID_REQUEST,
    "invalid_value": Fault.INVALID_REQUEST,
    "unauthorized": Fault.UNAUTHENTICATED,
    "authentication_error": Fault.UNAUTHENTICATED,
    "access_denied": Fault.FORBIDDEN,
    "permission_error": Fault.FORBIDDEN,
}
"""Types that come with many statuses, and count where there is no error status."""


def classify_status(response: HttpResponse, message: str = "", **details: Any) -> Failure:
    """The failure that a status alone stands for.

    Args:
        response: the error response.
        message: the vendor's own words; the beginning of the body unless given.
        details: further fields of :class:`Failure`.
    """
    return Failure(
        **{
            "fault": _status_fault(response.status),
            "message": (message or _plain_text(response) or f"HTTP {response.status}")[:500],
            "status": response.status,
            "retry_after": response.retry_after(),
            **details,
        }
    )


def classify_openai(response: HttpResponse) -> Failure:
    """The failure behind OpenAI's error shape, which most compatible services copy.

    Understands ``{"error": {...}}``, the same without the envelope, ``{"error": "text"}`` and
    FastAPI's ``{"detail": ...}``. Codes decide before statuses. An error that came with a success
    status, or inside a stream, is a server error unless its words or its own ``status`` say more.
    """
    body = response.object()
    error = body.get("error") or body
    if not isinstance(error, dict):
        error = {"message": str(error)}
    detail, place = _detail(error.get("detail") or body.get("detail"))
    param = error.get("param") or place
    message = str(error.get("message") or detail)
    fault = _fault(response.status, body, error)
    return classify_status(
        response,
        message,
        code=str(error.get("code") or error.get("type") or "")[:100] or None,
        param=param.removesuffix("[]") if isinstance(param, str) else None,
        **(_refusal(error, message) if fault is Fault.REFUSED else {"fault": fault}),
    )


def _fault(status: int, body: Mapping[str, Any], error: Mapping[str, Any]) -> Fault:
    words = [str(error.get("code")), str(error.get("type"))]
    for word in words:
        if word in WORD_FAULTS:
            return WORD_FAULTS[word]
    if not 200 <= status < 300:
        return _status_fault(status)
    for value in (error.get("status"), body.get("status"), error.get("code"), body.get("code")):
        if isinstance(value, int) and 400 <= value < 600:
            return _status_fault(value)
    for word in words:
        if word in VAGUE_WORD_FAULTS:
            return VAGUE_WORD_FAULTS[word]
    return Fault.SERVER_ERROR


def _status_fault(status: int) -> Fault:
    if status in STATUS_FAULTS:
        return STATUS_FAULTS[status]
    if 300 <= status < 400:
        return Fault.REDIRECTED
    return Fault.UNSUPPORTED if status < 500 or status == 501 else Fault.SERVER_ERROR


def _detail(detail: Any) -> tuple[str, str | None]:
    """The words and the field of FastAPI's ``detail``: a text, or a list of problems."""
    if not isinstance(detail, list):
        return str(detail or ""), None
    problems = [(text_at(item, "msg") or "", list_at(item, "loc")) for item in detail]
    words = [f"{_field(place)}: {what}" if place else what for what, place in problems]
    return "; ".join(words), _field(problems[0][1]) if problems and problems[0][1] else None


def _field(place: list[Any]) -> str:
    return ".".join(str(step) for step in place if step != "body") or "body"


def _plain_text(response: HttpResponse) -> str:
    """The body for a message, unless it is a web page."""
    text = response.text.strip()
    return "" if text.startswith("<") else text


def _refusal(error: Mapping[str, Any], message: str) -> dict[str, Any]:
    """What policy objected to: told beside the message, or by older services in it alone."""
    details = error.get("moderation_details")
    listed = _VIOLATIONS.search(message)
    words = listed[1].split(",") if listed else []
    told = [str(word) for word in list_at(details, "categories")]
    stage = text_at(details, "moderation_stage")
    return {
        "fault": Fault.REFUSED_RESULT if stage == "output" else Fault.REFUSED,
        "stage": stage if stage in ("input", "output") else "unknown",
        "categories": tuple(told or filter(None, (word.strip(" '\"") for word in words))),
    }
