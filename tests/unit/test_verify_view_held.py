"""What a client holds of a view, by the contract's rules for frames."""

from typing import Any

import msgspec

from livestream_auditor.verify.view_held import ViewHeld, decode_frame


def frame(**fields: Any) -> Any:
    return decode_frame(msgspec.json.encode({"view": "home", "as_of": "2026-01-01T00:00:00.000Z", **fields}))


def message(id_: str, channel: str = "c", user: str = "u", second: int = 1, text: str = "t") -> dict[str, Any]:
    ts = f"2026-01-01T00:00:{second:02}.000Z"
    return {"id": id_, "channel": channel, "user": user, "ts": ts, "text": text, "offset": second}


def name(name_: str, messages: int = 1) -> dict[str, Any]:
    return {"name": name_, "messages": messages, "last_message_at": "2026-01-01T00:00:01.000Z"}


TOTALS = {"messages": 2, "channels": 1, "users": 1}


def test_a_snapshot_replaces_everything() -> None:
    view = ViewHeld()
    view.replace(frame(totals=TOTALS, messages=[message("1")], channels=[name("c")], users=[name("u")]))
    view.replace(frame(totals=TOTALS, messages=[message("2")], channels=[name("d")], users=[]))
    assert list(view.messages) == [("c", "2")]
    assert list(view.channels) == ["d"]
    assert not view.users


def test_a_delta_changes_only_what_it_names() -> None:
    view = ViewHeld()
    view.replace(frame(totals=TOTALS, messages=[message("1")], channels=[name("c"), name("d")]))
    view.change(frame(messages=[message("1", text="edited"), message("2")], channels=[name("c", 2)]))
    assert [row.text for row in view.messages.values()] == ["edited", "t"]
    assert {row.name: row.messages for row in view.channels.values()} == {"c": 2, "d": 1}
    assert view.totals is not None
    assert view.totals.messages == 2


def test_removals_apply_before_rows_and_take_messages_along() -> None:
    view = ViewHeld()
    view.replace(
        frame(
            messages=[message("1", second=1), message("2", second=2), message("3", second=3, channel="d")],
            channels=[name("c", 2), name("d")],
            users=[name("u", 3)],
        )
    )
    view.change(
        frame(
            removed={"messages": [["d", "3"]], "channels": [["c", "2026-01-01T00:00:01.000Z"]]},
            channels=[name("c", 1)],
        )
    )
    assert list(view.messages) == [("c", "2")]
    assert {row.name: row.messages for row in view.channels.values()} == {"c": 1, "d": 1}
    view.change(frame(removed={"users": [["u", "2026-01-01T00:00:02.000Z"]]}))
    assert not view.messages
    assert not view.users


def test_a_copy_stays_as_it_is() -> None:
    view = ViewHeld()
    view.replace(frame(totals=TOTALS, messages=[message("1")], users=[name("u")]))
    copy = view.copy()
    view.change(frame(removed={"messages": [["c", "1"]], "users": [["u", "2026-01-01T00:00:01.000Z"]]}))
    assert list(copy.messages) == [("c", "1")]
    assert list(copy.users) == ["u"]


def test_a_frame_applied_twice_changes_nothing() -> None:
    once, twice = ViewHeld(), ViewHeld()
    delta = frame(removed={"messages": [["c", "0"]]}, messages=[message("1")], users=[name("u")], totals=TOTALS)
    once.change(delta)
    twice.change(delta)
    twice.change(delta)
    assert (once.messages, once.users, once.totals) == (twice.messages, twice.users, twice.totals)
