"""Random histories of the whole write path under faults: with a clock that nobody waits for, and a log in memory.

Every history is its seed's. A seed that fails is printed with what happened; `LIVESTREAM_SIMULATION_SEED=1234` repeats
one, and `LIVESTREAM_SIMULATION_SEEDS=100000` runs more of them. tests/support/simulation says what is simulated.
"""

import os
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
from redis import Redis

from livestream.serving import PublishOutcome
from tests.support.simulation.history import History, simulate
from tests.support.simulation.kafka import WallClock
from tests.support.simulation.mutants import MUTANTS, Mutant
from tests.support.simulation.random_calls import RandomCalls
from tests.support.simulation.serving_model import Constants, ServingModel
from tests.support.simulation.serving_valkey import ComparedServing, ValkeyServing
from tests.support.simulation.world import World

# A history takes some 20 ms; these are for every run of the tests.
SEEDS = int(os.environ.get("LIVESTREAM_SIMULATION_SEEDS", "600"))
ONLY = os.environ.get("LIVESTREAM_SIMULATION_SEED")
CHUNK = 100
# A history that asks a real server too takes twice as long.
COMPARED = 20
NOTICED_WITHIN = 200
RANDOM_CALLS = 2_000


def chunks() -> list[range]:
    if ONLY:
        return [range(int(ONLY), int(ONLY) + 1)]
    return [range(start, min(start + CHUNK, SEEDS)) for start in range(0, SEEDS, CHUNK)]


@pytest.mark.parametrize("seeds", chunks(), ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_whatever_breaks_the_read_model_is_what_the_log_says(seeds: range) -> None:
    """Conservation, replay, dead letters, and what Redis shows at each position, against the independent witness."""
    for seed in seeds:
        simulate(seed)


def test_a_seed_gives_one_history() -> None:
    def trace(seed: int) -> object:
        history = History(seed)
        history.world.trace = []
        history.run()
        return history.world.trace

    assert trace(7) == trace(7) != trace(8)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_it_would_notice(mutant: Mutant) -> None:
    """With one thing wrong in the product, some history soon breaks a promise: this simulation is worth its time."""
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        for seed in range(NOTICED_WITHIN):
            try:
                History(seed).run()
            except AssertionError:
                return
    raise AssertionError(f"nobody noticed in {NOTICED_WITHIN} histories")


@pytest.fixture
def valkey(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, protocol=2) as client:
        yield client


def test_the_model_of_the_serving_copy_is_serving_lua(valkey: Redis) -> None:
    """Both get every call of whole histories, and more questions than those; all answers are the same."""
    calls = 0
    for seed in range(COMPARED):

        def both(clock: WallClock, constants: Constants, seed: int = seed) -> ComparedServing:
            model = ServingModel(clock.now_ms, constants)
            return ComparedServing(model, ValkeyServing(valkey, clock.now_ms, constants), Random(seed))

        history = History(seed, both)
        history.run()
        assert isinstance(history.redis.data, ComparedServing)
        calls += history.redis.data.calls
    assert calls > 100 * COMPARED


def test_the_model_is_serving_lua_on_random_calls(valkey: Redis) -> None:
    """The same for batches that no projector would publish, while the clock is set and the server restarts."""
    random, world = Random(1), World(1)
    clock, constants = WallClock(world), Constants()
    compared = ComparedServing(
        ServingModel(clock.now_ms, constants), ValkeyServing(valkey, clock.now_ms, constants), random
    )
    calls, outcomes = RandomCalls(random), Counter[bytes]()
    for number in range(RANDOM_CALLS):
        function, arguments = calls.next()
        reply = compared.fcall(function, arguments)
        calls.heard(reply)
        outcomes[reply[0] if function == "publish" else reply if function == "switch" else function.encode()] += 1
        clock.step(random.choice((0, 1, 100, 700, -300)))
        if number % 400 == 399:
            compared.run_id = f"{number:040x}"
        compared.entries(f"{{livestream}}:{calls.epoch}:deltas")
    assert {outcome.encode() for outcome in (*PublishOutcome, "superseded", "report")} <= outcomes.keys()
