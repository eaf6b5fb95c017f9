"""What the servers of all vendors share: sockets, routes, scripts, invoices and a picture host.

A vendor is a class in a module of its own, written from what the vendor documents and without a
look at the provider that is to be tested with it. What a request's prompt says is what happens to
it: ``rate limit``, ``refuse``, ``fail`` and ``expire``; anything else succeeds.
"""

from __future__ import annotations

import asyncio
import base64
import io
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Self, TypeVar

from PIL import Image
from tests.vendors.shape import Check, Problem, problems
from tests.vendors.wire import Reply, Request, read, write

from routercore.values.faults import Fault
from routercore.values.images import sniff_format

Handler = TypeVar("Handler", bound=Callable[..., Any])


@cache
def picture(
    size: str = "512x512", format: str = "png", number: int = 0, mode: str = "RGB"
) -> bytes:
    """A picture; each number has a colour of its own."""
    width, height = map(int, size.split("x"))
    kind = {"jpg": "jpeg"}.get(format.lower(), format.lower())
    buffer = io.BytesIO()
    Image.new(mode, (width, height), (40 + 30 * number % 200, 90, 160)).save(buffer, kind)
    return buffer.getvalue()


def pixels(ratio: str, megapixels: float = 1.0) -> str:
    """About so many pixels in the shape of ``3:2`` or ``3x2``; what vendors make of a ratio."""
    width, height = map(float, ratio.replace("x", ":").split(":"))
    side = math.sqrt(megapixels * 1024 * 1024 / (width * height))
    return "x".join(str(max(16, round(one * side / 16) * 16)) for one in (width, height))


@cache
def mask(size: str = "512x512") -> bytes:
    """A mask as callers give it: the left half, which may change, is transparent."""
    width, height = map(int, size.split("x"))
    image = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


class Answered(Exception):
    """Ends a handler early."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


@dataclass(slots=True)
class Job:
    """Work that was accepted and is asked for later."""

    id: str
    prompt: str
    facts: Mapping[str, Any]
    polls: int = 0

    @property
    def is_done(self) -> bool:
        return self.polls >= 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One thing that a vendor can be asked for, in words that it takes as they are."""

    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the target."""
    images: int = 0
    are_hosted: bool = False
    """Whether the images are given by their URLs."""
    has_mask: bool = False
    cost: str | None = None
    """US dollars that it comes to, where the vendor or a price list says so."""
    basis: str = "table"
    calls: int = 1
    """Billed requests that it takes: more where the vendor makes one image at a time."""
    warnings: tuple[str, ...] = ()
    """Settings that this vendor cannot honour to the letter."""


def on(method: str, path: str, *, open: bool = False) -> Callable[[Handler], Handler]:
    """Route requests to a method; ``{name}`` is one step of the path, ``{name...}`` the rest.

    Args:
        method: of HTTP.
        path: from the root.
        open: whether it is answered without a credential.
    """
    steps = re.sub(r"\\\{(\w+)\\\.\\\.\\\.\\\}", r"(?P<\1>.+)", re.escape(path))
    steps = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/:]+)", steps)

    def mark(handler: Handler) -> Handler:
        handler.route = (method, re.compile(steps), open)  # type: ignore[attr-defined]
        return handler

    return mark


class Vendor(ABC):
    """A vendor's server on loopback. Subclasses say what it is like."""

    plugin: ClassVar[str]
    """The provider that speaks to it."""
    label: ClassVar[str] = ""
    """What tells it apart where one provider speaks to several; the plugin's name unless given."""
    key: ClassVar[str] = "key-of-the-account"
    credential: ClassVar[tuple[str, str]] = ("authorization", "Bearer {key}")
    """The header that must carry the key, and how."""
    works: ClassVar[Mapping[str, Work]]
    """What it can be asked for; ``generate`` first."""
    instead: ClassVar[Mapping[str, Reply]] = {}
    """What it answers at once where the prompt has these words."""
    refusals: ClassVar[Mapping[str, Fault]] = {"refuse": Fault.REFUSED}
    """Prompts that content policy stops, each in another way, and what that means."""
    failures: ClassVar[Mapping[str, Fault]] = {"fail": Fault.SERVER_ERROR}
    """Prompts at which the vendor breaks, each in another way, and what that means."""
    wrong_key: ClassVar[Fault] = Fault.UNAUTHENTICATED
    retry_after: ClassVar[float | None] = 2.0
    """Seconds that its rate limit names."""
    streams: ClassVar[tuple[str, ...]] = ()
    """Those of its works that it also does with pictures in between."""
    is_host: ClassVar[bool] = False
    """Whether results are URLs, which can expire."""
    gone: ClassVar[Reply] = Reply(403, b"<Error><Code>AccessDenied</Code></Error>")

    def __init__(self) -> None:
        self.received: list[Request] = []
        self.complaints: list[str] = []
        """Requests that no client of this vendor should make, and why."""
        self.invoices = 0
        self.made: list[bytes] = []
        self.drafts: list[bytes] = []
        self.jobs: dict[str, Job] = {}
        self.is_stalled = False
        """Whether its jobs stay where they are."""
        self.polled = asyncio.Event()
        self.called_off: list[str] = []
        """The jobs that it was told to stop, as often as it was told."""
        self.origin = ""
        self.host_origin = ""
        """Where the pictures are: elsewhere, as at every vendor."""
        self._hosted: dict[str, bytes | None] = {}
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._servers: list[asyncio.Server] = []

    # What subclasses say.

    def settings(self) -> dict[str, Any]:
        """Further configuration of the provider."""
        return {}

    @abstractmethod
    def unauthorised(self) -> Reply:
        """The answer to a wrong key."""

    @abstractmethod
    def invalid(self, found: list[Problem]) -> Reply:
        """The answer to a body that it does not take."""

    def unknown(self, request: Request) -> Reply:
        """The answer on a path or model that it does not have."""
        return Reply(404, {"detail": "Not Found"})

    def admits(self, request: Request) -> bool:
        """Whether the request has the right credential."""
        name, form = self.credential
        return request.headers.get(name) == form.format(key=self.key)

    # What subclasses use.

    def accept(
        self, body: Any, fields: Mapping[str, Check], required: Iterable[str] = ()
    ) -> dict[str, Any]:
        """The body, if it is as the vendor demands."""
        found = problems(body, fields, required)
        if found:
            self.complain("; ".join(map(str, found)))
            raise Answered(self.invalid(found))
        return dict(body)

    def complain(self, message: str) -> None:
        """Note what a client did wrong."""
        self.complaints.append(message)

    def begin(self, prompt: str) -> None:
        """Bill for a request that is in order, unless its prompt has it end at once."""
        for words, reply in self.instead.items():
            if words in prompt:
                raise Answered(reply)
        self.invoices += 1

    def submit(self, prompt: str, **facts: Any) -> Job:
        """Accept work for later, and bill for it."""
        self.begin(prompt)
        job = Job(f"job-{len(self.jobs) + 1}", prompt, facts)
        self.jobs[job.id] = job
        return job

    def poll(self, id: str) -> Job | None:
        """The job, asked for once more: it is done the second time."""
        job = self.jobs.get(id)
        if job is not None and not self.is_stalled:
            job.polls += 1
        self.polled.set()
        return job

    def call_off(self, id: str) -> None:
        """Stop a job that there is."""
        if id not in self.jobs:
            self.complain(f"there is no job {id} to call off")
        self.called_off.append(id)

    def make(self, size: str = "1024x1024", format: str = "png", mode: str = "RGB") -> bytes:
        """Make one picture."""
        data = picture(size, format, len(self.made), mode)
        self.made.append(data)
        return data

    def encoded(self, size: str, format: str) -> str:
        """One more picture in base64."""
        return base64.b64encode(self.make(size, format)).decode()

    def draft(self, size: str, format: str) -> str:
        """A picture on the way to one, in base64."""
        self.drafts.append(picture(size, format, 5 + len(self.drafts)))
        return base64.b64encode(self.drafts[-1]).decode()

    def host(self, prompt: str, data: bytes) -> str:
        """A URL of the picture, which cannot be read if the prompt says ``expire``."""
        name = f"/cdn/{len(self._hosted)}.{sniff_format(data)}"
        self._hosted[name] = None if "expire" in prompt else data
        return f"{self.host_origin}{name}?signature=of-the-host"

    def hosted(self, url: str) -> bytes | None:
        """The picture behind a URL, if it is there."""
        return self._hosted.get(url.removeprefix(self.host_origin).partition("?")[0])

    # How it serves.

    async def __aenter__(self) -> Self:
        self.origin, self.host_origin = await self._start(), await self._start()
        return self

    async def _start(self) -> str:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**24)
        self._servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        connections = dict(self._connections)
        for writer in connections:
            writer.transport.abort()
        await asyncio.gather(*filter(None, connections.values()))
        for server in self._servers:
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections[writer] = asyncio.current_task()
        try:
            while (request := await read(reader)) is not None:
                self.received.append(request)
                await write(writer, self._reply(request))
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            del self._connections[writer]
            writer.close()

    def _reply(self, request: Request) -> Reply:
        if request.path in self._hosted:
            return self._hosted_reply(request)
        try:
            return self._handled(request)
        except Answered as early:
            return early.reply
        except Exception as error:
            self.complain(f"this server broke at {request.path}: {error!r}")
            raise

    def _handled(self, request: Request) -> Reply:
        for name in dir(type(self)):
            handler = getattr(type(self), name)
            method, path, is_open = getattr(handler, "route", ("", None, False))
            match = path.fullmatch(request.path) if path and method == request.method else None
            if match is None:
                continue
            if not is_open and not self.admits(request):
                return self.unauthorised()
            reply: Reply = handler(self, request, **match.groupdict())
            return reply
        self.complain(f"there is no {request.method} {request.path}")
        return self.unknown(request)

    def _hosted_reply(self, request: Request) -> Reply:
        name, form = self.credential
        if form.format(key=self.key) in request.headers.get(name, ""):
            self.complain("the credential was sent to the host of the pictures")
        data = self._hosted[request.path]
        if request.method != "GET" or request.query != {"signature": "of-the-host"}:
            self.complain(f"the picture was asked for by {request.method} {request.query}")
        return self.gone if data is None else Reply(200, data)
