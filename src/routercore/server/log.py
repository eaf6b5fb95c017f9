"""What the server itself has to log: mistakes of ours, under the request's id."""

from __future__ import annotations

import logging
import traceback

from routercore.engine.observers import NAME, logger
from routercore.values.errors import RouterError


def listen(level: str) -> None:
    """Write what the router says to standard error, one line an event; for a process of its own."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    log = logging.getLogger(NAME)
    log.addHandler(handler)
    log.setLevel(level.upper())


def configured(ledger: str, images: str) -> None:
    """What is served from now on, and where that is kept."""
    logger().info("server.configured", ledger=ledger, images=images)


def crashed(request_id: str, error: BaseException) -> None:
    """A request met a mistake of ours; the client was told only the id."""
    where = "".join(traceback.format_exception(error))
    logger().error("request.crashed", request_id=request_id, exception=where)


def record_failed(request_id: str, error: Exception) -> None:
    """What became of a call could not be written down."""
    logger().error("record.failed", request_id=request_id, error=str(error))


def record_broken(request_id: str, error: Exception) -> None:
    """What is written of a call makes no sense; it counts as not kept."""
    logger().error("record.broken", request_id=request_id, error=f"{type(error).__name__}: {error}")


def store_failed(problem: str) -> None:
    """Images could not be kept, read or deleted."""
    logger().error("store.failed", error=problem)


def reloaded() -> None:
    """New requests are served by the configuration as it is now."""
    logger().info("config.reloaded")


def not_reloaded(error: Exception) -> None:
    """The configuration as it is now is wrong, or cannot be served; the one before stays."""
    told = str(error) if isinstance(error, RouterError) else f"{type(error).__name__}: {error}"
    logger().error("config.refused", error=told)


def left_badly(error: BaseException) -> None:
    """What served by an earlier configuration, or by the last, did not end as it should."""
    where = "".join(traceback.format_exception(error))
    logger().error("config.left_badly", exception=where)
