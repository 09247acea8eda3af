"""Which views the gateway holds, and that it waits for none that nobody holds any more."""

import asyncio
from typing import Any, cast

import pytest

from livestream.cursor import Cursor
from livestream.deltas import Totals
from livestream.frames import View, ViewKind, Window
from livestream.readmodel import ReadModel, ViewRead
from livestream.serving import DeltaLog
from livestream_gateway import views as module
from livestream_gateway.follower import Follower, Following
from livestream_gateway.retention import RecentDeltas
from livestream_gateway.views import Views

EPOCH = "0" * 16
VIEW = View(ViewKind.CHANNEL, "tea")


class HeldModel:
    """Reads that come to their end when they are told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answered = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def read(self, view: View) -> ViewRead:
        self.asked.set()
        await self.may_answer.wait()
        self.answered.set()
        return ViewRead(Window(view, 0, Totals()), Cursor(EPOCH, 0), 0)


@pytest.fixture(autouse=True)
def nothing_is_kept_unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT_UNWATCHED_SECONDS", -1.0)


async def views_in_which_one_is_being_read(model: HeldModel) -> tuple[Views, Following]:
    views = Views(cast("ReadModel", model), cast("Follower", None), lambda: None)
    views.unwatch(views.watch(VIEW))
    following = Following(DeltaLog(cast("Any", None), EPOCH), RecentDeltas(0, 1_000))
    views.begin(following)
    await model.asked.wait()
    return views, following


async def finish_reading(model: HeldModel, views: Views) -> None:
    model.may_answer.set()
    await model.answered.wait()
    await asyncio.gather(*views._reads)


@pytest.mark.parametrize("is_let_go_first", [True, False], ids=["before it is read", "when it is read"])
async def test_a_view_that_was_let_go_is_not_waited_for(*, is_let_go_first: bool) -> None:
    model = HeldModel()
    views, following = await views_in_which_one_is_being_read(model)
    if is_let_go_first:
        views.sweep()
    await finish_reading(model, views)
    if not is_let_go_first:
        assert views.have_arrived_by(following.newest.sequence)
        views.sweep()
    assert not views.have_arrived_by(following.newest.sequence)


async def test_a_view_that_is_watched_stays() -> None:
    model = HeldModel()
    views, following = await views_in_which_one_is_being_read(model)
    watched = views.watch(VIEW)
    views.sweep()
    await finish_reading(model, views)
    assert views.have_arrived_by(following.newest.sequence)
    views.advance([], following)
    assert watched.window is not None
    assert not views.have_arrived_by(following.newest.sequence)
