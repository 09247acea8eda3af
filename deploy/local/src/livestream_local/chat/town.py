"""Who talks where: a few dozen channels, a few hundred people, and how much each of them talks."""

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from livestream_local.chat.phrases import Language, asian, european, robots
from livestream_local.chat.phrases.english import ENGLISH_TOPICS

_PEOPLE: Final = 320
_FRIENDS_SHARE: Final = 0.6  # of a channel's language speakers come to a given channel
_NAMED_SHARE: Final = 0.3  # of people have a display name

# Zipf's exponent for channels and people: real chat has 0.8 to 1.2. The shift keeps the first from drowning the rest.
_ZIPF_EXPONENT: Final = 1.1
_ZIPF_SHIFT: Final = 2.0


class Person(NamedTuple):
    name: str
    display_name: str | None


class Channel(NamedTuple):
    """`people` come with cumulative weights, as `Random.choices` takes them."""

    name: str
    display_name: str | None
    language: Language
    people: Sequence[Person]
    people_weights: Sequence[float]
    is_robots: bool


class Town(NamedTuple):
    """All channels, with cumulative weights."""

    channels: Sequence[Channel]
    weights: Sequence[float]


class _Plan(NamedTuple):
    name: str
    display_name: str | None
    language: Language


_EVERYDAY, _COMPUTERS, _ARTS = (ENGLISH_TOPICS[topic] for topic in ("everyday", "computers", "arts"))

# From the busiest to the quietest.
_PLANS: Final = (
    _Plan("#general", "General", _EVERYDAY),
    _Plan("#support", "Help & support", _COMPUTERS),
    _Plan("#русский", "По-русски", european.RUSSIAN),
    _Plan("#日本語", "日本語の部屋", asian.JAPANESE),
    _Plan("#español", "En español", european.SPANISH),
    _Plan("#kitchen", "The kitchen 🍲", ENGLISH_TOPICS["kitchen"]),
    _Plan("#中文", "中文聊天", asian.CHINESE),
    _Plan("#random", None, _EVERYDAY),
    _Plan("#deutsch", "Auf Deutsch", european.GERMAN),
    _Plan("#한국어", "한국어 이야기", asian.KOREAN),
    _Plan("#العربية", "بالعربية", asian.ARABIC),
    _Plan("#dev", "Development", _COMPUTERS),
    _Plan("#français", "En français", european.FRENCH),
    _Plan("#हिन्दी", "हिन्दी में बातें", asian.HINDI),
    _Plan("#music", "Music", _ARTS),
    _Plan("#português", "Em português", european.PORTUGUESE),
    _Plan("#ελληνικά", "Στα ελληνικά", european.GREEK),
    _Plan("#garden", "Garden & balcony 🌱", ENGLISH_TOPICS["garden"]),
    _Plan("#עברית", "בעברית", asian.HEBREW),
    _Plan("#українська", "Українською", european.UKRAINIAN),
    _Plan("#polski", "Po polsku", european.POLISH),
    _Plan("#bikes", "Bikes 🚲", ENGLISH_TOPICS["bikes"]),
    _Plan("#deploys", None, robots.DEPLOYS),
    _Plan("#türkçe", "Türkçe", european.TURKISH),
    _Plan("#books/films", "Books and films", _ARTS),
    _Plan("#lost & found", None, _EVERYDAY),
    _Plan("#weather", "Weather stations", robots.WEATHER),
    _Plan("#東京", "東京", asian.JAPANESE),
    _Plan("#berlin", None, european.GERMAN),
    _Plan("#питер", None, european.RUSSIAN),
    _Plan("#上海", None, asian.CHINESE),
    _Plan("#lyon", None, european.FRENCH),
    _Plan("#méxico", None, european.SPANISH),
    _Plan("#newcomers", "Newcomers 👋", _EVERYDAY),
    _Plan("#100% cotton", None, ENGLISH_TOPICS["garden"]),
    _Plan("#quiet corner", "The quiet corner", ENGLISH_TOPICS["kitchen"]),
)


def build_town(random: Random) -> Town:
    """A town; the same for the same state of `random`."""
    speakers = _populate(random)
    channels = [_channel(plan, speakers[plan.language.names], random) for plan in _PLANS]
    return Town(channels, _zipf(len(channels)))


def _populate(random: Random) -> dict[tuple[str, ...], list[Person]]:
    """People by the names of their language, shared among the channels that speak it."""
    weights: dict[tuple[str, ...], float] = {}
    for plan, weight in zip(_PLANS, _steps(_zipf(len(_PLANS))), strict=True):
        weights[plan.language.names] = weights.get(plan.language.names, 0.0) + weight
    robots_names = {language.names for language in (robots.DEPLOYS, robots.WEATHER)}
    total = sum(weight for names, weight in weights.items() if names not in robots_names)
    taken: set[str] = set()
    speakers = {}
    for names, weight in weights.items():
        count = len(names) if names in robots_names else max(len(names), round(_PEOPLE * weight / total))
        speakers[names] = [_person(names, index, taken, random) for index in range(count)]
    return speakers


def _person(names: Sequence[str], index: int, taken: set[str], random: Random) -> Person:
    first = names[index % len(names)]
    name = first
    while name in taken:
        form = random.choice(("{first}{number}", "{first}_{letter}", "{first}.{letter}", "{first}-{number}"))
        name = form.format(first=first, number=random.randrange(2, 100), letter=random.choice("abcdefghjklmnprstvwz"))
    taken.add(name)
    named = random.random() < _NAMED_SHARE
    return Person(name, f"{first.title()} {random.choice('ABCDEFGHJKLMNPRSTVWZ')}." if named else None)


def _channel(plan: _Plan, speakers: Sequence[Person], random: Random) -> Channel:
    count = max(min(3, len(speakers)), round(len(speakers) * _FRIENDS_SHARE))
    people = random.sample(speakers, count)
    is_robots = plan.language in (robots.DEPLOYS, robots.WEATHER)
    return Channel(plan.name, plan.display_name, plan.language, people, _zipf(count), is_robots)


def _zipf(count: int) -> list[float]:
    return list(accumulate((rank + _ZIPF_SHIFT) ** -_ZIPF_EXPONENT for rank in range(count)))


def _steps(cumulative: Sequence[float]) -> list[float]:
    return [after - before for before, after in zip((0.0, *cumulative), cumulative, strict=False)]
