"""The Router: what applications hold. Configuration and plugins on top of the engine."""

from __future__ import annotations

import os
import random as random_module
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

from routercore import config as configuration
from routercore.engine.clock import Clock, SystemClock
from routercore.engine.collecting import SECONDS, Fate, OnCollected
from routercore.engine.engine import Engine, NoticeListener
from routercore.engine.kinds import KINDS, PARAMS, is_plain, wrong_kind
from routercore.engine.ledger import Ledger
from routercore.engine.models import ModelEntry
from routercore.engine.setup import LOCAL_CALLER, Caller, LedgerSetup, RouterSetup, StoreSetup
from routercore.engine.transport import default_transport
from routercore.engine.transport.base import Transport
from routercore.engine.wishes import refuse_imageless
from routercore.plugins import Contributions, PluginReport
from routercore.provider.options import nearest
from routercore.routing.estimates import Estimates
from routercore.routing.plan import Plan
from routercore.state.callers import open_caller_limits
from routercore.state.ledger import open_ledger
from routercore.state.memory import MemoryCache, MemoryUpstreamLimits
from routercore.values.errors import RequestError
from routercore.values.events import Observer, StreamItem
from routercore.values.images import ImageRequest, ImageResult, InputImage, ResponseFormat
from routercore.values.sizes import Size

Picture = InputImage | bytes | str | Path
"""What callers may give as a picture: one, its bytes, or the path of its file."""


def configured_ledger(ledger: LedgerSetup, store: StoreSetup) -> Ledger:
    """The ledger of a library: in memory unless its configuration says where."""
    return open_ledger(ledger)


class Router:
    """Routes image requests to providers.

    ::

        async with Router.auto() as router:
            result = await router.generate("a lighthouse at dusk")
            result.images[0].save("lighthouse.png")

    Make one and keep it: it holds connections, limits, caches and what it has learnt of each
    provider. It belongs to the event loop in which it is first used; from threads, use
    :class:`routercore.SyncRouter`.
    """

    def __init__(
        self,
        setup: RouterSetup,
        contributions: Contributions,
        *,
        transport: Transport | None = None,
        observers: Sequence[Observer] = (),
        clock: Clock | None = None,
        random: random_module.Random | None = None,
        ledger: Callable[[LedgerSetup, StoreSetup], Ledger] = configured_ledger,
    ) -> None:
        clock = clock or SystemClock()
        self.plugins: tuple[PluginReport, ...] = contributions.reports
        self.engine = Engine(
            setup,
            strategies=contributions.strategies,
            transport=transport or default_transport(setup.proxy),
            upstream_limits=MemoryUpstreamLimits(clock),
            caller_limits=open_caller_limits(setup.state, clock, setup.deadline),
            cache=MemoryCache(setup.cache, clock),
            ledger=ledger(setup.ledger, setup.store),
            observers=(*contributions.observers, *observers),
            clock=clock,
            random=random,
        )

    @classmethod
    def from_config(
        cls,
        source: str | Path | Mapping[str, Any],
        *,
        environ: Mapping[str, str] | None = None,
        plugins: Sequence[tuple[str, Any]] = (),
        **injected: Any,
    ) -> Self:
        """A router as a TOML file, or a mapping of the same structure, describes it.

        Args:
            source: path of the file, or the mapping.
            environ: where ``${NAME}`` is read from; the process's environment unless given.
            plugins: further plugins, as ``(name, module or object)``.
            injected: ``transport``, ``observers``, ``clock``, ``random``, ``ledger``.

        Raises:
            ConfigError: lists every mistake, each with its place.
            PluginError: two plugins claim one name.
        """
        environ = os.environ if environ is None else environ
        loaded = configuration.load(source, environ, plugins)
        return cls(loaded.setup, loaded.contributions, **injected)

    @classmethod
    def auto(
        cls,
        *,
        environ: Mapping[str, str] | None = None,
        plugins: Sequence[tuple[str, Any]] = (),
        **injected: Any,
    ) -> Self:
        """A router over every installed provider whose key variable is set, and ``test``."""
        return cls.from_config({}, environ=environ, plugins=plugins, **injected)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection, and the ledger. Await your requests before.

        One that is still running loses the exchange that it is in, which may be paid for all the
        same. One between two exchanges goes on, over connections that nobody closes any more.
        """
        await self.engine.close()

    async def generate(
        self,
        request: ImageRequest | str,
        *,
        caller: Caller = LOCAL_CALLER,
        on_notice: NoticeListener | None = None,
        request_id: str | None = None,
        **settings: Any,
    ) -> ImageResult:
        """Make images from a prompt, or do whatever the request says.

        Args:
            request: a request, or a prompt that ``settings`` go with: ``model`` (``test/test``
                unless given), ``size="1024x1024"``, ``quality``, ``n``, ``seed`` and every other
                field of :class:`ImageRequest`; pictures as for :meth:`edit`.
            caller: on whose behalf; limits, cache and model visibility go by it.
            on_notice: told of progress as it happens, with the target's name.
            request_id: the id to use; made up unless given.

        Raises:
            RouterError: it could not be done; see :mod:`routercore.values.errors`.
        """
        _refuse_beside(caller, request_id, on_notice)
        listener = on_notice or (lambda target, notice: None)
        asked = make_request(request, **settings)
        return await self.engine.generate(asked, caller, on_notice=listener, request_id=request_id)

    async def edit(
        self,
        prompt: str,
        images: Picture | Sequence[Picture],
        *,
        mask: Picture | None = None,
        **settings: Any,
    ) -> ImageResult:
        """Make images from a prompt and pictures.

        Args:
            prompt: what to do with them.
            images: pictures, their bytes, or paths of files; one of them may stand alone.
            mask: a picture whose fully transparent pixels say what to change.
            settings: as for :meth:`generate`.

        Raises:
            RouterError: it could not be done.
            OSError: a file cannot be read.
        """
        pictures = () if images is None else _inputs("images", images)
        refuse_imageless(pictures)
        return await self.generate(prompt, images=pictures, mask=mask, **settings)

    def stream(
        self,
        request: ImageRequest | str,
        *,
        caller: Caller = LOCAL_CALLER,
        request_id: str | None = None,
        **settings: Any,
    ) -> AsyncIterator[StreamItem]:
        """As :meth:`generate`, with intermediate images before the completed result."""
        _refuse_beside(caller, request_id)
        return self.engine.stream(make_request(request, **settings), caller, request_id=request_id)

    def plan(
        self, request: ImageRequest | str, *, caller: Caller = LOCAL_CALLER, **settings: Any
    ) -> Plan:
        """What would be tried, in which order, at what price, and why not the rest.

        Makes no network call and changes nothing.
        """
        _refuse_beside(caller)
        return self.engine.plan(make_request(request, **settings), caller)

    def estimate(
        self, request: ImageRequest | str, *, caller: Caller = LOCAL_CALLER, **settings: Any
    ) -> Estimates:
        """What it may cost: low, expected and high at each target that could do it.

        Makes no network call, spends nothing and changes nothing. A price that nobody knows is
        ``None``; what the route's ``unknown_price`` and any ``max_price`` keep out is among the
        rejected, with the reason.

        Raises:
            RequestError: a price is unknown, and ``unknown_price`` is ``error``.
        """
        _refuse_beside(caller)
        return self.engine.estimate(make_request(request, **settings), caller)

    def models(self, *, caller: Caller = LOCAL_CALLER) -> list[ModelEntry]:
        """Every model that can be asked for, once, with all targets that serve it."""
        return self.engine.models(caller)

    async def collect(
        self, on_collected: OnCollected, *, seconds: float = SECONDS, even_if_leased: bool = False
    ) -> dict[Fate, int]:
        """Deliver the pictures of accepted jobs that nobody waits for any more.

        Such are left on the ledger by processes that died, and by requests that ended before their
        job did. Nothing is ever submitted again. See
        :meth:`routercore.engine.collecting.Collector.collect` for the arguments, and for what is
        asked of ``on_collected``.
        """
        return await self.engine.collector.collect(
            on_collected, seconds=seconds, even_if_leased=even_if_leased
        )

    def on_late_result(self, take: OnCollected | None) -> None:
        """Hand the pictures of jobs that end after their request to ``take``, as they come.

        Such jobs are waited for ``[router] late_results`` seconds, where the vendor did not call
        them off. Without ``take`` they are left to :meth:`collect`.
        """
        self.engine.collector.on_late = take

    def authenticate(self, secret: str) -> Caller | None:
        """The configured caller that a key stands for, or ``None``."""
        return self.engine.authenticate(secret)


DEFAULT_MODEL = "test/test"
SETTINGS = frozenset(field.name for field in fields(ImageRequest)) - {"prompt"}


def make_request(request: ImageRequest | str, **settings: Any) -> ImageRequest:
    """A request out of a prompt and settings.

    A size may be text, a picture its bytes or the path of its file; ``None`` and ``auto`` ask for
    nothing, but a model may be called ``auto``. The rest is checked where it is asked for.

    Raises:
        RequestError: a size or a response format is none, or a picture is nothing that can be one.
        TypeError: a setting does not exist, or comes beside a whole request.
        OSError: a file cannot be read.
    """
    if isinstance(request, ImageRequest):
        if settings:
            raise TypeError(f"give a request or settings, not both: {', '.join(settings)}")
        return request
    for name in settings.keys() - SETTINGS:
        raise TypeError(_no_setting(name))
    asked = {
        name: _READERS[name](name, value) if name in _READERS else value
        for name, value in settings.items()
        if value is not None and (name == "model" or not _is_auto(value))
    }
    return ImageRequest(prompt=request, **{"model": DEFAULT_MODEL, **asked})


def _is_auto(value: object) -> bool:
    return isinstance(value, str) and value == "auto"


def _refuse_beside(caller: object, request_id: object = None, on_notice: object = None) -> None:
    """Refuse what is given beside a request, where it is nothing of the kind."""
    if not isinstance(caller, Caller):
        raise wrong_kind("caller", "a Caller", caller)
    if request_id is not None and not (isinstance(request_id, str) and is_plain(request_id)):
        raise wrong_kind("request_id", "plain text", request_id)
    if on_notice is not None and not callable(on_notice):
        raise wrong_kind("on_notice", "something that can be called", on_notice)


def _no_setting(name: str) -> str:
    return f"there is no setting {name!r}{nearest(name, SETTINGS)}"


def _size(name: str, value: Any) -> Any:
    try:
        return Size.parse(value) if isinstance(value, str) else value
    except ValueError as error:
        raise RequestError(str(error), param=name, code="invalid_value") from None


def _form(name: str, value: Any) -> Any:
    try:
        return ResponseFormat(value)
    except ValueError:
        raise wrong_kind(name, KINDS[ResponseFormat].takes, value) from None


def _inputs(name: str, images: Any) -> tuple[InputImage, ...]:
    if isinstance(images, Picture):
        return (_input(PARAMS[name], images),)
    if not isinstance(images, Iterable) or isinstance(images, Mapping):
        raise wrong_kind(PARAMS[name], KINDS[tuple[InputImage, ...]].takes, images)
    return tuple(_input(PARAMS[name], image) for image in images)


def _input(name: str, image: Any) -> InputImage:
    match image:
        case InputImage():
            return image
        case bytes():
            return InputImage.of(image)
        case str() | Path() if is_plain(str(image)):
            return InputImage.open(image)
        case _:
            raise wrong_kind(name, KINDS[InputImage].takes, image)


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "size": _size, "response_format": _form, "images": _inputs, "mask": _input, "markup": _input,
}  # fmt: skip
