"""What the server itself has to log: mistakes of ours, under the request's id."""

from __future__ import annotations

import structlog


def crashed(request_id: str, error: BaseException) -> None:
    """A request met a mistake of ours; the client was told only the id."""
    structlog.get_logger("routercore.server").error(
        "request.crashed", request_id=request_id, exc_info=error
    )


def store_failed(error: OSError) -> None:
    """Images could not be kept."""
    structlog.get_logger("routercore.server").error("store.failed", error=str(error))
