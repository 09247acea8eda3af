"""The demo's chat: lively, in many scripts, and reproducible."""

import re
import unicodedata
from collections import Counter
from itertools import islice

import pytest

from livestream.texts import check_label, check_name, check_text
from livestream_local.chat.generator import Utterance, generate

A_WHILE = 20_000


@pytest.fixture(scope="module")
def chat() -> list[Utterance]:
    return list(islice(generate(seed=7), A_WHILE))


def test_the_same_seed_says_the_same(chat: list[Utterance]) -> None:
    assert list(islice(generate(seed=7), 2000)) == chat[:2000]
    assert list(islice(generate(seed=8), 2000)) != chat[:2000]


def test_everything_is_fit_for_the_contract(chat: list[Utterance]) -> None:
    for said in chat:
        assert check_name(said.channel) == said.channel
        assert check_name(said.user) == said.user
        assert check_text(said.text)
        for label in (said.channel_display_name, said.user_display_name):
            assert label is None or check_label(label) == label


@pytest.mark.parametrize("rate", [8.0, 100.0])
def test_the_rate_is_kept_on_average(rate: float) -> None:
    # Many moods' worth of time, however many messages that is.
    seconds = [sum(u.delay_s for u in islice(generate(seed, rate), int(rate * 300))) for seed in range(5)]
    assert sum(seconds) / len(seconds) == pytest.approx(300, rel=0.2)


def test_there_are_bursts_and_lulls(chat: list[Utterance]) -> None:
    per_second: Counter[int] = Counter()
    now_s = 0.0
    for said in chat:
        now_s += said.delay_s
        per_second[int(now_s)] += 1
    counts = sorted(per_second[second] for second in range(int(now_s)))
    assert counts[len(counts) // 10] <= 3
    assert counts[-len(counts) // 50] >= 18


def test_a_few_talk_much_and_many_talk_little(chat: list[Utterance]) -> None:
    users = Counter(said.user for said in chat)
    channels = Counter(said.channel for said in chat)
    assert 200 <= len(users) <= 500
    assert 30 <= len(channels) <= 60
    for counts in (users, channels):
        ranked = [count for _, count in counts.most_common()]
        assert ranked[0] > 4 * ranked[len(ranked) // 2]
        assert sum(ranked[: len(ranked) // 5]) > 0.35 * len(chat)


def test_many_scripts_are_heard(chat: list[Utterance]) -> None:
    letters = {character for said in chat for character in said.text if character.isalpha()}
    scripts = Counter(unicodedata.name(letter).split()[0] for letter in letters)
    assert {"LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "DEVANAGARI", "CJK", "HIRAGANA", "HANGUL"} <= set(scripts)
    assert any("é" in said.text for said in chat)
    assert any("👍" in said.text for said in chat)
    assert any("https://" in said.text for said in chat)


def test_no_slot_is_left_open(chat: list[Utterance]) -> None:
    assert not [said.text for said in chat if re.search(r"[{}]", said.text)]
    assert all(said.text.strip() for said in chat)


def test_some_have_display_names_and_some_do_not(chat: list[Utterance]) -> None:
    for names in ({u.user: u.user_display_name for u in chat}, {u.channel: u.channel_display_name for u in chat}):
        named = sum(name is not None for name in names.values())
        assert 0 < named < len(names)


def test_people_rarely_answer_themselves(chat: list[Utterance]) -> None:
    last: dict[str, str] = {}
    twice = 0
    for said in chat:
        twice += last.get(said.channel) == said.user and not said.user.endswith(("robot", "]", "station"))
        last[said.channel] = said.user
    assert twice < 0.02 * len(chat)
