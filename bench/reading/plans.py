"""The plans by which Postgres really answered what web asked, as auto_explain logs them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import psutil

from livestream.message_search import WALKED_ROWS
from livestream_local.stack import Stack

# What grows with history or with the number of names: nobody may go through all of it.
GROWING: Final = re.compile(r"messages(_\d+)?|pairs|channels|partition_users")
# Rows read for each that is returned, where nothing but the order of an index leads to them.
MOST_READ: Final = 20

_EXPLAINED: Final = {
    "session_preload_libraries": "'auto_explain'",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "'json'",
    "log_line_prefix": "'%p '",
}
_ENTRY: Final = re.compile(r"^(\d+) LOG:  duration: .*? plan:\n((?:\t.*\n|\n)+)", re.MULTILINE)


class Plan(NamedTuple):
    """One statement: its text, and the root of its plan."""

    statement: str
    root: dict[str, Any]

    @property
    def shape(self) -> str:
        """What is alike in plans that differ in figures and values only."""
        return "\n".join(re.sub(r"( where .*)? rows=.*", "", line) for line in self.lines)

    @property
    def lines(self) -> list[str]:
        """The plan as text, a node a line."""
        return [f"{'  ' * depth}{_described(node)}" for depth, node in _nodes(self.root)]

    @property
    def buffers(self) -> int:
        """Pages of 8 kB that were looked at."""
        return int(self.root.get("Shared Hit Blocks", 0) + self.root.get("Shared Read Blocks", 0))

    @property
    def faults(self) -> list[str]:
        """Why it is not as good when there is more of everything."""
        returned = max(1.0, _rows(self.root))
        found = []
        for _, node in _nodes(self.root):
            if not GROWING.fullmatch(node.get("Relation Name", "")) or not _loops(node):
                continue
            if node["Node Type"] == "Seq Scan":
                found.append(f"goes through all of {node['Relation Name']}")
            elif (
                "Bitmap" not in node["Node Type"]
                and "Index Cond" not in node
                and _read(node) > max(MOST_READ * returned, WALKED_ROWS)
            ):
                found.append(f"walks {_read(node):.0f} rows of {node['Relation Name']} to return {returned:.0f}")
        return found


class PlanLog:
    """The log of the stack's embedded Postgres, where it tells the plans of web's statements."""

    def __init__(self, stack: Stack) -> None:
        self._log = Path(stack.data) / "logs" / "postgres.log"
        self._web_port = int(stack.web_url.rpartition(":")[2])
        self._from = 0

    async def begin(self, connection: Any) -> None:
        """Web gets new connections, whose statements are explained. Needs a superuser."""
        for name, value in _EXPLAINED.items():
            await connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        await connection.execute("SELECT pg_reload_conf()")
        await self._end_web(connection)

    async def end(self, connection: Any) -> None:
        await connection.execute("ALTER SYSTEM RESET ALL")
        await connection.execute("SELECT pg_reload_conf()")
        await self._end_web(connection)

    def mark(self) -> None:
        """`since_mark` tells what comes from here on."""
        self._from = self._log.stat().st_size

    async def since_mark(self, connection: Any) -> list[Plan]:
        """Plans of web's statements, in order."""
        pids = set(await self._web_pids(connection))
        with self._log.open("rb") as log:
            log.seek(self._from)
            text = log.read().decode(errors="replace")
        entries = [(int(pid), msgspec.json.decode(_unindented(body))) for pid, body in _ENTRY.findall(text)]
        return [Plan(" ".join(entry["Query Text"].split()), entry["Plan"]) for pid, entry in entries if pid in pids]

    async def _end_web(self, connection: Any) -> None:
        for pid in await self._web_pids(connection):
            await connection.execute("SELECT pg_terminate_backend($1, 5000)", pid)

    async def _web_pids(self, connection: Any) -> list[int]:
        """Of the server's processes those that serve web."""
        kept = psutil.net_connections("tcp4")
        listening = [(each.pid, each.laddr) for each in kept if each.status == psutil.CONN_LISTEN and each.laddr]
        web = {pid for pid, address in listening if address.port == self._web_port}
        ports = [each.laddr.port for each in kept if each.pid in web and each.laddr and each.raddr]
        rows = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE client_port = ANY($1::int[])", ports)
        return [row[0] for row in rows]


def worst_of_each(plans: list[Plan]) -> list[Plan]:
    """Of plans alike in statement and shape the one that looked at most pages, in order of statements."""
    worst: dict[tuple[str, str], Plan] = {}
    for plan in plans:
        key = (plan.statement, plan.shape)
        if key not in worst or worst[key].buffers < plan.buffers:
            worst[key] = plan
    return list(worst.values())


def _unindented(body: str) -> str:
    return "\n".join(line.removeprefix("\t") for line in body.splitlines())


def _nodes(node: dict[str, Any], depth: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    yield depth, node
    for child in node.get("Plans", ()):
        yield from _nodes(child, depth + 1)


def _loops(node: dict[str, Any]) -> float:
    return float(node.get("Actual Loops", 0))


def _rows(node: dict[str, Any]) -> float:
    return float(node.get("Actual Rows", 0)) * _loops(node)


def _read(node: dict[str, Any]) -> float:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return _rows(node) + float(removed) * _loops(node)


def _described(node: dict[str, Any]) -> str:
    if not _loops(node):
        return f"{node['Node Type']} rows=never executed"
    where = " on ".join(node[key] for key in ("Index Name", "Relation Name") if key in node)
    condition = f" where {node['Index Cond']}" if "Index Cond" in node else ""
    pages = node.get("Shared Hit Blocks", 0) + node.get("Shared Read Blocks", 0)
    read = f" of {_read(node):,.0f} read" if _read(node) > _rows(node) else ""
    return (
        f"{node['Node Type']}{f' {where}' if where else ''}{condition} rows={_rows(node):,.0f}{read}, {pages:,} pages"
    )
