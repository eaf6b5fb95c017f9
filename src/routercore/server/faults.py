"""Errors as HTTP answers: four keys, a true status, nothing that is not the client's to know."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from routercore.engine.setup import ProviderSetup
from routercore.routing.failing import MAX_RETRY_AFTER, REFUSALS, refused
from routercore.routing.policy import RULES
from routercore.values.errors import (
    AttemptsFailedError,
    LimitError,
    ModelNotFoundError,
    RefusedError,
    RequestError,
    RouterError,
    UnsupportedError,
)
from routercore.values.events import AttemptRecord
from routercore.values.faults import Failure, Fault
from routercore.values.limits import Admission

MAX_MESSAGE = 1500
"""Characters: enough for the reasons of many targets, too few for an upstream's HTML page."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)


class _Wrong(RequestError):
    """A request that is wrong in a way that has a status and a code of its own."""

    def __init_subclass__(cls, *, status: int, code: str, param: str | None = None) -> None:
        cls.status, cls.code, cls.param = status, code, param


class _Unable(RouterError):
    """503: nothing is wrong with the request, and a later one may be answered."""

    status = 503
    type = "service_unavailable_error"

    def __init_subclass__(cls, *, code: str, retry_after: float) -> None:
        cls.code, cls.retry_after = code, retry_after


class AuthenticationError(_Wrong, status=401, code="invalid_api_key"):
    """401: no key, or one that nobody has."""


class OutsideHoursError(_Wrong, status=403, code="key_not_allowed_now"):
    """403: a key that is good at other hours."""


class NotFoundError(_Wrong, status=404, code="not_found"):
    """404: the path, or what it names, does not exist."""


class MethodError(_Wrong, status=405, code="method_not_allowed"):
    """405: the path exists, for other methods."""

    def __init__(self, message: str, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


class GoneError(_Wrong, status=410, code="result_not_kept"):
    """410: it was there, and is not kept any more."""


class KeyReusedError(_Wrong, status=422, code="idempotency_key_reused", param="Idempotency-Key"):
    """422: an idempotency key that stands for another request."""


class LostError(RouterError):
    """409: the call was sent, and its answer was lost with the process that waited for it."""

    status = 409
    type = "server_error"
    code = "outcome_unknown"
    may_retry = False


class StoppingError(_Unable, code="server_is_stopping", retry_after=1.0):
    """503: the server takes no more requests, and this one was not begun."""

    def __init__(self) -> None:
        super().__init__("The server is stopping; another will be there in a moment. Try again.")


class HandedOverError(_Unable, code="job_handed_over", retry_after=5.0):
    """503: the server stops, and the upstream goes on with what it has accepted."""

    def __init__(self, *, has_key: bool) -> None:
        """``has_key``: whether asking again means this call, and not another one."""
        super().__init__(
            "The server stops while an upstream works on this. Its job, named in the header"
            " x-routercore-job, will have the result."
        )
        self.may_retry = None if has_key else False


class ElsewhereError(RouterError):
    """409: the call of this key is under way in another process."""

    status = 409
    type = "invalid_request_error"
    code = "idempotency_key_in_use"
    retry_after = 5.0


class TooLargeError(_Wrong, status=413, code="request_too_large"):
    """413: the body, or a part of it, is larger than allowed."""


class MediaTypeError(_Wrong, status=415, code="unsupported_media_type"):
    """415: a body that is neither JSON nor a form."""


class SlowBodyError(_Wrong, status=408, code="request_timeout"):
    """408: the body did not arrive in time."""


class BusyError(_Unable, code="server_is_overloaded", retry_after=1.0):
    """503: more is being worked on than the server holds in memory."""


class StoreDownError(_Unable, code="store_failed", retry_after=5.0):
    """503: where images are kept does not answer."""


class InternalError(RouterError):
    """500: a mistake of ours; the log has it under the request's id."""

    code = "internal_error"

    def __init__(self) -> None:
        super().__init__("The server made a mistake. Its log has it under this request's id.")


class Redactor:
    """Takes out of messages what clients have no business knowing: keys, hosts, control characters.

    Messages of attempts carry words of upstreams, which may quote anything.
    """

    def __init__(self, providers: Iterable[ProviderSetup]) -> None:
        words = {word for provider in providers for word in _private_words(provider)}
        longest_first = sorted(words, key=len, reverse=True)
        self._private = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def clean(self, text: str) -> str:
        """The message as a client may read it."""
        text = _URL.sub("[address]", self._private.sub("[hidden]", text))
        text = _CONTROL.sub(" ", text).encode("utf-8", "replace").decode()
        return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"

    def param(self, name: str | None) -> str | None:
        """A setting as it is called over HTTP, where options have another name."""
        if name is None:
            return None
        name = f"provider_{name}" if name.startswith("options.") else name
        return self.clean(name)[:128]


def _private_words(provider: ProviderSetup) -> Iterable[str]:
    """Keys, and the names of hosts that only this configuration knows or the vendor publishes."""
    yield from (key for key in provider.keys if key)
    for origin in (provider.base_url, *provider.provider.origins, *provider.result_origins):
        host = urlsplit(origin or "").hostname
        if host and "*" not in host:
            yield host


def error_body(error: RouterError, redactor: Redactor) -> dict[str, Any]:
    """The object under ``error``: always the four keys, sometimes more."""
    body: dict[str, Any] = {
        "message": redactor.clean(_pointed(error)),
        "type": error.type,
        "param": redactor.param(error.param),
        "code": error.code,
    }
    if isinstance(error, RefusedError):
        body["moderation_details"] = {
            "categories": [redactor.clean(word) for word in error.categories],
            "moderation_stage": error.stage,
        }
    if isinstance(error, UnsupportedError):
        body["rejections"] = [
            {
                "target": target,
                "param": redactor.param(reason.param),
                "message": redactor.clean(reason.message),
            }
            for target, reasons in error.rejections.items()
            for reason in reasons
        ]
    return body


def _pointed(error: RouterError) -> str:
    """The message; of a model that is not there, with where those are that are."""
    if not isinstance(error, ModelNotFoundError):
        return error.message
    stop = "" if error.message.endswith((".", "?")) else "."
    return f"{error.message}{stop} GET /v1/models lists what there is."


def attempt_bodies(attempts: Iterable[AttemptRecord], redactor: Redactor) -> list[dict[str, Any]]:
    """Every attempt that failed: at whom, why, and what was done next, for machines and people."""
    return [
        {
            "provider": attempt.target.partition(":")[0],
            "model": attempt.target.partition(":")[2],
            "code": RULES[attempt.failure.fault].code,
            "message": redactor.clean(attempt.failure.message),
            "next": attempt.move or "stop",
            "reason": redactor.clean(attempt.decision),
        }
        for attempt in attempts
        if attempt.failure is not None
    ]


def failure_body(failure: Failure, redactor: Redactor) -> dict[str, Any]:
    """The error object of one image that is missing from an answer with others.

    A refusal has the form that it has where the whole request was refused.
    """
    if failure.fault in REFUSALS:
        return error_body(refused(failure, ()), redactor)
    rule = RULES[failure.fault]
    return {
        "message": redactor.clean(failure.message),
        "type": "upstream_error",
        "param": redactor.param(failure.param),
        "code": rule.code,
    }


def error_headers(error: RouterError) -> Mapping[str, str]:
    """Whether and when to try again, in the words that official clients obey."""
    headers: dict[str, str] = {}
    is_lasting = isinstance(error, AttemptsFailedError) and error.is_lasting
    if error.retry_after is not None and not is_lasting:
        seconds = math.ceil(min(max(error.retry_after, 1.0), MAX_RETRY_AFTER))
        headers["retry-after"] = str(seconds)
    if error.may_retry is False or is_lasting:
        headers["x-should-retry"] = "false"
    if isinstance(error, AuthenticationError):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, MethodError):
        headers["allow"] = error.allow
    if isinstance(error, LimitError) and error.admission is not None:
        headers |= limit_headers(error.admission)
    if count := made(error.attempts):
        headers["x-routercore-attempts"] = str(count)
    return headers


def made(attempts: Iterable[AttemptRecord]) -> int:
    """How many attempts there were, without those that a budget had no room for."""
    faults = [attempt.failure.fault if attempt.failure else None for attempt in attempts]
    return sum(fault is not Fault.OVER_BUDGET for fault in faults)


def limit_headers(admission: Admission) -> Mapping[str, str]:
    """What is left of a caller's limits, as OpenAI says it."""
    headers = {}
    for name in ("requests", "images"):
        allowance = getattr(admission, name)
        if allowance is not None:
            headers[f"x-ratelimit-limit-{name}"] = str(allowance.limit)
            headers[f"x-ratelimit-remaining-{name}"] = str(allowance.remaining)
            headers[f"x-ratelimit-reset-{name}"] = duration(allowance.reset)
    return headers


def duration(seconds: float) -> str:
    """Seconds in the notation of Go, which OpenAI's headers use.

    >>> duration(0.25), duration(61), duration(60)
    ('250ms', '1m1s', '1m0s')
    """
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
