"""What error answers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routercore.provider import Fault, HttpResponse, classify_openai, classify_status


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


@pytest.mark.parametrize(
    ("details", "message", "expected"),
    [
        (None, "Refused.", (Fault.REFUSED, (), "unknown")),
        (None, "safety_violations=[violence, 'self-harm'].",
         (Fault.REFUSED, ("violence", "self-harm"), "unknown")),
        (None, "safety_violations=[].", (Fault.REFUSED, (), "unknown")),
        ({"categories": ["sexual"], "moderation_stage": "input"}, "safety_violations=[violence]",
         (Fault.REFUSED, ("sexual",), "input")),
        ({"moderation_stage": "output"}, "x", (Fault.REFUSED_RESULT, (), "output")),
        ({"moderation_stage": ["input"]}, "x", (Fault.REFUSED, (), "unknown")),
        ("none", "x", (Fault.REFUSED, (), "unknown")),
    ],
)  # fmt: skip
def test_refusals_by_stage(details: Any, message: str, expected: object) -> None:
    """Categories are read where the vendor has them, and a stage is not guessed."""
    error = {"code": "moderation_blocked", "message": message, "moderation_details": details}
    failure = classify_openai(answer(400, {"error": error}))
    assert expected == (failure.fault, failure.categories, failure.stage)


def test_waits_are_read_from_the_headers() -> None:
    """Milliseconds are finer than seconds."""
    response = answer(429, {}, **{"retry-after": "2", "retry-after-ms": "1250"})
    assert classify_openai(response).retry_after == 1.25


STATUSES = {
    Fault.REDIRECTED: (300, 302, 307, 399),
    Fault.INVALID_REQUEST: (400, 422),
    Fault.UNAUTHENTICATED: (401,),
    Fault.QUOTA: (402,),
    Fault.FORBIDDEN: (403,),
    Fault.MODEL_NOT_FOUND: (404, 410),
    Fault.REQUEST_TIMEOUT: (408,),
    Fault.CONFLICT: (409,),
    Fault.RATE_LIMITED: (429,),
    Fault.REFUSED: (451,),
    Fault.UNSUPPORTED: (405, 413, 415, 418, 499, 501),
    Fault.SERVER_ERROR: (500, 505, 507, 599, 600),
    Fault.GATEWAY: (502, 504, 520, 524),
    Fault.OVERLOADED: (425, 503, 521, 522, 523, 525, 526, 529),
}


@pytest.mark.parametrize(
    ("status", "fault"), [(one, fault) for fault, some in STATUSES.items() for one in some]
)
def test_what_a_status_means(status: int, fault: Fault) -> None:
    """Each status that vendors send has one meaning, in an answer and inside a stream."""
    assert (fault, status) == (
        classify_status(answer(status, {})).fault, classify_openai(answer(status, {})).status
    )  # fmt: skip
    if 400 <= status < 600:
        for body in ({"error": {"status": status}}, {"error": {"code": status}},
                     {"error": {"message": "x"}, "status": status},
                     {"error": {"message": "x"}, "code": status}):  # fmt: skip
            assert fault == classify_openai(answer(200, body)).fault
    else:
        inside = classify_openai(
            answer(200, {"error": {"status": status, "type": "permission_error"}})
        )
        assert Fault.FORBIDDEN == inside.fault


WORDS = {
    Fault.REFUSED: (
        "moderation_blocked", "content_policy_violation", "content_filter",
        "image_content_policy_violation", "content_moderation", "request_moderated",
        "sensitive_words_detected",
    ),
    Fault.QUOTA: (
        "insufficient_quota", "billing_hard_limit_reached", "credit_balance_exhausted",
        "insufficient_credits", "insufficient_user_quota", "deposit_required",
    ),
    Fault.MODEL_NOT_FOUND: ("model_not_found",),
    Fault.UNAUTHENTICATED: ("invalid_api_key",),
    Fault.RATE_LIMITED: ("rate_limit_error", "rate_limit_exceeded"),
    Fault.OVERLOADED: ("slow_down", "server_is_overloaded", "service_unavailable_error"),
}  # fmt: skip
VAGUE_WORDS = {
    Fault.INVALID_REQUEST: (
        "invalid_request_error", "image_generation_user_error", "unknown_parameter",
        "invalid_value",
    ),
    Fault.UNAUTHENTICATED: ("unauthorized", "authentication_error"),
    Fault.FORBIDDEN: ("access_denied", "permission_error"),
}  # fmt: skip


@pytest.mark.parametrize("place", ["code", "type"])
@pytest.mark.parametrize(
    ("word", "fault"), [(word, fault) for fault, words in WORDS.items() for word in words]
)
def test_words_that_tell(word: str, fault: Fault, place: str) -> None:
    """A telling word decides under any status, as code and as type."""
    for status in (200, 409, 500):
        failure = classify_openai(answer(status, {"error": {place: word}}))
        assert (fault, word, status) == (failure.fault, failure.code, failure.status)


@pytest.mark.parametrize("place", ["code", "type"])
@pytest.mark.parametrize(
    ("word", "fault"), [(word, fault) for fault, words in VAGUE_WORDS.items() for word in words]
)
def test_words_that_are_vague(word: str, fault: Fault, place: str) -> None:
    """A vague word counts where no status says more; an unknown one is a server error."""
    for status in (200, 299):
        assert fault == classify_openai(answer(status, {"error": {place: word}})).fault
    for status in (199, 300, 409):
        assert fault != classify_openai(answer(status, {"error": {place: word}})).fault
    assert Fault.SERVER_ERROR == classify_openai(answer(200, {"error": {place: "what"}})).fault


def test_the_code_of_an_error() -> None:
    """Its code, or else its type; a hundred characters of it."""
    errors = [{"code": "c", "type": "t"}, {"type": "t"}, {"code": "c"}, {"message": "x"},
              {"code": "c" * 101}]  # fmt: skip
    codes = [classify_openai(answer(400, {"error": error})).code for error in errors]
    assert ["c", "t", "c", None, "c" * 100] == codes


@pytest.mark.parametrize(
    ("detail", "message", "param"),
    [
        ([{"loc": ["body", "n"], "msg": "big"}, {"loc": ["body", "mask", 0, "url"], "msg": "odd"}],
         "n: big; mask.0.url: odd", "n"),
        ([{"loc": ["body", "images", 0], "msg": "odd"}], "images.0: odd", "images.0"),
        ([{"loc": ["body"], "msg": "missing"}], "body: missing", "body"),
        ([{"msg": "wrong"}, {"loc": ["n"], "msg": "big"}], "wrong; n: big", None),
        ([{"loc": ["n"]}], "n: ", "n"),
        ("wrong", "wrong", None),
    ],
)  # fmt: skip
def test_details(detail: Any, message: str, param: str | None) -> None:
    """FastAPI's problems are listed with their fields, in the envelope and without it."""
    for body in ({"detail": detail}, {"error": {"detail": detail}}):
        failure = classify_openai(answer(422, body))
        assert (message, param) == (failure.message, failure.param)


def test_details_beside_an_error() -> None:
    """Where the envelope has no words, those beside it are taken."""
    body = {"error": {"code": "odd"}, "detail": "wrong"}
    assert "wrong" == classify_openai(answer(422, body)).message


def test_no_details_are_no_words() -> None:
    """An empty list of problems says nothing: the message is the body."""
    assert '{"detail": []}' == classify_openai(answer(422, {"detail": []})).message


def test_a_message_has_an_end() -> None:
    """Five hundred characters of what was said; what was said is better than the body."""
    assert "x" * 500 == classify_status(answer(500, b"x" * 501)).message
    assert "y" == classify_status(answer(500, b"x"), "y").message


@pytest.mark.parametrize("absurd", ["²", "9" * 400, "9" * 5000, "nan", "-1", "soon", ""])
def test_absurd_waits_are_none(absurd: str) -> None:
    """Whatever a header says, it is read or passed over; the plainer header counts then."""
    assert (
        answer(429, {}, **{"retry-after": absurd, "retry-after-ms": absurd}).retry_after() is None
    )
    assert 2.0 == answer(429, {}, **{"retry-after": " 2", "retry-after-ms": absurd}).retry_after()
