"""Alembic's entry: runs the SQL of `versions/` on the connection that `livestream_projector.schema` opened."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
