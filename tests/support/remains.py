"""Where a text can still be found after it should be gone."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import asyncpg
from redis.asyncio import Redis

_TABLES = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"


async def places_with(text: str, database_url: str, redis: Redis) -> list[str]:
    """The tables and keys in which it stands, in any column or part; binary ones are searched for its UTF-8."""
    return await _tables_with(text, database_url) + await _keys_with(text.encode(), redis)


async def words_in_index(pool: asyncpg.Pool, index: str, words: Iterable[str]) -> set[str]:
    """Which of the words stand in an index's file as it lies on the disk. Needs a superuser."""
    await pool.execute("CHECKPOINT")
    file: bytes = await pool.fetchval("SELECT pg_read_binary_file(pg_relation_filepath($1::text::regclass))", index)
    return {word for word in words if word.encode() in file}


async def _tables_with(text: str, database_url: str) -> list[str]:
    connection = await asyncpg.connect(database_url)
    try:
        found = []
        for table in await connection.fetch(_TABLES):
            name = table["relname"]
            # A row as text shows binary columns in hexadecimal digits.
            query = f'SELECT EXISTS (SELECT FROM "{name}" AS row WHERE row::text LIKE ANY ($1::text[]))'
            if await connection.fetchval(query, [f"%{text}%", f"%{text.encode().hex()}%"]):
                found.append(f"table {name}")
        return found
    finally:
        await connection.close()


async def _keys_with(text: bytes, redis: Redis) -> list[str]:
    return [f"key {key!r}" async for key in redis.scan_iter(count=1_000) if text in await _whole(redis, key)]


async def _whole(redis: Redis, key: Any) -> bytes:
    """All that a key holds, as it would be written out."""
    reads: dict[Any, Callable[[], Awaitable[object]]] = {
        b"hash": lambda: redis.hgetall(key),
        b"list": lambda: redis.lrange(key, 0, -1),
        b"set": lambda: redis.smembers(key),
        b"stream": lambda: redis.xrange(key),
        b"string": lambda: redis.get(key),
        b"zset": lambda: redis.zrange(key, 0, -1),
        b"none": _gone,
    }
    return _joined(await reads[await redis.type(key)]())


async def _gone() -> None:
    """It expired since it was listed."""


def _joined(value: object) -> bytes:
    match value:
        case bytes():
            return value
        case dict():
            return b"\0".join(_joined(part) for item in value.items() for part in item)
        case list() | tuple() | set():
            return b"\0".join(map(_joined, value))
        case _:
            return b""
