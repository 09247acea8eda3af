"""A stream that is cut at any byte and resumed ends as one that was not cut."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from livestream.frames import View, ViewKind
from tests.support.chat_model import DeleteChannel, DeleteMessage, DeleteUser, Edit, Happening, Post
from tests.support.recorded_stream import Held, Recording
from tests.support.streaming import ReadModelWriter, RunningGateway, StreamClient, assert_holds

VIEWS = [
    *(View(kind) for kind in (ViewKind.HOME, ViewKind.MESSAGES, ViewKind.CHANNELS, ViewKind.USERS)),
    View(ViewKind.CHANNEL, "日本/😀"),
    View(ViewKind.USER, "Zoë"),
    View(ViewKind.USER, "eve"),
]
# Those of them that the last post, Zoë's, changes.
CONCERNED = ["channels", "home", "messages", "users", "users/Zoë"]
# More than a stream that is live may lag behind.
LAG_MS = 6_000
# What eve wrote; nobody is to see it again once she is deleted.
SECRET = "geheim 🤫"

BEFORE: Sequence[Happening] = (
    Post("日本/😀", "1", "Zoë", 1, 1, "tèxt 😀\n\u2028 日本"),
    Post("c", "2", "ann", 2, 2, "\r\n\r\n: data: id: 7 \u0000".replace("\u0000", "�")),
    Post("c", "3", "eve", 3, 3, SECRET),
    Post("gone", "4", "bob", 4, 4, "goes with its channel"),
)
SESSION: Sequence[Sequence[Happening]] = (
    [Post("日本/😀", "5", "ann", 5, 5, "ａ" * 200, "Shown 語")],
    [Edit("日本/😀", "1", "èdited"), Post("c", "6", "Zoë", 6, 6, "é")],
    [DeleteMessage("c", "2")],
    [Post("c", "7", "eve", 3, 7, f"late, {SECRET}"), Post("日本/😀", "8", "Zoë", 8, 8, "🏳️‍🌈")],
    [DeleteChannel("gone", 8)],
    [Post("gone", "9", "bob", 9, 9, "anew"), DeleteMessage("日本/😀", "8")],
    [Edit("日本/😀", "1", "edited again"), Post("new", "10", "new", 10, 10, "")],
)
DELETION: Sequence[Sequence[Happening]] = ([DeleteUser("eve", 10)], [Post("c", "11", "ann", 11, 11, "after that")])


@pytest.fixture
async def writer(writer: ReadModelWriter) -> ReadModelWriter:
    await writer.publish(*BEFORE)
    return writer


@asynccontextmanager
async def recorded(
    writer: ReadModelWriter, gateway: RunningGateway, encoding: str, session: Sequence[Sequence[Happening]]
) -> AsyncIterator[Recording]:
    """A client that was there all the time, and still is; each batch was told alone, and every kind of event came."""
    recording = Recording(VIEWS)
    await recording.begin(gateway.url, encoding)
    try:
        await recording.reach(writer.cursor)
        await recording.hear("live")
        for batch in session:
            await writer.publish(*batch)
            await recording.reach(writer.cursor)
        await writer.report(lag_ms=LAG_MS)
        await recording.hear("stale")
        yield recording
    finally:
        await recording.end()


class Cuts(NamedTuple):
    """`held`: what clients hold that were cut somewhere, each once. `places`: how many cuts that accounts for."""

    held: list[Held]
    places: int


def cuts_of(recording: Recording) -> Cuts:
    """Clients that hold the same and return with the same go on alike: they differ in nothing that a gateway sees."""
    held: dict[tuple[str, int], Held] = {}
    places = 0
    for client in recording.cuts():
        places += 1
        if client.key not in held:
            held[client.key] = client.held()
    return Cuts(list(held.values()), places)


class Resumptions:
    """Comes back with all that was held, and holds it to `uncut` and the model; then once more, after something new."""

    def __init__(self, writer: ReadModelWriter, gateway: RunningGateway, held: Sequence[Held]) -> None:
        self.clients: list[tuple[Held, StreamClient]] = []
        self._writer = writer
        self._gateway = gateway
        self._held = held
        self._together = asyncio.Barrier(len(held) + 1)

    async def run(self, uncut: Recording) -> None:
        async with asyncio.TaskGroup() as tasks:
            for held in self._held:
                tasks.create_task(self._resume(held, uncut))
            await self._together.wait()
            await self._writer.publish(Post("c", "new", "Zoë", 99, 99, "for all"))
            await uncut.reach(self._writer.cursor)
            await self._together.wait()

    async def _resume(self, held: Held, uncut: Recording) -> None:
        async with self._gateway.open(*VIEWS, last_event_id=held.last_event_id) as client:
            client.views = held.views
            self.clients.append((held, client))
            await client.reach(self._writer.cursor)
            self._check(client, uncut, held)
            missed = client.frames
            assert len({data["view"] for _, data in missed}) == len(missed), "what was missed is told once"
            await self._together.wait()
            await self._together.wait()
            await client.reach(self._writer.cursor)
            self._check(client, uncut, held)
            new = client.frames[len(missed) :]
            assert sorted(data["view"] for _, data in new) == CONCERNED, "what is new is told once"
            assert {event for event, _ in new} == {"delta"}

    def _check(self, client: StreamClient, uncut: Recording, held: Held) -> None:
        assert_holds(client, self._writer.chat, VIEWS)
        for name, view in client.views.items():
            assert view.window() == uncut.client.views[name].window(), (held.last_event_id, held.frames, name)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_cut_at_every_byte_ends_as_no_cut(
    writer: ReadModelWriter, gateway: RunningGateway, encoding: str
) -> None:
    """Within characters, lines, chunks and blocks: the client is told what it misses, in one frame a view."""
    async with recorded(writer, gateway, encoding, SESSION) as recording:
        cuts = cuts_of(recording)
        assert cuts.places == len(recording.content) + 1
        # Nothing yet, then each snapshot, then at least a frame for each batch.
        assert len(cuts.held) > len(VIEWS) + len(SESSION)
        resumptions = Resumptions(writer, gateway, cuts.held)
        await resumptions.run(recording)
    assert len(resumptions.clients) == len(cuts.held)
    for held, client in resumptions.clients:
        snapshots = [data["reason"] for event, data in client.frames if event == "snapshot"]
        assert snapshots == ([] if held.last_event_id else ["start"] * len(VIEWS)), held


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_no_cut_brings_a_deleted_users_text_back(
    writer: ReadModelWriter, gateway: RunningGateway, encoding: str
) -> None:
    """A client that was cut before the deletion holds the text: it is told to drop it, and is not told it again."""
    async with recorded(writer, gateway, encoding, [*SESSION, *DELETION]) as recording:
        cuts = cuts_of(recording)
        assert cuts.places == len(recording.content) + 1
        resumptions = Resumptions(writer, gateway, cuts.held)
        await resumptions.run(recording)
    for held, client in resumptions.clients:
        assert not any(SECRET in event.data for event, _ in client.events)
        reasons = {data["reason"] for event, data in client.frames if event == "snapshot"}
        assert reasons <= ({"evicted"} if held.last_event_id else {"start"}), held
