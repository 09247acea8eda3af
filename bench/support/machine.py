"""On what something was measured."""

import os
import platform
import re
from pathlib import Path

import asyncpg
import psutil

from livestream.clients import redis_client
from livestream_local.servers import kafka
from livestream_local.stack import Stack


def describe_machine() -> str:
    """Processor, cores, memory and system, on one line."""
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} × {_processor()}, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


async def describe_servers(stack: Stack) -> str:
    """Versions as the servers tell them; Kafka's protocol tells none, so it is the embedded one's."""
    connection = await asyncpg.connect(stack.database_url)
    postgres = (await connection.fetchval("SHOW server_version")).split()[0]
    await connection.close()
    redis = redis_client(stack.redis_url)
    info = await redis.info("server")
    await redis.aclose()
    name, version = ("Valkey", info["valkey_version"]) if "valkey_version" in info else ("Redis", info["redis_version"])
    return f"Kafka {kafka.ARTIFACTS[0].rpartition(':')[2]}, Postgres {postgres}, {name} {version}"


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()
