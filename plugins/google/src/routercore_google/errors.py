"""Google's error model (https://google.aip.dev/193) as failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from routercore.provider import (
    Failure,
    Fault,
    HttpResponse,
    at,
    classify_status,
    list_at,
    number_at,
    text_at,
)

FAULTS = {
    "INVALID_ARGUMENT": Fault.INVALID_REQUEST,
    "OUT_OF_RANGE": Fault.INVALID_REQUEST,
    "FAILED_PRECONDITION": Fault.FORBIDDEN,
    "UNAUTHENTICATED": Fault.UNAUTHENTICATED,
    "PERMISSION_DENIED": Fault.FORBIDDEN,
    "NOT_FOUND": Fault.MODEL_NOT_FOUND,
    "ABORTED": Fault.CONFLICT,
    "RESOURCE_EXHAUSTED": Fault.RATE_LIMITED,
    "CANCELLED": Fault.SERVER_ERROR,
    "UNKNOWN": Fault.SERVER_ERROR,
    "INTERNAL": Fault.SERVER_ERROR,
    "UNIMPLEMENTED": Fault.UNSUPPORTED,
    "UNAVAILABLE": Fault.OVERLOADED,
    "DEADLINE_EXCEEDED": Fault.GATEWAY,
}
REASONS = {"API_KEY_INVALID": Fault.UNAUTHENTICATED, "BILLING_DISABLED": Fault.QUOTA}
"""Reasons among the details that say more than the status."""


def classified(response: HttpResponse) -> Failure:
    """The failure behind an error, which a list may be wrapped around."""
    error = response.object().get("error") or at(_whole(response), 0, "error")
    message, status = text_at(error, "message") or "", text_at(error, "status")
    reason = text_at(_detail(error, "ErrorInfo"), "reason")
    delay = text_at(_detail(error, "RetryInfo"), "retryDelay")
    known: dict[str, Any] = {"code": reason or status}
    if fault := _fault(error, message, status, reason):
        known["fault"] = fault
    seconds = number_at(delay.removesuffix("s")) if delay else None
    if seconds is not None and seconds >= 0:
        known["retry_after"] = float(seconds)
    return classify_status(response, message, **known)


def _fault(error: Any, message: str, status: str | None, reason: str | None) -> Fault | None:
    if reason in REASONS:
        return REASONS[reason]
    if status == "RESOURCE_EXHAUSTED" and any(map(_is_daily, _quotas(error))):
        return Fault.QUOTA
    # A wrong key comes as a wrong argument, and not always with its reason.
    if status == "INVALID_ARGUMENT" and message.startswith("API key not valid"):
        return Fault.UNAUTHENTICATED
    return FAULTS.get(status or "")


def _quotas(error: Any) -> list[Any]:
    return list_at(_detail(error, "QuotaFailure"), "violations")


def _is_daily(violation: Any) -> bool:
    """Whether a quota comes back tomorrow, and not within the minute."""
    return "PerDay" in (text_at(violation, "quotaId") or "")


def _detail(error: Any, kind: str) -> Any:
    return next(_details(error, kind), None)


def _details(error: Any, kind: str) -> Iterator[Any]:
    for detail in list_at(error, "details"):
        if (text_at(detail, "@type") or "").endswith(f"google.rpc.{kind}"):
            yield detail


def _whole(response: HttpResponse) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
