"""A read model of any size, written straight into Postgres as the fold would have left it.

Users and channels are as busy as Zipf says (the n-th writes 1/n of what the first does), each writes at least once, and
one message in 200 was deleted. The log itself stays empty, and where the fold goes on is its beginning.
"""

from typing import Any, Final, NamedTuple

from bench.reading.index_holiday import without_indexes
from bench.reading.vocabulary import display_names, names, texts
from livestream.partitioning import partition_of
from livestream.times import now_ms

# A word, and one message in how many holds it. `bygone` is in all messages of the older half, and in no other.
EVERY: Final = {"always": 1, "tenth": 10, "hundredth": 100, "thousandth": 1_000, "myriad": 10_000}
BYGONE: Final = "bygone"
DAYS: Final = 30

_GENERATION: Final = 1
_TEXTS: Final = 50_000
_SEED: Final = 1
_FILL_SECONDS: Final = 1_800.0
# Nobody else writes here, and what a bulk load checks of each row is true by the way it is made.
_SESSION: Final = """
SELECT setseed(0.5), set_config('session_replication_role', 'replica', false), set_config('work_mem', '512MB', false),
       set_config('synchronous_commit', 'off', false), set_config('jit', 'off', false)
"""
_SOURCES: Final = """
CREATE TEMP TABLE fill_texts (number integer PRIMARY KEY, text text);
CREATE TEMP TABLE fill_users (number integer PRIMARY KEY, name text COLLATE "C", display_name text);
CREATE TEMP TABLE fill_channels (
    number integer PRIMARY KEY, name text COLLATE "C", display_name text, partition integer)
"""
# power(n, random()) falls on k with a chance of ln((k + 1) / k) / ln n: Zipf's law.
# Every tenth message tells display names.
_MESSAGES: Final = """
INSERT INTO messages (
    generation, partition, channel, id, username, ts_ms, append_ms, kept_ms, log_offset, digest, posted, deleted,
    visible, text, channel_display_name, user_display_name)
SELECT 1, c.partition, c.name,
    (lpad(to_hex(d.ts_ms), 12, '0') || '7' || left(md5(d.number::text), 19))::uuid::text,
    u.name, d.ts_ms, d.ts_ms, d.ts_ms, d.number, 0, true, d.number % 200 = 7, d.number % 200 <> 7,
    CASE WHEN d.number % 200 = 7 THEN '' ELSE t.text || {marks} || ' only' || to_hex(d.number) END,
    CASE WHEN d.number % 10 = 0 THEN c.display_name END, CASE WHEN d.number % 10 = 0 THEN u.display_name END
FROM (
    SELECT number, $1::bigint + number * $2::bigint AS ts_ms, (random() * ($5::bigint - 1))::integer AS text,
        CASE WHEN number % ($6::bigint / $3::bigint) = 0 THEN (number / ($6::bigint / $3::bigint) % $3::bigint)::integer
             ELSE floor(power($3::bigint, random()))::integer - 1 END AS username,
        CASE WHEN number % ($6::bigint / $4::bigint) = 0 THEN (number / ($6::bigint / $4::bigint) % $4::bigint)::integer
             ELSE floor(power($4::bigint, random()))::integer - 1 END AS channel
    FROM generate_series(0::bigint, $6::bigint - 1) AS number OFFSET 0) AS d
JOIN fill_texts t ON t.number = d.text
JOIN fill_users u ON u.number = d.username
JOIN fill_channels c ON c.number = d.channel
"""
_PAIRS: Final = """
INSERT INTO pairs (generation, partition, channel, username, messages, last_ms, counted_from_ms)
SELECT 1, min(partition), channel, username, count(*), max(ts_ms), -4611686018427387904
FROM messages WHERE visible GROUP BY channel, username ORDER BY channel, username
"""
_NAMES: Final = """
INSERT INTO {table} (generation, partition, {name}, messages, last_ms, deleted_ms,
    display_name, display_ts_ms, display_channel, display_offset)
SELECT 1, n.partition, n.{name}, n.messages, n.last_ms, -4611686018427387904,
    coalesce(d.display_name, ''), coalesce(d.ts_ms, -4611686018427387904), coalesce(d.channel, ''),
    coalesce(d.log_offset, -1)
FROM (SELECT partition, {name}, sum(messages) AS messages, max(last_ms) AS last_ms FROM pairs GROUP BY 1, 2) AS n
LEFT JOIN (
    SELECT DISTINCT ON (partition, {name}) partition, {name} AS told, {shown} AS display_name, ts_ms, channel,
        log_offset
    FROM messages WHERE visible AND {shown} IS NOT NULL
    ORDER BY partition, {name}, ts_ms DESC, channel DESC, log_offset DESC) AS d
  ON d.partition = n.partition AND d.told = n.{name}
"""
_TOTALS: Final = """
UPDATE partitions p SET messages = c.messages, channels = c.channels
FROM (SELECT partition, sum(messages) AS messages, count(*) AS channels FROM channels GROUP BY partition) AS c
WHERE p.generation = 1 AND p.partition = c.partition
"""


class Filled(NamedTuple):
    """What was written: names, busiest first, and between which times the messages are."""

    messages: int
    users: list[str]
    channels: list[str]
    begin_ms: int
    end_ms: int


async def fill(connection: Any, messages: int, users: int, channels: int) -> Filled:
    """Fill the empty live generation. Raises asyncpg's errors."""
    partitions = await connection.fetchval("SELECT count(*) FROM partitions WHERE generation = $1", _GENERATION)
    filled = await _write_sources(connection, messages, users, channels, partitions)
    spacing_ms = (filled.end_ms - filled.begin_ms) // messages
    marks = " || ".join(f"CASE WHEN d.number % {every} = 0 THEN ' {word}' ELSE '' END" for word, every in EVERY.items())
    marks += f" || CASE WHEN d.number < {messages // 2} THEN ' {BYGONE}' ELSE '' END"
    numbers = (filled.begin_ms, spacing_ms, users, channels, _TEXTS, messages)
    async with without_indexes(connection, f"messages_{_GENERATION}"):
        await _run(connection, _MESSAGES.format(marks=marks), *numbers)
    async with without_indexes(connection, "pairs"):
        await _run(connection, _PAIRS)
    names_of = {"channels": ("channel", "channel_display_name"), "partition_users": ("username", "user_display_name")}
    for table, (name, shown) in names_of.items():
        async with without_indexes(connection, table):
            await _run(connection, _NAMES.format(table=table, name=name, shown=shown))
    await _run(connection, _TOTALS)
    await _run(connection, "VACUUM (ANALYZE) messages, pairs, channels, partition_users, partitions")
    return filled


async def _write_sources(connection: Any, messages: int, users: int, channels: int, partitions: int) -> Filled:
    await connection.execute(_SESSION)
    await connection.execute(_SOURCES)
    user_names, channel_names = names(users, _SEED), [f"room-{number}" for number in range(channels)]
    records: dict[str, list[tuple[Any, ...]]] = {
        "fill_texts": list(enumerate(texts(_TEXTS, _SEED))),
        "fill_users": list(zip(range(users), user_names, display_names(user_names, _SEED), strict=True)),
        "fill_channels": [
            (number, name, f"The room {number}", partition_of(name, partitions))
            for number, name in enumerate(channel_names)
        ],
    }
    for table, rows in records.items():
        await connection.copy_records_to_table(table, records=rows)
        await connection.execute(f"ANALYZE {table}")
    end_ms = now_ms()
    return Filled(messages, user_names, channel_names, end_ms - DAYS * 86_400_000, end_ms)


async def _run(connection: Any, statement: str, *arguments: Any) -> None:
    await connection.execute(statement, *arguments, timeout=_FILL_SECONDS)
