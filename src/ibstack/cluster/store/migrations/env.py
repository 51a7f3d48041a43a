# SPDX-License-Identifier: Apache-2.0
"""What Alembic runs: on the connection, and in the transaction, that `migrate` gives it."""

from alembic import context

from ibstack.cluster.store.schema import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
