"""Made-up names and words, the same for each seed."""

from collections.abc import Sequence
from random import Random
from typing import Final

SYLLABLES: Final = ("ka", "ri", "mo", "te", "sun", "lo", "ve", "dar", "pi", "no", "shi", "bel", "gu", "za", "en")
_WORDS: Final = 20_000
_WORDS_A_TEXT: Final = 10


def texts(count: int, seed: int) -> list[str]:
    """Texts of ten words, some of which are said far more than others."""
    random = Random(seed)
    words = ["".join(random.choices(SYLLABLES, k=random.randint(1, 4))) for _ in range(_WORDS)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    return [" ".join(random.choices(words, weights, k=_WORDS_A_TEXT)) for _ in range(count)]


def names(count: int, seed: int) -> list[str]:
    """Distinct names that begin as others do."""
    random = Random(seed)
    return [f"{''.join(random.choices(SYLLABLES, k=3))}-{number}" for number in range(count)]


def display_names(plain: Sequence[str], seed: int) -> list[str]:
    """Two words for each."""
    random = Random(seed)
    return [" ".join("".join(random.choices(SYLLABLES, k=2)).title() for _ in range(2)) for _ in plain]
