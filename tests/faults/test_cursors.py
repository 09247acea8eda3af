"""Cursors of every kind: what the contract says, once; no silence, no loop, no count that runs back."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livestream.cursor import Cursor, new_epoch
from livestream.frames import View, ViewKind
from livestream.retries import RETRIES
from tests.support.chat_model import Post
from tests.support.streaming import ReadModelWriter, RunningGateway, StreamClient, assert_holds, running_gateway
from tests.support.waiting import wait_until_async

HOME, ANN = View(ViewKind.HOME), View(ViewKind.USER, "ann")
VIEWS = [HOME, View(ViewKind.MESSAGES), ANN]
# A heartbeat, and what a busy machine may take to deliver it.
LONGEST_SILENCE_S = 2.0 + 0.5
# A stream says `stale` when it lags for 5 s, which is noticed within a second and told within another.
FIRST_STALE_S = 8.0
# As the contract writes a cursor, `<epoch>-<sequence>`; EPOCH stands for the one that is.
FORM = re.compile(r"([0-9a-f]{16})-(0|[1-9][0-9]{0,14})")
MALFORMED = [
    "nonsense", "-", "0", "EPOCH", "EPOCH-", "-2", "EPOCH-x", "EPOCH--1", "EPOCH-+1", "EPOCH-01", "EPOCH-1.0",
    "EPOCH-1e1", "EPOCH-2 2", "EPOCH-2-2", "EPOCH 2", "EPOCH_2", "EPOCH-２", "EPOCH-2,EPOCH-3", '"EPOCH-2"',
    "0xEPOCH-2", "aEPOCH-2", "EPOCH-9999999999999999", "EPOCH-" + "9" * 1000, "null", "undefined", "../etc/passwd",
    "%00", "😀", "*", "$", "0-0",
]  # fmt: skip
LIMITED = "limited"


@pytest.fixture
async def writer(writer: ReadModelWriter) -> ReadModelWriter:
    await post(writer, 5)
    return writer


async def post(writer: ReadModelWriter, count: int = 1) -> None:
    for _ in range(count):
        number = writer.chat.offset
        await writer.publish(Post("c", str(number), "ann", number, number))


class Claim(NamedTuple):
    """Where a client says that it is."""

    header: str = ""
    query: str = ""


async def listen(client: StreamClient, to: Cursor) -> None:
    """Read up to a cursor: never a silence, and positions and counts only rise."""
    assert to.epoch
    while client.position() != to:
        before = client.position()
        async with asyncio.timeout(LONGEST_SILENCE_S):
            await client.next()
        position = client.position()
        assert before is None or (position and position.sequence >= before.sequence)
    counts = [data["totals"]["messages"] for _, data in client.frames if data["view"] == "home" and "totals" in data]
    assert counts == sorted(counts)


def reasons(client: StreamClient) -> list[str]:
    return [data["reason"] for event, data in client.frames if event == "snapshot"]


async def hold_to_contract(
    writer: ReadModelWriter, gateway: RunningGateway, claims: Sequence[Claim], reason: str | None
) -> None:
    """All of them begin with a status, get one snapshot a view for that reason (or none), and go on with deltas."""
    told = asyncio.Barrier(len(claims) + 1)

    async def come(claim: Claim) -> None:
        async with gateway.open(*VIEWS, cursor=claim.query, last_event_id=claim.header) as client:
            if reason is None:
                for view in VIEWS:
                    client.views[str(view)].hold(writer.chat.expected(view))
            async with asyncio.timeout(LONGEST_SILENCE_S):
                event, _ = await client.next()
            assert event.event == "status"
            await listen(client, writer.cursor)
            assert reasons(client) == [reason] * len(VIEWS) * bool(reason), claim
            assert_holds(client, writer.chat, VIEWS)
            caught_up = len(client.frames)
            await told.wait()
            await told.wait()
            await listen(client, writer.cursor)
            assert [event for event, _ in client.frames[caught_up:]] == ["delta"] * len(VIEWS), claim
            assert_holds(client, writer.chat, VIEWS)

    async with asyncio.TaskGroup() as tasks:
        for claim in claims:
            tasks.create_task(come(claim))
        await told.wait()
        await post(writer)
        await told.wait()


def carried(cursors: Sequence[object], other: object) -> list[Claim]:
    """Each in the header, in the address, and in the header with another in the address, which does not count then."""
    return [
        claim
        for cursor in cursors
        for claim in (Claim(header=str(cursor)), Claim(query=str(cursor)), Claim(str(cursor), str(other)))
    ]


async def test_malformed_cursors(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    texts = [text.replace("EPOCH", writer.epoch) for text in MALFORMED]
    await hold_to_contract(writer, gateway, carried(texts, writer.cursor), "unknown-cursor")


async def test_cursors_from_the_future(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    ahead = (1, 100, 10**15 - 1 - writer.cursor.sequence)
    future = [Cursor(writer.epoch, writer.cursor.sequence + by) for by in ahead]
    await hold_to_contract(writer, gateway, carried(future, writer.cursor), "unknown-cursor")


async def test_cursors_of_another_epoch(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    """Of the one before, and of none that ever was; whatever their sequence."""
    before = writer.cursor
    async with gateway.open(HOME) as client:
        await client.reach(before)
        await writer.begin_epoch()
        await post(writer, 2)
        await client.reach(writer.cursor)
    others = [
        before,
        Cursor(before.epoch, 0),
        Cursor(before.epoch, 1),
        Cursor(new_epoch(), 2),
        Cursor("0" * 16, 10**14),
    ]
    await hold_to_contract(writer, gateway, carried(others, writer.cursor), "epoch")


async def test_cursors_that_are_not_retained(writer: ReadModelWriter, redis_url: str, database_url: str) -> None:
    """Redis has dropped those deltas, and this gateway never saw them; from the oldest that is retained one goes on."""
    await writer.serving.redis.xtrim(f"{{livestream}}:{writer.epoch}:deltas", minid="4-0", approximate=False)
    async with running_gateway(redis_url, database_url) as fresh:
        evicted = [Cursor(writer.epoch, sequence) for sequence in (0, 1, 2)]
        await hold_to_contract(writer, fresh, carried(evicted, writer.cursor), "evicted")
        async with fresh.open(*VIEWS, cursor=Cursor(writer.epoch, 3)) as client:
            for view in VIEWS:
                client.views[str(view)].hold(writer.states[3].expected(view))
            await listen(client, writer.cursor)
            assert reasons(client) == []
            assert_holds(client, writer.chat, VIEWS)


async def test_cursors_that_are_where_everybody_is(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    """Nothing is told again; and what the address says counts only where the header says nothing."""
    for other in ("nonsense", Cursor(writer.epoch, 1), Cursor(new_epoch(), 1)):
        await hold_to_contract(writer, gateway, carried([writer.cursor], other), None)


texts = st.one_of(
    st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40),
    st.from_regex(r" ?[0-9a-fA-F]{15,17}[-_ ]?[-+ ]?[0-9]{0,17} ?", fullmatch=True),
    st.from_regex(r" ?EPOCH-[-+ ]?0?[0-9]{0,17} ?", fullmatch=True),
    st.from_regex(r"[0-9a-f]{16}-[1-9][0-9]{0,14}", fullmatch=True),
    st.integers(0, 4).map("EPOCH-{}".format),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=st.just("") | texts, query=st.just("") | texts)
async def test_any_text_is_answered_as_the_contract_says(
    writer: ReadModelWriter, gateway: RunningGateway, header: str, query: str
) -> None:
    claim = Claim(header.replace("EPOCH", writer.epoch), query.replace("EPOCH", writer.epoch))
    # Blanks around a header's value are not part of it (RFC 9110, section 5.5).
    text = claim.header.strip(" \t") or claim.query
    form = FORM.fullmatch(text)
    async with gateway.open(HOME, cursor=claim.query, last_event_id=claim.header) as client:
        assert client.response.status == 200
        event, _ = await client.next()
        assert event.event == "status"
        if form and form[1] == writer.epoch and int(form[2]) <= writer.cursor.sequence:
            client.views["home"].hold(writer.states[int(form[2])].expected(HOME))
            await client.reach(writer.cursor)
            assert reasons(client) == []
        else:
            _, data = await client.next_of("snapshot", "delta")
            known = "epoch" if form and form[1] != writer.epoch else "unknown-cursor"
            assert data["reason"] == (known if text else "start")
        assert_holds(client, writer.chat, [HOME])


class LimitedGateway:
    """A gateway that Redis may keep from reading the delta log, while it answers everything else."""

    def __init__(self, running: RunningGateway, writer: ReadModelWriter) -> None:
        self.running = running
        self._writer = writer

    async def fall_behind(self) -> None:
        await self._let("-xread")
        refused = RETRIES.labels("follow_delta_log")
        before = refused._value.get()
        await wait_until_async(lambda: asyncio.sleep(0, refused._value.get() > before))

    async def go_on(self) -> None:
        await self._let("+xread")

    async def _let(self, rule: str) -> None:
        await self._writer.serving.redis.acl_setuser(LIMITED, enabled=True, commands=[rule])


@asynccontextmanager
async def limited_gateway(writer: ReadModelWriter, redis_url: str, database_url: str) -> AsyncIterator[LimitedGateway]:
    await writer.serving.redis.acl_setuser(
        LIMITED, enabled=True, nopass=True, reset=True, keys=["*"], channels=["*"], categories=["+@all"]
    )
    as_limited = redis_url.replace("//", f"//{LIMITED}:any@", 1)
    assert urlsplit(as_limited).username == LIMITED
    async with running_gateway(as_limited, database_url) as running:
        yield LimitedGateway(running, writer)


async def test_a_gateway_that_is_behind_waits_for_whoever_is_ahead_of_it(
    writer: ReadModelWriter, gateway: RunningGateway, redis_url: str, database_url: str
) -> None:
    """They come from another gateway, or from a page that was rendered: they are told nothing older than they hold.

    Meanwhile they hear heartbeats, which say that something is behind as soon as that lasts.
    """
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(writer.reporting())
        behind = await stack.enter_async_context(limited_gateway(writer, redis_url, database_url))
        stays = await stack.enter_async_context(behind.running.open(*VIEWS))
        await stays.reach(writer.cursor)
        await behind.fall_behind()
        await post(writer, 3)
        moved = await stack.enter_async_context(gateway.open(*VIEWS))
        await moved.reach(writer.cursor)
        ahead = []
        for claim in (Claim(header=str(moved.position())), Claim(query=str(writer.cursor))):
            client = await stack.enter_async_context(
                behind.running.open(*VIEWS, cursor=claim.query, last_event_id=claim.header)
            )
            for view in VIEWS:
                client.views[str(view)].hold(writer.chat.expected(view))
            ahead.append(client)
        new = await stack.enter_async_context(behind.running.open(*VIEWS))
        async with asyncio.timeout(FIRST_STALE_S):
            for client in (stays, *ahead):
                while not client.events or client.events[-1][1].get("state") != "stale":
                    async with asyncio.timeout(LONGEST_SILENCE_S):
                        await client.next()
        assert [client.frames for client in ahead] == [[], []]
        assert [client.position() for client in ahead] == [None, None]
        await behind.go_on()
        await asyncio.gather(*(listen(client, writer.cursor) for client in (stays, new, *ahead)))
        assert [client.frames for client in ahead] == [[], []]
        await post(writer)
        for client in (stays, new, *ahead):
            await listen(client, writer.cursor)
            assert_holds(client, writer.chat, VIEWS)
            await client.state("live")
        for client in ahead:
            assert [event for event, _ in client.frames] == ["delta"] * len(VIEWS)
        assert reasons(stays) == reasons(new) == ["start"] * len(VIEWS)


async def test_a_gateway_that_misses_what_was_trimmed_starts_its_clients_anew(
    writer: ReadModelWriter, redis_url: str, database_url: str
) -> None:
    """It was away for longer than deltas are retained: each client is told why, once, and goes on."""
    async with (
        limited_gateway(writer, redis_url, database_url) as behind,
        behind.running.open(*VIEWS) as client,
    ):
        await client.reach(writer.cursor)
        await behind.fall_behind()
        await post(writer, 4)
        newest = f"{writer.cursor.sequence}-0"
        await writer.serving.redis.xtrim(f"{{livestream}}:{writer.epoch}:deltas", minid=newest, approximate=False)
        await behind.go_on()
        await listen(client, writer.cursor)
        assert reasons(client) == ["start"] * len(VIEWS) + ["evicted"] * len(VIEWS)
        assert_holds(client, writer.chat, VIEWS)
        await post(writer)
        await listen(client, writer.cursor)
        assert_holds(client, writer.chat, VIEWS)
        assert len(reasons(client)) == 2 * len(VIEWS)
