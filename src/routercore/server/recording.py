"""Which store of records a server uses."""

from __future__ import annotations

from typing import Any

from routercore.engine.clock import GRACE
from routercore.engine.ledger import Ledger
from routercore.engine.setup import RouterSetup
from routercore.server.records import MemoryRecordStore, RecordStore
from routercore.server.store import Store
from routercore.state.ledger import has_database


def open_records(setup: RouterSetup, ledger: Ledger, images: Store) -> RecordStore:
    """In the ledger's database where it has one, so that they outlive the process; or in memory."""
    server = setup.server
    bounds: dict[str, Any] = {
        "retention": server.job_retention,
        "max_records": server.max_jobs,
        "max_bytes": server.max_job_bytes,
    }
    if not has_database(ledger):
        return MemoryRecordStore(**bounds)
    from routercore.server.durable import DurableRecordStore

    return DurableRecordStore(
        ledger, images, unsent_after=setup.deadline + GRACE, lease=server.job_lease, **bounds
    )
