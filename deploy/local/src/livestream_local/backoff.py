"""How long to wait before something is started again."""

import random
from collections.abc import Iterator

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0


def delays_s() -> Iterator[float]:
    """Doubling delays with jitter, so that programs which failed together do not come back together."""
    delay_s = FIRST_DELAY_S
    while True:
        yield delay_s * random.uniform(0.5, 1)
        delay_s = min(delay_s * 2, LONGEST_DELAY_S)
