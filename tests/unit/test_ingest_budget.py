"""The byte budget: in order, and nothing is lost of it."""

import asyncio

import pytest

from livestream_ingest.budget import ByteBudget


def spawn(budget: ByteBudget, size: int) -> asyncio.Task[None]:
    return asyncio.create_task(budget.take(size))


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_takers_wait_their_turn() -> None:
    budget = ByteBudget(10, "test")
    await budget.take(6)
    large, small = spawn(budget, 8), spawn(budget, 1)
    await settle()
    assert not large.done()
    assert not small.done(), "a small one must not overtake, or a large one may wait for ever"
    budget.give_back(6)
    await large
    await small


async def test_what_is_larger_than_all_goes_alone() -> None:
    budget = ByteBudget(10, "test")
    await budget.take(50)
    following = spawn(budget, 1)
    await settle()
    assert not following.done()
    budget.give_back(50)
    await following


@pytest.mark.parametrize("freed", ["before", "while it gives up", "after"])
async def test_who_gives_up_waiting_leaves_nothing_taken(freed: str) -> None:
    """While it gives up: its future is cancelled already, but it has not run yet."""
    budget = ByteBudget(10, "test")
    await budget.take(10)
    quitter, other = spawn(budget, 10), spawn(budget, 10)
    await settle()
    if freed == "before":
        budget.give_back(10)
    quitter.cancel()
    if freed == "while it gives up":
        budget.give_back(10)
    (outcome,) = await asyncio.gather(quitter, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError)
    if freed == "after":
        budget.give_back(10)
    await asyncio.wait_for(other, 1)
