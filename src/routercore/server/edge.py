"""The outermost layer: an id for every request, and an answer in OpenAI's shape for every error."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from routercore.engine.jsons import dumps
from routercore.server import log
from routercore.server.answers import header_text
from routercore.server.bodies import ClientGoneError
from routercore.server.draining import Drain
from routercore.server.faults import (
    InternalError,
    MethodError,
    NotFoundError,
    Redactor,
    StoppingError,
    error_body,
    error_headers,
)
from routercore.values.errors import RequestError, RouterError

ID_KEY = "routercore.request_id"
REFERENCE_KEY = "routercore.reference"
"""What the client calls its request, if anything."""
_REFERENCE = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")


class Edge:
    """ASGI middleware; also what makes the application safe to mount in another one."""

    def __init__(self, app: ASGIApp, redactor: Redactor, drain: Drain) -> None:
        self._app = app
        self._redactor = redactor
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(send, _reference(scope["headers"]), self._drain)
        scope[ID_KEY], scope[REFERENCE_KEY] = exchange.id, exchange.reference
        try:
            if self._drain.is_on:
                raise StoppingError
            with self._drain.exchange():
                await self._app(scope, receive, exchange.send)
        except ClientGoneError:
            return
        except Exception as error:  # A face: the client is told, whatever it is.
            told = _as_router_error(error)
            if isinstance(told, InternalError):
                log.crashed(exchange.id, error)
            if exchange.is_answered:
                raise  # The server cuts the connection: a broken answer must not look whole.
            answer = self._answer(told)
            await answer(scope, receive, exchange.send)

    def _answer(self, error: RouterError) -> Response:
        body = dumps({"error": error_body(error, self._redactor)})
        headers = {name: header_text(value) for name, value in error_headers(error).items()}
        return Response(body, error.status, headers, media_type="application/json")


class _Exchange:
    """One request and what its answer gets on the way out."""

    def __init__(self, send: Send, reference: str | None, drain: Drain) -> None:
        self._send = send
        self._drain = drain
        self.reference = reference
        self._began = time.perf_counter()
        self.id = f"req_{secrets.token_hex(12)}"
        self.is_answered = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.is_answered = True
            milliseconds = round((time.perf_counter() - self._began) * 1000)
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", (self.reference or self.id).encode()),
                (b"openai-processing-ms", b"%d" % milliseconds),
            ]
            if self._drain.is_on:
                message["headers"].append((b"connection", b"close"))
        await self._send(message)


def _reference(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The id that the client gave its request; one that could not be one is passed over."""
    given = [value for name, value in headers if name == b"x-request-id"]
    return given[0].decode() if len(given) == 1 and _REFERENCE.fullmatch(given[0]) else None


def raise_again(request: Request, error: Exception) -> Response:
    """Hands Starlette's own errors on to the edge; of a method, with all that the path takes."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        takes = set[str]()
        for route in request.app.routes:
            if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
                takes |= route.methods or set()
        error.headers = {"Allow": ", ".join(sorted(takes))}
    raise error


def _as_router_error(error: Exception) -> RouterError:
    if isinstance(error, RouterError):
        return error
    return _of_framework(error) if isinstance(error, HTTPException) else InternalError()


def _of_framework(error: HTTPException) -> RouterError:
    if error.status_code == 404:
        there = "GET /openapi.json lists what there is."
        return NotFoundError(f"There is nothing at this path. {there}")
    if error.status_code == 405:
        allow = (error.headers or {}).get("Allow", "")
        return MethodError(f"This path takes {allow}.", allow)
    wrong = RequestError(str(error.detail), code="invalid_request")
    wrong.status = error.status_code
    return wrong
