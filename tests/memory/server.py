"""The server in a process of its own, over one upstream; writes its port and serves until killed.

python -m tests.memory.server UPSTREAM FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from tests.serving import provider, router_of, setup

from routercore.server import create_app
from routercore.server.serving import uvicorn_settings


class _Server(uvicorn.Server):
    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)  # noqa: T201


def main(upstream: str, folder: str) -> None:
    """Serve."""
    router = router_of(setup(Path(folder), provider("near", upstream)))
    app = create_app(router, owns_router=True)
    _Server(uvicorn.Config(app, host="127.0.0.1", port=0, **uvicorn_settings("error"))).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
