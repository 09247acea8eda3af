"""A table without its indexes while it is filled: a row at a time, they cost far more than made once at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

# What belongs to an index of a partitioned table is not its partition's to drop.
_INDEXES: Final = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), quote_ident(c.conname), pg_get_constraintdef(c.oid)
FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
WHERE i.indrelid = $1::text::regclass AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid)
ORDER BY i.indexrelid
"""
_MEMORY: Final = "SET maintenance_work_mem = '1GB'"


@asynccontextmanager
async def without_indexes(connection: Any, table: str) -> AsyncIterator[None]:
    """The same indexes and keys are there afterwards, made anew from what the server says of them."""
    held = [tuple(row) for row in await connection.fetch(_INDEXES, table)]
    for index, _, constraint, _ in held:
        drop = f"ALTER TABLE {table} DROP CONSTRAINT {constraint}" if constraint else f"DROP INDEX {index}"
        await connection.execute(drop)
    yield
    await connection.execute(_MEMORY)
    for _, definition, constraint, key in held:
        add = f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {key}" if constraint else definition
        await connection.execute(add)
