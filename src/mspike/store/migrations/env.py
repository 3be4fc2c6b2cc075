"""Run by Alembic: in the transaction of `store.migrate`, which hands over its connection."""

from alembic import context

from mspike.store.models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
