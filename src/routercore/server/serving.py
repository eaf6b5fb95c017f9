"""The server: the application under uvicorn, in one process or several."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from routercore.engine.setup import RouterSetup
from routercore.router import Router
from routercore.server.app import create_app
from routercore.server.log import configured, listen
from routercore.server.reloading import Reloadable
from routercore.server.store import open_store, refuse_unusable
from routercore.state.places import default_directory, ledger_of, server_ledger
from routercore.values.errors import ConfigError

VARIABLE = "ROUTERCORE_SERVE"
"""How worker processes are told what to serve."""
WORKER = "routercore.server.serving:worker_app"
CLOSING_SECONDS = 2
"""How long connections may stay open once all requests have been seen to."""


def serve(
    config: str | Path | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int = 1,
    allow_anonymous: bool = False,
    log_level: str = "warning",
) -> None:
    """Serve until told to stop.

    Args:
        config: the configuration file; installed providers whose key is set unless given.
        host: the address to bind; ``[server] host``, else this machine alone, unless given.
        port: ``[server] port``, else 8000, unless given; 0 takes a free one.
        workers: processes. Caches are each process's own, and so are limits without ``[state]``.
        allow_anonymous: bind beyond this machine although no caller key is configured.
        log_level: of events and of uvicorn; ``info`` has a line for each request.

    Raises:
        ConfigError: the configuration is wrong, would serve strangers, or no image can be kept.
    """
    named = str(config) if config is not None else None
    setup = _router(named, host, allow_anonymous=allow_anonymous).engine.setup
    host = host or setup.server.host
    told = {"config": named, "host": host, "allow_anonymous": allow_anonymous}
    os.environ[VARIABLE] = json.dumps({"what": told, "log_level": log_level})
    settings: dict[str, Any] = {
        "factory": True,
        "host": host,
        "port": setup.server.port if port is None else port,
        **uvicorn_settings(log_level),
    }
    if workers == 1:
        uvicorn.run(WORKER, **settings)
    else:
        what = uvicorn.Config(WORKER, workers=workers, **settings)
        _Workers(what, [what.bind_socket()]).run()


class _Workers(Multiprocess):
    """Worker processes under a parent that passes signals on, also those that come as they end."""

    def handle_hup(self) -> None:
        for worker in self.processes:
            if worker.pid is not None:
                os.kill(worker.pid, signal.SIGHUP)

    def join_all(self) -> None:
        for worker in self.processes:
            while worker.process.is_alive():
                worker.process.join(0.1)
                self._pass_on()

    def _pass_on(self) -> None:
        again, self.signal_queue = self.signal_queue, []
        if again:
            for worker in self.processes:
                if worker.process.is_alive():
                    worker.process.terminate()


def uvicorn_settings(log_level: str) -> Mapping[str, Any]:
    """What suits large answers that take long."""
    return {
        "log_level": log_level,
        "access_log": False,  # Events tell more, and never a query string.
        "proxy_headers": False,  # ``[server] trust_forwarded`` decides, in one place.
        "server_header": False,
        "date_header": True,
        "lifespan": "on",
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": CLOSING_SECONDS,
        "h11_max_incomplete_event_size": 32 * 1024,
        "ws": "none",
    }


def worker_app() -> Reloadable:
    """The application of one worker process; uvicorn calls this."""
    told = json.loads(os.environ[VARIABLE])
    listen(told["log_level"])

    def make() -> Starlette:
        return create_app(_router(**told["what"]), owns_router=True)

    return Reloadable(make, _tell_places)


def _tell_places(app: Starlette) -> None:
    setup = app.state.router.engine.setup
    images = replace(setup.store, directory=setup.store.directory or default_directory())
    configured(ledger_of(setup.ledger, setup.store).where, images.where)


def _router(config: str | None, host: str | None, *, allow_anonymous: bool) -> Router:
    """The router as the configuration is now.

    Raises:
        ConfigError: it is wrong, would serve strangers at ``host``, or no image can be kept.
    """
    router = Router.from_config({} if config is None else config, ledger=server_ledger)
    setup = router.engine.setup
    refuse_strangers(setup, host or setup.server.host, allow_anonymous=allow_anonymous)
    refuse_unusable(open_store(setup.store), setup.store)
    return router


def refuse_strangers(setup: RouterSetup, host: str, *, allow_anonymous: bool) -> None:
    """Refuse to spend the operator's money for anybody who finds the port.

    Raises:
        ConfigError: the address can be reached from elsewhere and no caller needs a key.
    """
    if setup.callers or allow_anonymous or setup.server.allow_anonymous or _is_loopback(host):
        return
    raise ConfigError(
        [
            f"[server] host {host!r} can be reached from other machines and no [keys] are"
            " configured: configure keys, bind 127.0.0.1, or say allow_anonymous"
        ]
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
