"""Who says what next in one channel: somebody opens, others answer, react and thank, then somebody else opens."""

import re
from collections import deque
from random import Random
from typing import Final, NamedTuple

from livestream_local.chat.phrases import Exchange
from livestream_local.chat.town import Channel, Person

_REACTION_CHANCE: Final = 0.2
_LIVELY_REACTION_CHANCE: Final = 0.45
_MENTION_CHANCE: Final = 0.3
_THANKS_CHANCE: Final = 0.5
_EMOJI_CHANCE: Final = 0.06
_RECENT_EXCHANGES: Final = 4  # nobody asks the same again at once

_EMOJI: Final = ("🙂", "😄", "😉", "🙈", "✨", "🔥", "👌", "🤔", "😅", "🫠", "🏳️‍🌈", "👩‍🚀", "🇪🇺")
_LINK_HOSTS: Final = ("example.org", "example.com", "wiki.example.net")
_LINK_PATHS: Final = ("a", "notes", "p/2026", "wiki/Café", "recipes/soup?servings=4", "issues/1729#comment-3")
_SLOT: Final = re.compile(r"\{(\w+)\}")


class Said(NamedTuple):
    person: Person
    text: str


class Conversation:
    """One channel's talk, line by line."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._recent: deque[Exchange] = deque(maxlen=min(_RECENT_EXCHANGES, len(channel.language.exchanges) - 1))
        self._asker: Person | None = None
        self._replies: list[str] = []
        self._last: Person | None = None

    def next(self, random: Random, *, lively: bool) -> Said:
        """The next line; when it is lively, people mostly react to one another."""
        reaction_chance = _LIVELY_REACTION_CHANCE if lively else _REACTION_CHANCE
        if self._asker is None or self.channel.is_robots:
            said = self._open(random)
        elif random.random() < reaction_chance:
            said = Said(self._somebody(random), random.choice(self.channel.language.reactions))
        elif self._replies:
            said = self._reply(random)
        else:
            said = self._close(random)
        self._last = said.person
        return said

    def _open(self, random: Random) -> Said:
        fresh = [exchange for exchange in self.channel.language.exchanges if exchange not in self._recent]
        exchange = random.choice(fresh)
        self._recent.append(exchange)
        self._asker = self._somebody(random)
        replies = random.sample(exchange.replies, len(exchange.replies))
        self._replies = replies[: random.randint(1, len(replies))] if replies else []
        return Said(self._asker, self._fill(exchange.opening, random))

    def _reply(self, random: Random) -> Said:
        assert self._asker is not None
        person = self._somebody(random, but=self._asker)
        text = self._fill(self._replies.pop(), random)
        if random.random() < _MENTION_CHANCE and person != self._asker:
            text = f"{random.choice(('@{}', '{}:')).format(self._asker.name)} {text}"
        if random.random() < _EMOJI_CHANCE:
            text = f"{text} {random.choice(_EMOJI)}"
        return Said(person, text)

    def _close(self, random: Random) -> Said:
        asker, self._asker = self._asker, None
        if asker is not None and asker != self._last and random.random() < _THANKS_CHANCE:
            return Said(asker, random.choice(self.channel.language.thanks))
        return self._open(random)

    def _somebody(self, random: Random, but: Person | None = None) -> Person:
        """One of the channel's people, if possible not who spoke last, and not `but`."""
        person = self._last
        for _ in range(5):
            person = random.choices(self.channel.people, cum_weights=self.channel.people_weights)[0]
            if person not in (self._last, but):
                break
        assert person is not None
        return person

    def _fill(self, text: str, random: Random) -> str:
        return _SLOT.sub(lambda slot: self._word(slot[1], random), text)

    def _word(self, slot: str, random: Random) -> str:
        match slot:
            case "n":
                return str(random.randint(3, 40))
            case "time":
                return f"{random.randint(8, 21)}:{random.choice(('00', '15', '30', '45'))}"
            case "link":
                return f"https://{random.choice(_LINK_HOSTS)}/{random.choice(_LINK_PATHS)}"
        return random.choice(self.channel.language.slots[slot])
