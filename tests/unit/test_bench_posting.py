"""The benchmark of ingest finds what is wrong on the log."""

import pytest

from bench.posting.contest import InexactError, check
from bench.posting.log_tail import Logged

TEA, ALE = b"tea", b"ale"
REQUESTS = [["1", "2", "3"], ["4"]]


def logged(*records: tuple[bytes, str]) -> list[Logged]:
    return [Logged(key, id_) for key, id_ in records]


def test_requests_may_mix_and_so_may_channels() -> None:
    check(REQUESTS, logged((ALE, "2"), (TEA, "4"), (TEA, "1"), (TEA, "3")))


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ("124", "4 messages were acknowledged, 3 are on the log, 3 different ones"),
        ("12344", "4 messages were acknowledged, 5 are on the log, 4 different ones"),
        ("1233", "4 messages were acknowledged, 4 are on the log, 3 different ones"),
        ("1235", "4 messages were acknowledged, 4 are on the log, 4 different ones"),
        ("1324", "2 overtook another message of its channel"),
    ],
    ids=["missing", "twice", "one instead of another", "a stranger", "out of order"],
)
def test_what_is_not_as_it_was_posted_is_told(ids: str, said: str) -> None:
    with pytest.raises(InexactError, match=said):
        check(REQUESTS, logged(*((TEA, id_) for id_ in ids)))
