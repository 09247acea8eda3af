"""What the projector is measured with."""

import json
from itertools import pairwise
from pathlib import Path

from bench.folding.chat_traffic import hot, of_file, past_of, with_repeats, zipf


def test_the_same_traffic_has_no_repeats_and_takes_no_chance() -> None:
    for make in (hot, zipf):
        chat = make(2_000)
        assert len({(message.channel, message.id) for message in chat}) == 2_000
        again = [(message.channel, message.user, message.text) for message in make(2_000)]
        assert again == [(message.channel, message.user, message.text) for message in chat]


def test_texts_have_as_many_characters_as_people_write() -> None:
    assert {len(message.text) for message in hot(2_000)} <= set(range(5, 301))


def test_what_is_repeated_was_there_before() -> None:
    chat = hot(2_000)
    seen, repeats = set(), 0
    for message in with_repeats(chat, 0.1):
        repeats += message.id in seen
        seen.add(message.id)
    assert seen == {message.id for message in chat}
    assert 100 < repeats < 300
    assert with_repeats(chat, 1) == [*chat, *chat]


def test_a_past_is_older_than_the_chat_and_shares_no_message_with_it() -> None:
    chat = with_repeats(hot(100), 1)
    past = list(past_of(chat, 250))
    assert len({(message.channel, message.id) for message in [*past, *hot(100)]}) == 350
    assert max(message.ts_ms for message in past) < min(message.ts_ms for message in chat)
    assert all(earlier.ts_ms < later.ts_ms for earlier, later in pairwise(past))


def test_a_file_is_read_as_far_as_wanted(tmp_path: Path) -> None:
    line = {"channel": "#a", "user": "ada", "ts": "1970-01-01T00:00:01.500Z", "text": "hi"}
    file = tmp_path / "chat.ndjson"
    file.write_text("".join(json.dumps({"id": f"{number}", **line}) + "\n" for number in range(3)))
    assert [(message.id, message.ts_ms) for message in of_file(file, 2)] == [("0", 1_500), ("1", 1_500)]
