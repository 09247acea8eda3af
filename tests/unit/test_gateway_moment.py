"""A moment is what asyncio.Event is, to those few who wait."""

import asyncio
from contextlib import suppress

from livestream_gateway.moment import Moment


async def test_all_who_wait_go_on_and_who_comes_later_does_not_wait() -> None:
    moment = Moment()
    waiting = [asyncio.create_task(moment.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    moment.set()
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting)
        await moment.wait()


async def test_who_is_cancelled_leaves_the_others_waiting() -> None:
    moment = Moment()
    cancelled, waiting = asyncio.create_task(moment.wait()), asyncio.create_task(moment.wait())
    await asyncio.sleep(0)
    cancelled.cancel()
    with suppress(asyncio.CancelledError):
        await cancelled
    assert not waiting.done()
    moment.set()
    async with asyncio.timeout(1):
        await waiting


async def test_it_may_come_again() -> None:
    moment = Moment()
    moment.set()
    moment.clear()
    assert not moment.is_set()
    waiting = asyncio.create_task(moment.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    moment.set()
    async with asyncio.timeout(1):
        await waiting
