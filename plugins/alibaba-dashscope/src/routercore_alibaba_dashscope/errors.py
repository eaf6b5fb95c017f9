"""DashScope's codes, and what they mean wherever they stand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from routercore.provider import Failure, Fault, HttpResponse, JobState, classify_status, text_at

REFUSAL = "DataInspectionFailed"
CODES = (
    ("InvalidApiKey", Fault.UNAUTHENTICATED),
    ("Arrearage", Fault.QUOTA),
    ("AllocationQuota", Fault.QUOTA),
    ("Throttling", Fault.RATE_LIMITED),
    ("ModelNotFound", Fault.MODEL_NOT_FOUND),
    ("AccessDenied", Fault.FORBIDDEN),
    ("InvalidParameter", Fault.INVALID_REQUEST),
)
"""How codes begin; what follows is detail, such as ``.RateQuota``."""


def refusal_state(message: str) -> JobState:
    """Words alone say whether it was the request or the finished picture."""
    return JobState.REFUSED_RESULT if "output" in message.lower() else JobState.REFUSED


def failure_of(response: HttpResponse, error: Any) -> Failure:
    """What an error means, whether it came alone or in the place of a picture."""
    code, message = text_at(error, "code") or "", text_at(error, "message") or ""
    failure = classify_status(response, message, code=code or None)
    if code == REFUSAL:
        after_work = refusal_state(message) is JobState.REFUSED_RESULT
        return replace(failure, fault=Fault.REFUSED_RESULT if after_work else Fault.REFUSED)
    for start, fault in CODES:
        if code.startswith(start):
            return replace(failure, fault=fault)
    return replace(failure, fault=Fault.SERVER_ERROR) if response.is_success else failure
