"""The real serving.lua on a real server, behind the same door as the model; and both at once, held to each other."""

import re
from collections.abc import Callable
from importlib import resources
from random import Random
from typing import Any, Final

import msgspec
from redis import Redis

from tests.support.simulation.redis import ServingData
from tests.support.simulation.serving_model import Constants, ServingModel

_OURS: Final = "{livestream}:simulated:"
# What the environment decides is read from keys instead: the rest of the source is as it is.
_CLOCK: Final = f"local function now_ms()\n  return tonumber(redis.call('GET', '{_OURS}now'))\nend"
_RUN: Final = f"local function run_id()\n  return redis.call('GET', '{_OURS}run')\nend"
_decode: Final = msgspec.msgpack.decode


class ValkeyServing:
    """A whole server for one history."""

    def __init__(self, client: "Redis", now_ms: Callable[[], int], constants: Constants) -> None:
        self.run_id = "0"
        self._client = client
        self._now_ms = now_ms
        client.flushall()
        client.function_load(_library(constants), replace=True)

    def flush(self) -> None:
        self._client.flushall()

    def copy(self) -> Any:
        return {key: self._client.dump(key) for key in self._keys() if not key.startswith(_OURS.encode())}

    def restore(self, data: Any) -> None:
        for key, content in data.items():
            self._client.restore(key, 0, content, replace=True)

    def fcall(self, function: str, arguments: tuple[Any, ...]) -> Any:
        pipeline = self._client.pipeline(transaction=False)
        pipeline.mset({f"{_OURS}now": self._now_ms(), f"{_OURS}run": self.run_id})
        pipeline.fcall(f"livestream_simulated_{function}", 0, *arguments)
        return pipeline.execute()[1]

    def entries(self, key: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        found: Any = self._client.xrange(key)
        return [(entry_id, fields) for entry_id, fields in found]

    def _keys(self) -> list[bytes]:
        return list(self._client.scan_iter(count=1_000))


class ComparedServing:
    """Asks both, and says where they differ. `random` draws more questions than the product asks."""

    def __init__(self, model: ServingModel, real: ValkeyServing, random: Random) -> None:
        self._both: tuple[ServingData, ServingData] = (model, real)
        self._random = random
        self.calls = 0

    @property
    def run_id(self) -> str:
        return self._both[0].run_id

    @run_id.setter
    def run_id(self, run_id: str) -> None:
        for each in self._both:
            each.run_id = run_id

    def flush(self) -> None:
        for each in self._both:
            each.flush()

    def copy(self) -> Any:
        return [each.copy() for each in self._both]

    def restore(self, data: Any) -> None:
        for each, held in zip(self._both, data, strict=True):
            each.restore(held)

    def fcall(self, function: str, arguments: tuple[Any, ...]) -> Any:
        reply = self._compare(function, arguments)
        if function in ("publish", "switch"):
            self._ask_more()
        return reply

    def entries(self, key: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        model, real = (each.entries(key) for each in self._both)
        assert [_entry(*entry) for entry in model] == [_entry(*entry) for entry in real], key
        return model

    def _compare(self, function: str, arguments: tuple[Any, ...]) -> Any:
        self.calls += 1
        model, real = (each.fcall(function, arguments) for each in self._both)
        said, meant = _reply(function, model), _reply(function, real)
        assert said == meant, f"{function}{arguments}: the model says {said}, serving.lua {meant}"
        return model

    def _ask_more(self) -> None:
        """The lists that the web API pages through, and rows by name."""
        kind, order = self._random.choice(("channels", "users")), self._random.choice(("messages", "last", "name"))
        after: tuple[Any, ...] = ()
        for _ in range(3):
            page = self._compare("page", (kind, order, 2, *after))
            if page is None or len(page[1]) < 2:
                break
            after = (page[2].decode(), _decode(page[1][-1])[0])
        self._compare("names", (kind, "x", "a", "nobody"))
        self._compare("activity", ())
        self._compare("windows", (self._random.randint(0, 20), 3, 3))


def _library(constants: Constants) -> str:
    source = resources.files("livestream.serving").joinpath("serving.lua").read_text("utf-8")
    changes = [(rf"local {name} = [^-\n]*", f"local {name} = {value} ") for name, value in constants._asdict().items()]
    changes += [(r"local function now_ms\(\).*?\nend", _CLOCK), (r"local function run_id\(\).*?\nend", _RUN)]
    for pattern, changed in changes:
        source, found = re.subn(pattern, changed, source, count=1, flags=re.DOTALL)
        assert found, f"serving.lua has no {pattern}"
    return source.replace("VERSION", "simulated")


def _reply(function: str, reply: Any) -> Any:
    """In a form in which equal answers are equal, whatever order hashes have."""
    if reply is None or isinstance(reply, bytes):
        return reply
    if function == "status":
        newest = reply[5] and int(reply[5])  # Lua writes -0 too
        return [*reply[:5], newest, reply[6], sorted(_decode(line) for line in reply[7]), *reply[8:]]
    if function == "activity":
        now, total, step_ms, flat = reply
        return [now, total, step_ms, sorted(zip(*[map(int, flat)] * 2, strict=True))]
    if function in ("windows", "names", "page"):
        (epoch, generation, sequence, now, totals, positions), *rows = reply
        stand = [epoch, generation, sequence, now, _decode(totals), sorted(_decode(positions))]
        return [
            stand,
            *([_decode(row) if row else row for row in each] if isinstance(each, list) else each for each in rows),
        ]
    return reply


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> Any:
    packed = {name: _decode(fields[name]) for name in (b"users", b"totals")}
    return entry_id, {**fields, **packed, b"hidden": set(_decode(fields[b"hidden"]))}
