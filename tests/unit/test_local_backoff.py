"""Delays between starts."""

from itertools import islice

from livestream_local import backoff


def test_delays_double_up_to_a_limit_and_are_never_in_step() -> None:
    first = list(islice(backoff.delays_s(), 12))
    assert 0 < first[0] <= backoff.FIRST_DELAY_S
    for number, delay_s in enumerate(first):
        ceiling_s = min(backoff.FIRST_DELAY_S * 2**number, backoff.LONGEST_DELAY_S)
        assert ceiling_s / 2 <= delay_s <= ceiling_s
    assert first != list(islice(backoff.delays_s(), 12))
