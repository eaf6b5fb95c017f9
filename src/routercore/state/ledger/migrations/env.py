"""How Alembic runs the ledger's migrations: on the connection, and in the transaction, given."""

from __future__ import annotations

from alembic import context

from routercore.state.ledger.database import VERSION_TABLE
from routercore.state.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
