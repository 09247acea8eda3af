"""Times that are odd but possible: every view puts the messages where the log says, and deletions reach them all."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import asyncpg
import pytest
from redis.asyncio import Redis

from livestream.events import (
    MESSAGES_TOPIC,
    ChannelDeleted,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    UserDeleted,
)
from livestream.frames import View, ViewKind
from livestream.serving import ServingCopy
from livestream.times import format_ms, now_ms
from tests.support.dead_letters import DeadLetters, right_partition
from tests.support.ingest import IngestClient
from tests.support.kafka_log import KafkaLog
from tests.support.remains import places_with
from tests.support.stacks import RunningStack
from tests.support.streaming import RunningGateway
from tests.support.upstream_events import caught_up
from tests.support.verifying import assert_equal_to_the_log
from tests.support.waiting import wait_until_async
from tests.support.web import WebClient

DAY_MS = 24 * 60 * 60 * 1000
ALLOWED_AHEAD_MS = 4 * 60 * 1000  # a minute less than where events are refused
ERASED_S = 20


@pytest.fixture
async def gateway(stack: RunningStack) -> AsyncIterator[RunningGateway]:
    async with aiohttp.ClientSession() as session:
        yield RunningGateway(stack.stream_url, session)


class Everywhere:
    """What the API and a stream show of a channel or user, at the end of the log; they have to agree."""

    def __init__(self, log: KafkaLog, serving: ServingCopy, web: WebClient, gateway: RunningGateway) -> None:
        self._log = log
        self._serving = serving
        self._web = web
        self._gateway = gateway

    async def rows(self, kind: ViewKind, name: str) -> list[dict[str, Any]]:
        """The messages, in display order, oldest first."""
        _, windows, _ = await caught_up(self._log, self._serving)
        view = View(kind, name)
        async with self._gateway.open(view) as client:
            await client.reach(windows.stand.cursor)
            streamed = client.views[str(view)].window()
        collection = f"{kind}s"
        path = f"/api/v1/{collection}/{quote(name, safe='')}"
        [row] = streamed[collection]
        if not row["messages"]:
            assert (await self._web.get(path)).status == 404
            assert streamed["messages"] == []
            return []
        assert (await self._web.get(path)).body["item"] == row
        items = await self._web.items(f"{path}/messages?limit=3")
        assert items[::-1] == streamed["messages"]
        assert row["messages"] == len(items)
        assert row["last_message_at"] == max(item["ts"] for item in items)
        return items[::-1]

    async def texts(self, channel: str) -> list[str]:
        return [row["text"] for row in await self.rows(ViewKind.CHANNEL, channel)]


@pytest.fixture
def everywhere(log: KafkaLog, serving: ServingCopy, web: WebClient, gateway: RunningGateway) -> Everywhere:
    return Everywhere(log, serving, web, gateway)


@pytest.fixture(autouse=True)
async def _equal_at_the_end(stack: RunningStack) -> AsyncIterator[None]:
    """Whatever a test did to time, the witness agrees with all that is shown."""
    yield
    await assert_equal_to_the_log(stack)


def message(channel: str, text: str, ts: str, **fields: str) -> dict[str, str]:
    return {"channel": channel, "user": "ann", "text": text, "id": text, "ts": ts, **fields}


async def append(log: KafkaLog, *messages: dict[str, str]) -> list[str]:
    """As an upstream writes them, with its own forms of time; returns the records."""
    records = []
    for each in messages:
        partition = right_partition(each["channel"])
        offset = await log.append_raw(json.dumps(each).encode(), partition)
        records.append(f"{MESSAGES_TOPIC}/{partition}/{offset}")
    return records


@pytest.mark.parametrize("way", ["ingest", "log"])
async def test_times_with_offsets_and_fractions_are_one_moment_in_whole_milliseconds(
    log: KafkaLog, ingest: IngestClient, everywhere: Everywhere, unique: str, way: str
) -> None:
    """Rounded down, so that two times that look equal are equal, and then the log's order counts."""
    messages = [
        message(unique, "third", "2026-01-02T03:04:05.678999+05:30"),
        message(unique, "fourth", "2026-01-01T21:34:05.678000Z"),
        message(unique, "second", "2026-01-01T12:34:05.677999-09:00"),
        message(unique, "first", "2026-01-01T21:34:05z"),
    ]
    if way == "ingest":
        assert (await ingest.post(messages)).status == 202
    else:
        await append(log, *messages)
    assert [(row["text"], row["ts"]) for row in await everywhere.rows(ViewKind.CHANNEL, unique)] == [
        ("first", "2026-01-01T21:34:05.000Z"),
        ("second", "2026-01-01T21:34:05.677Z"),
        ("third", "2026-01-01T21:34:05.678Z"),
        ("fourth", "2026-01-01T21:34:05.678Z"),
    ]


async def test_2099_is_refused_at_both_doors_and_its_neighbours_proceed(
    log: KafkaLog, ingest: IngestClient, everywhere: Everywhere, letters: DeadLetters, unique: str
) -> None:
    future, now = "2099-01-01T00:00:00Z", format_ms(now_ms())
    answer = await ingest.post([message(unique, "a", now), message(unique, "x", future), message(unique, "b", now)])
    assert (answer.status, answer.errors) == (207, [(1, "ts")])
    alone = await ingest.post(message(unique, "x", future))
    assert (alone.status, alone.errors) == (422, [(0, "ts")])
    edit = json.dumps({"text": "edited", "ts": future}).encode()
    edited = await ingest.request("PATCH", f"/v1/channels/{unique}/messages/a", edit, Content_Type="application/json")
    assert (edited.status, edited.errors) == (422, [(0, "ts")])
    refused = await append(
        log,
        message(unique, "y", future),
        message(unique, "a", future, type="message.edited"),
        message(unique, "a", future, type="message.deleted"),
        message(unique, "", future, type="channel.deleted"),
    )
    await append(log, message(unique, "c", format_ms(now_ms())))
    entries = await letters.buried(*refused)
    assert {entry.reason for entry in entries} == {"future-ts"}
    assert await everywhere.texts(unique) == ["a", "b", "c"]


async def test_times_of_long_ago_stand_first_and_count(log: KafkaLog, everywhere: Everywhere, unique: str) -> None:
    oldest_first = [
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00.001Z",
        "2026-01-01T00:00:00Z",
    ]
    await append(log, *(message(unique, ts, ts) for ts in reversed(oldest_first)))
    assert await everywhere.texts(unique) == oldest_first


async def test_what_is_kept_is_kept_by_append_time(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str
) -> None:
    """Retention goes by it: neither a message of 1970 nor one of the next minutes is dropped too early or too late."""
    now = now_ms()
    for text, ts_ms in (("old", 0), ("ahead", now + ALLOWED_AHEAD_MS), ("now", now)):
        await append(log, message(unique, text, format_ms(ts_ms)))
    _, _, records = await caught_up(log, serving)
    appended = {json.loads(r.value)["id"]: r.append_ms for r in records if r.value and unique.encode() in r.value}
    connection = await asyncpg.connect(stack.database_url)
    try:
        rows = await connection.fetch("SELECT id, append_ms FROM messages WHERE channel = $1", unique)
    finally:
        await connection.close()
    assert {row["id"]: row["append_ms"] for row in rows} == appended
    assert max(appended.values()) - now < ALLOWED_AHEAD_MS


async def test_equal_times_keep_the_order_of_channels_and_then_of_the_log(
    log: KafkaLog, everywhere: Everywhere, unique: str
) -> None:
    user, ts = f"{unique}-user", format_ms(now_ms())
    channels = [f"{unique}-{letter}" for letter in "cab"]
    for number in range(3):
        await append(log, *(message(channel, f"{channel} {number}", ts, user=user) for channel in channels))
    shown = [row["text"] for row in await everywhere.rows(ViewKind.USER, user)]
    assert shown == [f"{channel} {number}" for channel in sorted(channels) for number in range(3)]


async def test_what_comes_days_late_is_put_in_its_place(
    log: KafkaLog, serving: ServingCopy, gateway: RunningGateway, everywhere: Everywhere, unique: str
) -> None:
    """On pages that are open, too."""
    now, view = now_ms(), View(ViewKind.CHANNEL, unique)
    async with gateway.open(view) as client:
        for text, days in (("3 days old", 3), ("new", 0), ("9 days old", 9), ("1 day old", 1)):
            await append(log, message(unique, text, format_ms(now - days * DAY_MS)))
            _, windows, _ = await caught_up(log, serving)
            await client.reach(windows.stand.cursor)
        held = client.views[str(view)].window()
    assert [row["text"] for row in held["messages"]] == ["9 days old", "3 days old", "1 day old", "new"]
    assert held["channels"][0]["last_message_at"] == format_ms(now)
    assert await everywhere.texts(unique) == ["9 days old", "3 days old", "1 day old", "new"]


async def test_nothing_survives_of_a_deleted_user_whose_clock_was_four_minutes_fast(
    stack: RunningStack,
    log: KafkaLog,
    redis: Redis,
    serving: ServingCopy,
    ingest: IngestClient,
    gateway: RunningGateway,
    everywhere: Everywhere,
    unique: str,
) -> None:
    """Neither in Postgres, Redis or its delta log, nor with open clients; what others wrote stays in order."""
    fast, secret = f"{unique}-fast", f"{unique}-secret"
    now = now_ms()
    ahead = format_ms(now + ALLOWED_AHEAD_MS)
    views = [View(ViewKind.HOME), View(ViewKind.MESSAGES), View(ViewKind.CHANNEL, unique), View(ViewKind.USER, fast)]
    async with gateway.open(*views) as client:
        await append(log, message(unique, "theirs", format_ms(now)))
        fields = {"user": fast, "user_display_name": secret}
        posted = [message(unique, f"{secret} {id_}", ahead, id=id_, **fields) for id_ in ("1", "2")]
        await append(log, posted[0])
        assert (await ingest.post(posted[1])).status == 202
        edit = json.dumps({"text": f"{secret} edited"}).encode()
        path = f"/v1/channels/{unique}/messages/1"
        assert (await ingest.request("PATCH", path, edit, Content_Type="application/json")).status == 202
        _, windows, _ = await caught_up(log, serving)
        await client.reach(windows.stand.cursor)
        shown = [row["text"] for row in await everywhere.rows(ViewKind.CHANNEL, unique)]
        assert shown == ["theirs", f"{secret} edited", f"{secret} 2"]
        assert await places_with(secret, stack.database_url, redis)

        assert (await ingest.request("DELETE", f"/v1/users/{fast}")).status == 202
        _, windows, _ = await caught_up(log, serving)
        await client.reach(windows.stand.cursor)
        for folded in client.views.values():
            assert secret not in json.dumps(folded.window())

    async def erased() -> bool:
        return not await places_with(secret, stack.database_url, redis)

    await wait_until_async(erased, ERASED_S, "nothing left of the user")
    assert await everywhere.texts(unique) == ["theirs"]
    assert await everywhere.rows(ViewKind.USER, fast) == []


async def test_of_edits_the_newest_stands_however_often_and_late_they_come(
    log: KafkaLog, everywhere: Everywhere, unique: str
) -> None:
    now = now_ms()
    first, second = MessageEdited(unique, "1", "first", now + 1), MessageEdited(unique, "1", "second", now + 2)
    post = MessagePosted(unique, "1", "ann", "posted", now)
    await log.append([post, first, second, first])
    assert await everywhere.texts(unique) == ["second"]
    await log.append([first, post, first])
    [row] = await everywhere.rows(ViewKind.CHANNEL, unique)
    assert (row["text"], row["edited_at"]) == ("second", format_ms(now + 2))
    await log.append([MessageEdited(unique, "1", "equal time, later on the log", now + 2)])
    assert await everywhere.texts(unique) == ["equal time, later on the log"]


async def test_a_deletion_that_comes_before_its_message_hides_it_for_good(
    log: KafkaLog, everywhere: Everywhere, unique: str
) -> None:
    now = now_ms()
    post = MessagePosted(unique, "1", "ann", "hidden", now + 1000)
    await log.append([MessagePosted(unique, "2", "ann", "shown", now), MessageDeleted(unique, "1", now)])
    await log.append([post, MessageEdited(unique, "1", "edited", now + 2000), post])
    assert await everywhere.texts(unique) == ["shown"]


@pytest.mark.parametrize("kind", [ViewKind.CHANNEL, ViewKind.USER])
async def test_a_display_name_outlives_its_message_but_not_its_channel_or_user(
    stack: RunningStack, log: KafkaLog, redis: Redis, everywhere: Everywhere, unique: str, kind: ViewKind
) -> None:
    channel, user, label = f"{unique}-channel", f"{unique}-user", f"{unique}-label"
    name = channel if kind is ViewKind.CHANNEL else user
    labels = (label, None) if kind is ViewKind.CHANNEL else (None, label)
    first, second = (MessagePosted(channel, id_, user, id_, now_ms(), *labels) for id_ in "12")
    await log.append([first, second, MessageDeleted(channel, "1", now_ms()), MessageDeleted(channel, "2", now_ms())])
    await log.append([MessagePosted(channel, "3", user, "without it", now_ms())])
    assert [row["text"] for row in await everywhere.rows(kind, name)] == ["without it"]
    assert await places_with(label, stack.database_url, redis)
    deleted_ms = await _later_than(now_ms())
    await log.append([ChannelDeleted(name, deleted_ms) if kind is ViewKind.CHANNEL else UserDeleted(name, deleted_ms)])
    assert await everywhere.rows(kind, name) == []

    async def erased() -> bool:
        places = await places_with(label, stack.database_url, redis)
        # Of a channel, the deltas that are retained keep it for some minutes more.
        return not [place for place in places if kind is ViewKind.USER or not place.endswith(":deltas'")]

    await wait_until_async(erased, ERASED_S, "nothing left of the display name")


@pytest.mark.parametrize("kind", [ViewKind.CHANNEL, ViewKind.USER])
async def test_a_name_that_is_used_again_starts_from_zero(
    log: KafkaLog, everywhere: Everywhere, unique: str, kind: ViewKind
) -> None:
    """What was there before stays deleted when it is delivered again, and its ids stay taken."""
    channel, user = f"{unique}-channel", f"{unique}-user"
    name = channel if kind is ViewKind.CHANNEL else user
    now = now_ms()
    old = [MessagePosted(channel, str(n), user, f"old {n}", now - 10 + n, "Old room", "Old user") for n in range(5)]
    await log.append(old)
    assert len(await everywhere.rows(kind, name)) == 5
    deleted_ms = await _later_than(now)
    await log.append([ChannelDeleted(name, deleted_ms) if kind is ViewKind.CHANNEL else UserDeleted(name, deleted_ms)])
    assert await everywhere.rows(kind, name) == []
    again_ms = await _later_than(deleted_ms)
    await log.append([*old, MessagePosted(channel, "new", user, "new", again_ms), *old])
    assert [row["text"] for row in await everywhere.rows(kind, name)] == ["new"]


async def test_an_id_that_is_used_again_after_its_message_was_deleted_stays_deleted(
    log: KafkaLog, everywhere: Everywhere, letters: DeadLetters, unique: str
) -> None:
    """A repeat is dropped silently; another text under the same id is a conflict, and neither is shown."""
    post = MessagePosted(unique, "1", "ann", "first", now_ms())
    await log.append([post, MessageDeleted(unique, "1", now_ms()), post])
    [conflict] = await append(log, message(unique, "another", format_ms(now_ms()), id="1"))
    [entry] = await letters.buried(conflict)
    assert entry.reason == "conflict"
    assert await everywhere.texts(unique) == []


async def _later_than(ms: int) -> int:
    """The time, once the clock shows a later one."""

    async def passed() -> int:
        return now if (now := now_ms()) > ms else 0

    return await wait_until_async(passed, 1, "the next millisecond")
