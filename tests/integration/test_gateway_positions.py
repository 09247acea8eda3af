"""At every `id:`, a client holds exactly what the read model was at that position: nothing lost, nothing twice.

Windows are tiny here, so that they have to be read anew all the time, from Valkey and from Postgres.
"""

import asyncio
import random
from collections.abc import Iterator

import pytest

from livestream.cursor import Cursor
from livestream.frames import LIMITS, View, ViewKind
from tests.support.random_chat import CHANNELS, TINY_WINDOWS, USERS, random_batches
from tests.support.streaming import ReadModelWriter, RunningGateway, StreamClient, assert_holds

PLAIN = [View(ViewKind.HOME), View(ViewKind.MESSAGES), View(ViewKind.CHANNELS), View(ViewKind.USERS)]
NAMED = [View(ViewKind.CHANNEL, CHANNELS[0]), View(ViewKind.USER, USERS[0]), View(ViewKind.USER, "nobody")]
VIEWS = [*PLAIN, *NAMED]
WATCHED = [[view] for view in VIEWS] + [PLAIN, NAMED, VIEWS]


@pytest.fixture(scope="module", autouse=True)
def tiny_windows() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for kind, limits in TINY_WINDOWS.items():
            patch.setitem(LIMITS, kind, limits)
        yield


class Audience:
    """Clients that check every position they are told of."""

    def __init__(self, writer: ReadModelWriter, gateway: RunningGateway, choose: random.Random) -> None:
        self.done = asyncio.Event()
        self._writer = writer
        self._gateway = gateway
        self._choose = choose

    async def stay(self, views: list[View]) -> None:
        async with self._gateway.open(*views) as client:
            while not self.done.is_set():
                await self.follow(client, views, self._writer.cursor.sequence)
            await self.follow(client, views, self._writer.cursor.sequence)

    async def come_and_go(self, views: list[View]) -> None:
        held: StreamClient | None = None
        while not self.done.is_set():
            cursor = held.position() if held else None
            async with self._gateway.open(*views, last_event_id=cursor) as client:
                if held:
                    client.views = held.views
                further = (cursor.sequence if cursor else 0) + self._choose.randrange(1, 20)
                await self.follow(client, views, min(self._writer.cursor.sequence, further))
                held = client

    async def follow(self, client: StreamClient, views: list[View], to: int) -> None:
        """Read on up to a sequence."""
        while True:
            before = client.position()
            event, _ = await client.next()
            position = client.position()
            if position is None or not event.has_id:
                continue
            assert before is None or position.sequence >= before.sequence
            assert_holds(client, self._writer.states[position.sequence], views)
            if position.sequence >= to:
                return


@pytest.mark.parametrize("seed", range(4))
async def test_clients_of_every_kind_agree_with_the_model(
    writer: ReadModelWriter, gateway: RunningGateway, seed: int
) -> None:
    """Some stay, and some come back again and again, while a projector publishes."""
    batches, choose = random_batches(seed), random.Random(seed)
    audience = Audience(writer, gateway, choose)
    for _ in range(20):
        await writer.publish(*next(batches))
    async with asyncio.TaskGroup() as tasks:
        for views in WATCHED:
            tasks.create_task(audience.stay(views))
            tasks.create_task(audience.come_and_go(views))
        for _ in range(120):
            await writer.publish(*next(batches))
            await asyncio.sleep(choose.choice((0, 0, 0.01, 0.05)))
        audience.done.set()


async def test_a_cursor_of_any_age_is_caught_up_with(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    """From memory where the gateway saw it, and from Valkey where it did not."""
    batches = random_batches(9)
    for _ in range(40):
        await writer.publish(*next(batches))
    async with gateway.open(View(ViewKind.HOME)) as client:
        await client.reach(writer.cursor)
    for _ in range(20):
        await writer.publish(*next(batches))

    audience = Audience(writer, gateway, random.Random(9))

    async def resume(views: list[View], sequence: int) -> None:
        async with gateway.open(*views, cursor=Cursor(writer.epoch, sequence)) as client:
            for view in views:
                client.views[str(view)].hold(writer.states[sequence].expected(view))
            await audience.follow(client, views, writer.cursor.sequence)
            reasons = {data["reason"] for event, data in client.frames if event == "snapshot"}
            assert reasons <= {"behind"}

    async with asyncio.TaskGroup() as tasks:
        for views in WATCHED:
            for sequence in range(len(writer.states)):
                tasks.create_task(resume(views, sequence))
