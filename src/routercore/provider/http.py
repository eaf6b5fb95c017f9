"""HTTP as providers see it: plain values, whatever the engine's transport is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from routercore.values.images import InputImage


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart form; a part with a ``filename`` is a file."""

    name: str
    data: bytes | str = field(repr=False)
    filename: str | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One HTTP request, unsigned: at most one of ``json``, ``form`` and ``content`` is the body."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = field(default=None, repr=False)
    form: Sequence[Part] | None = field(default=None, repr=False)
    """Sent as multipart/form-data, also when no part is a file."""
    content: bytes | None = field(default=None, repr=False)
    billable: bool | None = None
    """Whether the vendor bills for it; ``None`` means: if it is a POST."""

    @property
    def is_billable(self) -> bool:
        return self.method == "POST" if self.billable is None else self.billable

    @property
    def origin(self) -> str:
        """Scheme, host and port: ``https://api.example.com`` or ``http://127.0.0.1:8000``."""
        return origin_of(self.url)

    def with_headers(self, headers: Mapping[str, str]) -> HttpRequest:
        return replace(self, headers={**self.headers, **headers})


def get(url: str, *, query: Mapping[str, str] | None = None, **headers: str) -> HttpRequest:
    """A GET; keyword arguments are headers, with ``_`` for ``-``."""
    url = f"{url}?{urlencode(query)}" if query else url
    return HttpRequest(method="GET", url=url, headers=_dashed(headers))


def post_json(url: str, body: Any, *, billable: bool | None = None, **headers: str) -> HttpRequest:
    """A POST of JSON; keyword arguments are headers, with ``_`` for ``-``."""
    return HttpRequest(
        method="POST", url=url, json=body, headers=_dashed(headers), billable=billable
    )


def post_form(
    url: str, parts: Sequence[Part], *, billable: bool | None = None, **headers: str
) -> HttpRequest:
    """A POST of multipart/form-data; keyword arguments are headers, with ``_`` for ``-``."""
    return HttpRequest(
        method="POST", url=url, form=parts, headers=_dashed(headers), billable=billable
    )


def fields(values: Mapping[str, Any]) -> list[Part]:
    """Form parts of the values that are not ``None``: booleans in lower case, numbers in digits."""
    return [Part(name, _text(value)) for name, value in values.items() if value is not None]


def file_part(name: str, image: InputImage) -> Part:
    """A form's file out of a picture that the caller brings."""
    return Part(name, image.data, image.filename, image.media_type)


def compact(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without the entries that are ``None``."""
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """One whole HTTP response. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    url: str = ""
    received: float = 0.0
    """When it arrived, in seconds since 1970."""
    loads: Callable[[bytes], Any] = field(default=json.loads, repr=False, compare=False)
    """The engine's JSON reader, many times as fast as the standard library's on megabytes."""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: the body is not JSON; the engine makes that a ``reply_cut``.
        """
        return _read(self.loads, self.body)

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one if it is anything else. Never raises."""
        try:
            value = self.json()
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def text(self) -> str:
        """At most the first 2,000 characters, for messages."""
        return self.body[:2000].decode("utf-8", "replace")

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())

    def retry_after(self) -> float | None:
        """Seconds of ``Retry-After-Ms`` or ``Retry-After``; never negative, ``None`` if absurd."""
        told = self.header("retry-after") or ""
        for seconds in (
            _number(self.header("retry-after-ms") or "") / 1000,
            _number(told),
            _seconds_until(told, self.received),
        ):
            if 0 <= seconds < 1e9:
                return seconds
        return None


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event."""

    event: str
    data: str = field(repr=False)
    loads: Callable[[bytes], Any] = field(default=json.loads, repr=False, compare=False)

    def json(self) -> Any:
        """The data as JSON.

        Raises:
            ValueError: the data is not JSON.
        """
        return _read(self.loads, self.data.encode())


def _read(loads: Callable[[bytes], Any], data: bytes) -> Any:
    """JSON, with one exception for everything that is none, also for nesting without end."""
    try:
        return loads(data)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


@lru_cache(maxsize=1024)
def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, in lower case, without a default port."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = f":{parts.port}" if parts.port not in (None, default) else ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else (parts.hostname or "")
    return f"{parts.scheme}://{host}{port}"


def host_of(url: str) -> str:
    """The host of a URL; empty where it stands for none yet: ``.invalid`` leads nowhere (RFC 2606).

    >>> host_of("https://api.example.com/v1"), host_of("https://resource.invalid")
    ('api.example.com', '')
    """
    host = urlsplit(url).hostname or ""
    return "" if host.endswith(".invalid") else host


def origin_matches(origin: str, pattern: str) -> bool:
    """Whether an origin is the one of ``pattern``, which may say ``https://*.example.com``.

    >>> origin_matches("https://api.us1.bfl.ai", "https://*.bfl.ai")
    True
    >>> origin_matches("https://evilbfl.ai", "https://*.bfl.ai")
    False
    """
    wanted = origin_of(pattern)
    if "//*." not in wanted:
        return origin == wanted
    scheme, _, suffix = wanted.partition("//*")
    return origin.startswith(f"{scheme}//") and origin.endswith(suffix) and origin != wanted


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0


def _seconds_until(text: str, now: float) -> float:
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return -1.0
