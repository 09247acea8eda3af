"""The gateway's pure decisions: resumption, status, pace, origins, addresses, what a tick can concern."""

import pytest

from livestream.cursor import Cursor
from livestream.frames import SnapshotReason, StreamState, View, ViewKind
from livestream.serving import ProgressReport, Status
from livestream.settings import Environment, SettingsError
from livestream_gateway.addresses import BadAddressError, UnknownViewError, view_of_path, views_of_query
from livestream_gateway.heartbeat import assess
from livestream_gateway.origins import Origins
from livestream_gateway.pace import Pace
from livestream_gateway.resume import Plan, Snapshot, Unreadable, decide, read_claim
from livestream_gateway.settings import Settings

EPOCH, OTHER = "0" * 16, "1" * 16
BORDER = Cursor(EPOCH, 7)
NOW_MS = 1_000_000


@pytest.mark.parametrize(
    ("header", "query", "claim"),
    [
        (None, None, None),
        ("", "", None),
        (f"{EPOCH}-3", f"{EPOCH}-2", Cursor(EPOCH, 3)),
        (None, f"{EPOCH}-2", Cursor(EPOCH, 2)),
        ("", f"{EPOCH}-2", Cursor(EPOCH, 2)),
        ("nonsense", f"{EPOCH}-2", Unreadable.CURSOR),
        (None, f"{EPOCH}-02", Unreadable.CURSOR),
    ],
)
def test_the_header_wins_over_the_query(header: str | None, query: str | None, claim: object) -> None:
    assert read_claim(header, query) == claim


@pytest.mark.parametrize(
    ("claim", "plan"),
    [
        (None, Snapshot(SnapshotReason.START)),
        (Unreadable.CURSOR, Snapshot(SnapshotReason.UNKNOWN_CURSOR)),
        (Cursor(OTHER, 7), Snapshot(SnapshotReason.EPOCH)),
        (Cursor(EPOCH, 7), Plan.CURRENT),
        (Cursor(EPOCH, 0), Plan.CATCH_UP),
        (Cursor(EPOCH, 8), Plan.AHEAD),
    ],
)
def test_what_a_cursor_is_answered_with(claim: Cursor | Unreadable | None, plan: object) -> None:
    assert decide(claim, BORDER) == plan


def status(*reports: ProgressReport, cursor: Cursor | None = BORDER, rebuild: float | None = None) -> Status:
    return Status(NOW_MS, cursor, len(reports), 5, rebuild, list(reports))


def report(
    partition: int = 0, *, reported_ms: int = NOW_MS, lag_ms: int = 0, append_ms: int = NOW_MS
) -> ProgressReport:
    return ProgressReport(partition, 9, 9, append_ms, lag_ms, reported_ms)


@pytest.mark.parametrize(
    ("said", "age_ms", "state"),
    [
        (None, 0, StreamState.STALE),
        (status(report()), 0, StreamState.LIVE),
        (status(report()), 4_999, StreamState.LIVE),
        (status(report()), 5_000, StreamState.STALE),
        (status(report(reported_ms=NOW_MS - 3_000)), 1_999, StreamState.LIVE),
        (status(report(reported_ms=NOW_MS - 3_000)), 2_000, StreamState.STALE),
        (status(report(), report(1, reported_ms=NOW_MS - 5_000)), 0, StreamState.STALE),
        (status(report(), report(5)), 0, StreamState.STALE),
        (status(report(lag_ms=5_000)), 0, StreamState.LIVE),
        (status(report(lag_ms=5_001)), 0, StreamState.STALE),
        (status(report(append_ms=NOW_MS - 119_999)), 0, StreamState.LIVE),
        (status(report(append_ms=NOW_MS - 120_000)), 0, StreamState.IDLE),
        (status(report(append_ms=-(2**62))), 0, StreamState.IDLE),
        (status(report(append_ms=NOW_MS - 200_000), report(1)), 0, StreamState.LIVE),
        (status(report(), cursor=None), 0, StreamState.REBUILDING),
        (status(cursor=None), 5_000, StreamState.STALE),
        (status(report(), rebuild=0.5), 0, StreamState.REBUILDING),
    ],
)
def test_the_state_that_viewers_are_told(said: Status | None, age_ms: int, state: StreamState) -> None:
    assert assess(said, age_ms).state is state


def test_the_lag_is_the_slowest_partitions() -> None:
    assert assess(status(report(lag_ms=3), report(1, lag_ms=40)), 0).lag_ms == 40


@pytest.mark.parametrize(("behind_ms", "state"), [(5_000, StreamState.LIVE), (5_001, StreamState.STALE)])
def test_what_the_gateway_has_not_got_is_a_lag_like_any_other(behind_ms: int, state: StreamState) -> None:
    health = assess(status(report(lag_ms=3)), 0, behind_ms)
    assert (health.state, health.lag_ms) == (state, behind_ms)


def test_ticks_grow_with_what_a_fan_out_takes_and_recover_slowly() -> None:
    pace = Pace()
    assert pace.tick_ms == 100
    pace.took(0.01)
    assert pace.tick_ms == 100
    pace.took(0.1)
    assert pace.tick_ms == 300
    pace.took(0.2)
    assert pace.tick_ms == 300
    pace.took(0.01)
    assert pace.tick_ms == 240
    pace.took(0.4)
    assert pace.tick_ms == 600
    pace.took(5)
    assert pace.tick_ms == 1_000


def test_ticks_are_as_short_as_they_are_set_but_for_what_a_fan_out_takes() -> None:
    pace = Pace(20)
    assert pace.tick_ms == 20
    pace.took(0.01)
    assert pace.tick_ms == 30
    for _ in range(20):
        pace.took(0.001)
    assert pace.tick_ms == 20


@pytest.mark.parametrize(
    ("setting", "origin", "host", "allowed"),
    [
        (":8080", "http://localhost:8080", "localhost:8082", True),
        (":8080", "https://chat.example:8080", "CHAT.example", True),
        (":8080", "http://localhost:8081", "localhost:8082", False),
        (":8080", "http://evil.example:8080", "localhost:8082", False),
        (":8080", "http://[::1]:8080", "[::1]:8082", True),
        (":80", "http://localhost", "localhost:8082", True),
        (":443", "https://chat.example", "chat.example", True),
        (":80", "https://chat.example", "chat.example", False),
        ("https://chat.example", "https://chat.example", "streams.example", True),
        ("https://chat.example:443", "https://chat.example", "streams.example", True),
        ("https://chat.example, http://b.example", "http://b.example", "x", True),
        ("https://chat.example", "http://chat.example", "streams.example", False),
        (":8080", "null", "localhost:8082", False),
        (":8080", "http://localhost:99999", "localhost:8082", False),
        (":8080", "http://localhost:8080", "[::1", False),
    ],
)
def test_which_pages_may_read_streams(setting: str, origin: str, host: str, allowed: bool) -> None:
    assert Origins.parse(setting).allow(origin, host) is allowed


@pytest.mark.parametrize("setting", ["8080", ":x", ":0", ":70000", "ftp://a", "https://a/path", "https://u@a"])
def test_bad_origins_stop_the_service(setting: str) -> None:
    with pytest.raises(SettingsError, match="WEB_ORIGINS"):
        Settings.read(Environment({"WEB_ORIGINS": setting}))


@pytest.mark.parametrize(
    ("path", "view"),
    [
        ("home", View(ViewKind.HOME)),
        ("users", View(ViewKind.USERS)),
        ("users/a%2Fb", View(ViewKind.USER, "a/b")),
        ("channels/%F0%9F%98%80%25%3F%23", View(ViewKind.CHANNEL, "😀%?#")),
        ("users/a+b", View(ViewKind.USER, "a+b")),
        ("users/e%CC%81", View(ViewKind.USER, "é")),
    ],
)
def test_names_in_paths_are_decoded_once(path: str, view: View) -> None:
    assert view_of_path(path) == view


@pytest.mark.parametrize("path", ["", "nothing", "home/x", "users/a/b", "users/", "USERS", "channel/x"])
def test_unknown_views_and_empty_names(path: str) -> None:
    with pytest.raises((UnknownViewError, BadAddressError)):
        view_of_path(path)


@pytest.mark.parametrize("path", ["users/%FF", "users/%00", "channels/%2E%2E", "users/" + "a" * 201])
def test_bad_names_are_told(path: str) -> None:
    with pytest.raises(BadAddressError, match="the name"):
        view_of_path(path)


def test_views_of_a_query() -> None:
    assert views_of_query(["home", "users/a/b", "home"]) == [View(ViewKind.HOME), View(ViewKind.USER, "a/b")]
    assert len(views_of_query([f"users/{n}" for n in range(16)])) == 16
    for bad in ([], ["nothing"], ["home"] * 17, ["users/.."]):
        with pytest.raises(BadAddressError, match="view"):
            views_of_query(bad)
