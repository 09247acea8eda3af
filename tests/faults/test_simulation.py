"""Random histories of the whole write path under faults: with a clock that nobody waits for, and a log in memory.

Every history is its seed's. A seed that fails is printed with what happened; `LIVESTREAM_SIMULATION_SEED=1234` repeats
one, and `LIVESTREAM_SIMULATION_SEEDS=100000` runs more of them. tests/support/simulation says what is simulated.
"""

import os

import pytest

from tests.support.simulation.history import History, simulate

# A history takes some 15 ms; these are for every run of the tests.
SEEDS = int(os.environ.get("LIVESTREAM_SIMULATION_SEEDS", "1000"))
ONLY = os.environ.get("LIVESTREAM_SIMULATION_SEED")
CHUNK = 250


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
