"""HTTP as the vendors' servers read and write it: requests with their forms, answers, sockets."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from python_multipart import parse_form
from tests import wire
from tests.vendors.shape import File

from routercore.values.images import sniff_format


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """The body as JSON; ``None`` if it is none, or is not said to be."""
        if self.headers.get("content-type", "").partition(";")[0] != "application/json":
            return None
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def form(self) -> dict[str, Any]:
        """The fields of a multipart form: text, files, and lists of what comes more than once."""
        values: dict[str, list[Any]] = {}
        if not self.headers.get("content-type", "").startswith("multipart/form-data"):
            return {"(body)": "not multipart/form-data"}
        parse_form(
            {"Content-Type": self.headers["content-type"].encode()},  # type: ignore[dict-item]
            io.BytesIO(self.body),
            lambda one: values.setdefault(_name(one.field_name), []).append(
                (one.value or b"").decode()
            ),
            lambda one: values.setdefault(_name(one.field_name), []).append(
                File(_name(one.file_name), _contents(one.file_object))
            ),
        )
        return {name: found if len(found) > 1 else found[0] for name, found in values.items()}


def _name(raw: bytes | None) -> str:
    return (raw or b"").decode()


def _contents(file: Any) -> bytes:
    file.seek(0)
    return bytes(file.read())


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: JSON, or bytes with the media type that they are."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def streamed(*events: tuple[str | None, Any]) -> Reply:
    """An answer of server-sent events, each with its name or none, and its JSON."""
    text = "".join(
        (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"
        for name, data in events
    )
    return Reply(200, text.encode(), {"content-type": "text/event-stream"})


async def read(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection, or ``None`` at its end."""
    found = await wire.read(reader)
    if found is None:
        return None
    parts = urlsplit(found.path)
    query = dict(parse_qsl(parts.query))
    return Request(found.method, parts.path, query, found.headers, found.body)


async def write(writer: asyncio.StreamWriter, reply: Reply) -> None:
    """Send an answer."""
    is_bytes = isinstance(reply.body, bytes)
    body = reply.body if is_bytes else json.dumps(reply.body).encode()
    kind = f"image/{sniff_format(body) or 'svg+xml'}" if is_bytes else "application/json"
    await wire.write(writer, reply.status, {"content-type": kind, **reply.headers}, body)
