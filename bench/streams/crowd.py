"""The load client: a process of its own, on cores of its own, that is told what to do."""

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Collection
from multiprocessing.connection import Connection
from typing import Concatenate, Final, ParamSpec, Self, TypeVar, cast

from bench.streams.watchers import Watchers

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

_IDLE_S: Final = 1.0


class Crowd:
    """`await crowd.ask(Watchers.come, audience)` and so on. What fails over there is raised here."""

    def __init__(self, cores: Collection[int]) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._ours, self._theirs = spawning.Pipe()
        self._process = spawning.Process(target=_serve, args=(self._theirs, sorted(cores)), daemon=True)

    async def __aenter__(self) -> Self:
        self._process.start()
        self._theirs.close()  # so that its end is noticed here
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.kill()
        await asyncio.to_thread(self._process.join)
        self._ours.close()

    async def ask(
        self,
        method: Callable[Concatenate[Watchers, Arguments], Answer],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        """Run a method over there."""
        return cast("Answer", await asyncio.to_thread(self._ask, method, arguments, named))

    def _ask(self, *call: object) -> object:
        self._ours.send(call)
        answer = self._ours.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _serve(pipe: "Connection[object, object]", cores: Collection[int]) -> None:
    os.sched_setaffinity(0, cores)
    watchers = Watchers()
    watchers.listen(pipe.fileno())
    while True:
        if watchers.read(_IDLE_S):
            _answer(watchers, pipe)


def _answer(watchers: Watchers, pipe: "Connection[object, object]") -> None:
    method, arguments, named = cast("tuple[Callable[..., object], tuple[object, ...], dict[str, object]]", pipe.recv())
    try:
        pipe.send(method(watchers, *arguments, **named))
    except Exception as error:  # noqa: BLE001 - it belongs to who asked
        pipe.send(error)
