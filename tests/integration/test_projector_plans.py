"""What a batch touches is found by keys, also by plans that were made for tables that were as good as empty."""

from typing import Any

import pytest

from livestream.clients import postgres_pool
from livestream_projector import prior, writes
from livestream_projector.schema import migrate

STATEMENTS = {
    "messages": (prior._MESSAGES, "int, text[], text[]"),
    "partition_users": (prior._USERS, "int, int[], text[]"),
    "pairs": (prior._PAIRS, "int, text[], text[]"),
    "channels": (prior._CHANNELS, "int, text[]"),
    "newest of pairs": (writes._NEWEST_OF_PAIRS, "int, text[], text[], bigint[], bigint[]"),
    "newest of channels": (writes._NEWEST_OF_CHANNELS, "int, text[]"),
    "newest of users": (writes._NEWEST_OF_USERS, "int, int[], text[]"),
}
# As few that Postgres would rather read them all, had it to find several.
ROWS = 300
_FILL = f"""
INSERT INTO messages (generation, partition, channel, id, username, ts_ms, append_ms, kept_ms, log_offset, digest,
                      posted, deleted, visible, text)
SELECT 1, 0, 'tea', n::text, 'user-' || n, n, n, n, n, 0, true, false, true, 'some text'
FROM generate_series(1, {ROWS}) n;
INSERT INTO pairs (generation, partition, channel, username, messages, last_ms, counted_from_ms)
SELECT 1, 0, 'tea', 'user-' || n, 1, n, 0 FROM generate_series(1, {ROWS}) n;
INSERT INTO partition_users (generation, partition, username, messages, last_ms, deleted_ms, display_name,
                             display_ts_ms, display_channel, display_offset)
SELECT 1, 0, 'user-' || n, 1, n, 0, '', 0, '', 0 FROM generate_series(1, {ROWS}) n;
"""


async def plan_of(connection: Any, touched: str) -> str:
    """That which is kept for a prepared statement, whatever its arguments."""
    statement, types = STATEMENTS[touched]
    await connection.execute(f"PREPARE touched ({types}) AS {statement}")
    arguments = ", ".join(["1", *["'{}'"] * types.count("[]")])
    lines = await connection.fetch(f"EXPLAIN EXECUTE touched ({arguments})")
    return "\n".join(line[0] for line in lines)


@pytest.mark.parametrize("touched", STATEMENTS)
@pytest.mark.parametrize("filled", [False, True], ids=["empty", "small"])
async def test_rows_are_found_by_their_keys(database_url: str, touched: str, *, filled: bool) -> None:
    await migrate(database_url)
    settings = {"plan_cache_mode": "force_generic_plan"}
    async with postgres_pool(database_url, 1, **settings) as pool, pool.acquire() as connection:
        await connection.execute("SELECT create_generation(1, 'live', 12)")
        if filled:
            await connection.execute(_FILL)
        plan = await plan_of(connection, touched)
    assert "Index Cond" in plan
    for reads_more in ("Seq Scan", "Join Filter", "Index Cond: (generation = $1)\n"):
        assert reads_more not in plan
