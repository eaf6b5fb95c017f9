"""What error answers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routercore.provider import Fault, HttpResponse, classify_openai


def answer(status: int, body: Any, **headers: str) -> HttpResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status=status, headers=headers, body=data)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, {"type": "invalid_request_error"}, Fault.INVALID_REQUEST),
        (400, {"code": "billing_hard_limit_reached"}, Fault.QUOTA),
        (400, {"code": "content_policy_violation"}, Fault.REFUSED),
        (401, {"type": "invalid_request_error", "code": "invalid_api_key"}, Fault.UNAUTHENTICATED),
        (401, {"type": "invalid_request_error"}, Fault.UNAUTHENTICATED),
        (403, {"type": "invalid_request_error"}, Fault.FORBIDDEN),
        (404, {"type": "invalid_request_error"}, Fault.MODEL_NOT_FOUND),
        (400, {"code": "model_not_found"}, Fault.MODEL_NOT_FOUND),
        (429, {"code": "insufficient_quota"}, Fault.QUOTA),
        (429, {"type": "tokens", "code": "rate_limit_exceeded"}, Fault.RATE_LIMITED),
        (500, {"type": "invalid_request_error"}, Fault.SERVER_ERROR),
        (503, {"code": "slow_down"}, Fault.OVERLOADED),
        (307, {}, Fault.REDIRECTED),
        (418, {}, Fault.UNSUPPORTED),
        (501, {}, Fault.UNSUPPORTED),
        (599, {}, Fault.SERVER_ERROR),
    ],
)
def test_codes_decide_before_statuses(status: int, error: Any, expected: Fault) -> None:
    """A telling code wins over the status; a vague type does not."""
    assert expected == classify_openai(answer(status, {"error": error})).fault


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        ({"error": {"message": "wrong size", "param": "size"}}, "wrong size", "size"),
        ({"error": {"message": "no image", "param": "image[]"}}, "no image", "image"),
        ({"error": {"message": "wrong size", "param": ""}}, "wrong size", None),
        ({"message": "wrong size"}, "wrong size", None),
        ({"error": "wrong size"}, "wrong size", None),
        ({"detail": "wrong size"}, "wrong size", None),
        ({"detail": [{"loc": ["body", "n"], "msg": "too many"}]}, "n: too many", "n"),
        (b"wrong size", "wrong size", None),
        (b" <!doctype html><h1>Nope</h1>", "HTTP 400", None),
        (b"", "HTTP 400", None),
    ],
)
def test_message_and_param(body: Any, message: str, param: str | None) -> None:
    """The words of an error are found in every common shape; a web page is none."""
    failure = classify_openai(answer(400, body))
    assert message == failure.message
    assert param == failure.param


def test_refusal_keeps_the_categories() -> None:
    """A refusal says what was found."""
    error = {"code": "moderation_blocked", "moderation_details": {"categories": ["violence"]}}
    assert classify_openai(answer(400, {"error": error})).categories == ("violence",)


def test_waits_are_read_from_the_headers() -> None:
    """Milliseconds are finer than seconds."""
    response = answer(429, {}, **{"retry-after": "2", "retry-after-ms": "1250"})
    assert classify_openai(response).retry_after == 1.25
