"""A router served on a real socket, in a thread."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from routercore.engine.setup import ProviderSetup, Route, RouterSetup, StoreSetup, TargetSetup
from routercore.plugins import load_plugins
from routercore.provider import Form, MaskPolarity, ModelCard, Operation, Row, bearer
from routercore.provider.row import UNKNOWN_TO_OPENAI
from routercore.router import Router
from routercore.server import create_app
from routercore.server.serving import uvicorn_settings
from routercore.values.money import usd
from routercore.values.sizes import SizeRange

KEY = "sk-upstream-secret-0123456789"
MODEL = "poster"


def card(name: str = MODEL, **changes: Any) -> ModelCard:
    """A model that can do almost everything."""
    settings: dict[str, Any] = {
        "id": name,
        "operations": frozenset(Operation),
        "sizes": SizeRange(min_edge=16, max_edge=2048, default="64x64"),
        "qualities": ("low", "high"),
        "formats": ("png",),
        "choose_format": False,
        "forms": (Form.BASE64,),
        "max_n": 4,
        "max_images": 16,
        "mask": MaskPolarity.ALPHA,
        "prices": (usd("0.02"),),
        "latency": 1.0,
        **changes,
    }
    return ModelCard(**settings)


def provider(name: str, base_url: str, *cards: ModelCard, **more: Any) -> ProviderSetup:
    """A service that speaks the Images API, at ``base_url``."""
    row = Row(
        name=name, auth=bearer("KEY"), origins=(base_url,), cards=cards or (card(),),
        setting_fields={name: name for name in UNKNOWN_TO_OPENAI},
    )  # fmt: skip
    return ProviderSetup(name=name, provider=row, keys=(KEY,), base_url=base_url, **more)


def route(*providers: str, **more: Any) -> Route:
    """The model over those providers, in that order."""
    targets = tuple(TargetSetup(name=f"{name}:{MODEL}") for name in providers)
    return Route(name=MODEL, targets=targets, **more)


def setup(directory: Path, *providers: ProviderSetup, **more: Any) -> RouterSetup:
    """A router's setup with an image store in ``directory``."""
    settings: dict[str, Any] = {"store": StoreSetup(directory=directory), **more}
    return RouterSetup(providers=providers, **settings)


def router_of(what: RouterSetup, **injected: Any) -> Router:
    """A router over a setup made by hand."""
    return Router(what, load_plugins(), **injected)


@contextmanager
def served(router: Router, **more: Any) -> Iterator[httpx2.Client]:
    """A client of the router's server, which runs until the context is left."""
    app = create_app(router, owns_router=True, **more)
    with listening(app) as url, httpx2.Client(base_url=url, timeout=30) as client:
        yield client


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """The URL of an application under uvicorn, on a free port."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, **uvicorn_settings("error"))
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.listens.wait(60)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()
