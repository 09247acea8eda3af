"""When something is said: bursts and lulls around an average rate."""

from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from livestream_local.chat.conversation import Conversation
from livestream_local.chat.town import build_town

DEFAULT_RATE: Final = 8.0  # messages a second: what a busy community of this size has at noon, and still readable


class Utterance(NamedTuple):
    """One message, `delay_s` after the one before."""

    delay_s: float
    channel: str
    user: str
    text: str
    channel_display_name: str | None
    user_display_name: str | None


class _Mood(NamedTuple):
    """How lively the town is for a while; `focus` is the chance that something is said where all look."""

    pace: float
    mean_seconds: float
    chance: float
    focus: float


_MOODS: Final = (
    _Mood(pace=0.3, mean_seconds=12, chance=0.25, focus=0.0),
    _Mood(pace=0.9, mean_seconds=30, chance=0.40, focus=0.1),
    _Mood(pace=1.7, mean_seconds=15, chance=0.20, focus=0.3),
    _Mood(pace=5.0, mean_seconds=3, chance=0.15, focus=0.5),
)

_ENOUGH_TO_SAY: Final = 5  # exchanges: fewer would soon repeat themselves where everybody talks

# Pace averaged over time, by which the wanted rate is divided to come out right.
_MEAN_PACE: Final = sum(mood.pace * mood.mean_seconds * mood.chance for mood in _MOODS) / sum(
    mood.mean_seconds * mood.chance for mood in _MOODS
)


def generate(seed: int, rate: float = DEFAULT_RATE) -> Iterator[Utterance]:
    """Endless chat, `rate` messages a second on average; the same for the same seed."""
    random = Random(seed)
    town = build_town(random)
    conversations = [Conversation(channel) for channel in town.channels]
    rest_s = 0.0
    while True:
        mood = random.choices(_MOODS, weights=[mood.chance for mood in _MOODS])[0]
        left_s = random.expovariate(1 / mood.mean_seconds)
        busiest = random.choices(conversations, cum_weights=town.weights)[0]
        can_be_lively = len(busiest.channel.language.exchanges) >= _ENOUGH_TO_SAY
        focus = mood.focus if can_be_lively else 0.0
        while (delay_s := random.expovariate(rate * mood.pace / _MEAN_PACE)) <= left_s:
            left_s -= delay_s
            focused = random.random() < focus
            place = busiest if focused else random.choices(conversations, cum_weights=town.weights)[0]
            yield _utter(place, rest_s + delay_s, random, lively=focused)
            rest_s = 0.0
        rest_s += left_s


def _utter(conversation: Conversation, delay_s: float, random: Random, *, lively: bool) -> Utterance:
    said = conversation.next(random, lively=lively)
    channel = conversation.channel
    return Utterance(delay_s, channel.name, said.person.name, said.text, channel.display_name, said.person.display_name)
