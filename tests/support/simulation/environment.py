"""What the product takes from its surroundings, taken from the simulation instead."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from livestream import retries
from livestream.frames import LIMITS
from livestream_gateway import follower, retention, views
from livestream_projector import loader, progress
from tests.support.random_chat import TINY_WINDOWS
from tests.support.simulation.kafka import WallClock
from tests.support.simulation.serving_model import Constants
from tests.support.simulation.world import ProcessLoop, World


def noting(world: World) -> structlog.typing.Processor:
    """Log events become part of the trace."""

    def note(_logger: Any, _method: str, event: Any) -> Any:
        loop = asyncio.get_running_loop()
        name = loop.name if isinstance(loop, ProcessLoop) else "?"
        world.note(name, " ".join(f"{key}={value}" for key, value in event.items()))
        raise structlog.DropEvent

    return note


@contextmanager
def surroundings(world: World, clock: WallClock, constants: Constants) -> Iterator[None]:
    """Time, chance and logs come from the world, and windows are tiny, while this lasts."""
    with pytest.MonkeyPatch.context() as patch:
        monotonic: Any = SimpleNamespace(monotonic=lambda: world.now)
        patch.setattr(retries, "random", world.random)
        patch.setattr(loader, "new_epoch", lambda: f"{world.random.getrandbits(64):016x}")
        patch.setattr(loader, "KEPT_MESSAGES", constants.KEPT_MESSAGES)
        for module in (progress, follower, views):
            patch.setattr(module, "time", monotonic)
        patch.setattr(retention, "RETAINED_MS", constants.RETAINED_MS)
        patch.setattr(progress, "now_ms", clock.now_ms)
        for kind, limits in TINY_WINDOWS.items():
            patch.setitem(LIMITS, kind, limits)
        before = structlog.get_config()
        level = logging.CRITICAL if world.trace is None else logging.INFO
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level), processors=[noting(world)])
        try:
            yield
        finally:
            structlog.configure(**before)
