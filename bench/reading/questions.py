"""Every page and API call of the web service as a question, asked each time with names, words and places drawn anew."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from bench.reading.filled_model import BYGONE, EVERY, Filled
from livestream import times
from livestream.history import HistoryKey
from livestream.serving import NameOrder
from livestream_web.page_models import HISTORY_ROWS
from livestream_web.paging import NameKey, write_token
from livestream_web.paths import quote_name
from livestream_web.queries import DEFAULT_LIMIT, MAX_LIMIT, SORTS

HOT: Final = 10  # so many of the busiest names count as hot; the quieter half of all as rare
_SAMPLES: Final = 2_000

_MESSAGES: Final = """
SELECT channel, id, ts_ms, log_offset, text FROM messages_1 TABLESAMPLE SYSTEM ($1) REPEATABLE (1)
WHERE visible LIMIT $2
"""
_PAIRS: Final = "SELECT channel, username, messages FROM pairs TABLESAMPLE SYSTEM ($1) REPEATABLE (1) LIMIT $2"
_CHANNELS: Final = "SELECT channel, messages FROM channels"
_USERS: Final = "SELECT username, sum(messages)::bigint FROM partition_users GROUP BY username"


class Ask(NamedTuple):
    """One request, and how many rows its answer holds at least and at most."""

    path: str
    least: int
    most: int


class Question(NamedTuple):
    """`is_refusable`: a search of so many messages that it may be refused for the time that it takes."""

    name: str
    draw: Callable[[Random], Ask]
    is_refusable: bool = False


class Facts(NamedTuple):
    """What is in the read model, as Postgres says: samples of messages and pairs, and the counts of all names."""

    filled: Filled
    messages: Sequence[Any]
    pairs: Sequence[Any]
    channels: dict[str, int]
    users: dict[str, int]


async def read_facts(connection: Any, filled: Filled) -> Facts:
    percent = min(100.0, 100.0 * 20 * _SAMPLES / filled.messages)
    return Facts(
        filled,
        await connection.fetch(_MESSAGES, percent, _SAMPLES),
        await connection.fetch(_PAIRS, percent, _SAMPLES),
        dict(await connection.fetch(_CHANNELS)),
        dict(await connection.fetch(_USERS)),
    )


def all_questions(facts: Facts) -> list[Question]:
    return [*_lists(facts), *_names(facts), *_histories(facts), *_searches(facts)]


def _fixed(path: str, rows: int, least: int | None = None) -> Callable[[Random], Ask]:
    return lambda _: Ask(path, rows if least is None else least, rows)


def _with(path: str, **parameters: object) -> str:
    return f"{path}?{urlencode({name: str(value) for name, value in parameters.items()})}"


def _lists(facts: Facts) -> list[Question]:
    """What has no name and no place in it."""
    channels, users = (min(MAX_LIMIT, len(held)) for held in (facts.channels, facts.users))
    return [
        Question("page `/`", _fixed("/", 70)),
        Question("page `/messages`", _fixed("/messages", 200)),
        Question("page `/channels`", _fixed("/channels", channels)),
        Question("page `/users`", _fixed("/users", users)),
        Question("`summary`", _fixed("/api/v1/summary", 0)),
        Question("`activity`", _fixed("/api/v1/activity", 0)),
        Question("`messages`", _fixed("/api/v1/messages", DEFAULT_LIMIT)),
        Question("`messages`, 500", _fixed("/api/v1/messages?limit=500", MAX_LIMIT)),
    ]


def _names(facts: Facts) -> list[Question]:
    asked = []
    for kind, held in (("channels", facts.channels), ("users", facts.users)):
        for sort in SORTS:
            asked += _ordered(facts, kind, held, sort)
        asked += _beginnings(kind, sorted(held))
    return asked


def _ordered(facts: Facts, kind: str, held: dict[str, int], sort: str) -> list[Question]:
    """One order of names. A page far down begins at a place where a name may stand or not."""
    plain, order, api = sorted(held), SORTS[sort], f"/api/v1/{kind}"

    def deep(random: Random, path: str, limit: int) -> Ask:
        name = random.choice(plain[: len(plain) // 2])
        score = {NameOrder.MESSAGES: -held[name], NameOrder.LAST: -facts.filled.end_ms, NameOrder.NAME: 0}[order]
        return Ask(_with(path, sort=sort, page=write_token(NameKey(order, score, name))), 1, limit)

    return [
        Question(f"`{kind}` by {sort}", _fixed(_with(api, sort=sort), DEFAULT_LIMIT)),
        Question(f"`{kind}` by {sort}, deep", lambda random: deep(random, api, DEFAULT_LIMIT)),
        Question(f"page `/{kind}` by {sort}, deep", lambda random: deep(random, f"/{kind}", MAX_LIMIT)),
    ]


def _beginnings(kind: str, plain: Sequence[str]) -> list[Question]:
    def beginning(length: int | None, path: str, most: int) -> Callable[[Random], Ask]:
        return lambda random: Ask(_with(path, q=random.choice(plain)[:length]), 1, most)

    api, asked = f"/api/v1/{kind}", []
    for name, length in (("2 letters of a name", 2), ("5 letters of a name", 5), ("a whole name", None)):
        asked.append(Question(f"`{kind}` that begin with {name}", beginning(length, api, DEFAULT_LIMIT)))
    asked.append(Question(f"page `/{kind}?q=`, 5 letters", beginning(5, f"/{kind}", 100)))
    return asked


def _histories(facts: Facts) -> list[Question]:
    asked = _everything(facts)
    for kind, held, names in (
        ("channels", facts.channels, facts.filled.channels),
        ("users", facts.users, facts.filled.users),
    ):
        known = [name for name in names if name in held]
        for heat, some in (("hot", known[:HOT]), ("rare", known[len(known) // 2 :])):
            asked += _named(facts, kind, heat, some, held)
    return asked


def _everything(facts: Facts) -> list[Question]:
    """Messages of all channels and users, at places far back, and single ones."""

    def place(random: Random) -> str:
        channel, _, ts_ms, offset, _ = random.choice(facts.messages)
        return write_token(HistoryKey(ts_ms, channel, offset))

    def moment(random: Random) -> str:
        filled = facts.filled
        return times.format_ms(random.randrange(filled.begin_ms, filled.end_ms))

    def message(random: Random, prefix: str, least: int, most: int) -> Ask:
        channel, id_, *_ = random.choice(facts.messages)
        return Ask(f"{prefix}/channels/{quote_name(channel)}/messages/{quote_name(id_)}", least, most)

    def between(random: Random) -> Ask:
        after = random.randrange(facts.filled.begin_ms, facts.filled.end_ms)
        span = {"after": times.format_ms(after), "before": times.format_ms(after + 3_600_000)}
        return Ask(_with("/api/v1/messages", **span), 0, DEFAULT_LIMIT)

    api = "/api/v1/messages"
    return [
        Question("`messages`, deep", lambda r: Ask(_with(api, page=place(r)), 0, DEFAULT_LIMIT)),
        Question("`messages`, deep, 500", lambda r: Ask(_with(api, page=place(r), limit=MAX_LIMIT), 0, MAX_LIMIT)),
        Question("`messages` before a time", lambda r: Ask(_with(api, before=moment(r)), 0, DEFAULT_LIMIT)),
        Question("`messages` in an hour", between),
        Question("page `/messages`, deep", lambda r: Ask(_with("/messages", page=place(r)), 0, HISTORY_ROWS)),
        Question("page `/messages?above=`", lambda r: Ask(_with("/messages", above=place(r)), 0, HISTORY_ROWS)),
        Question("page `/messages?at=`", lambda r: Ask(_with("/messages", at=moment(r)), 1, HISTORY_ROWS)),
        Question("one message", lambda r: message(r, "/api/v1", 1, 1)),
        Question("page of one message", lambda r: message(r, "", 1, 51)),
    ]


def _named(facts: Facts, kind: str, heat: str, some: Sequence[str], held: dict[str, int]) -> list[Question]:
    one = kind.removesuffix("s")

    def of(random: Random, path: Callable[[str], str], most: int) -> Ask:
        name = random.choice(some)
        return Ask(path(name), min(most, held[name]), min(most, held[name]))

    def around(random: Random, parameter: str, most: int) -> Ask:
        path, moment = f"/{kind}/{quote_name(random.choice(some))}", random.randrange(0, facts.filled.end_ms)
        moment = max(moment, facts.filled.begin_ms + moment % (facts.filled.end_ms - facts.filled.begin_ms))
        key = HistoryKey(moment, "", 0)
        value = times.format_ms(moment) if parameter == "at" else write_token(key)
        return Ask(_with(path, **{parameter: value}), 0, most)

    api = f"/api/v1/{kind}"

    def placed(parameter: str) -> Question:
        return Question(
            f"page of a {heat} {one}, `{parameter}=`", lambda random: around(random, parameter, HISTORY_ROWS)
        )

    return [
        Question(f"{heat} {one}", lambda r: of(r, lambda name: f"{api}/{quote_name(name)}", 1)),
        Question(f"messages of a {heat} {one}", lambda r: of(r, lambda name: f"{api}/{quote_name(name)}/messages", 50)),
        Question(
            f"`messages?{one}=`, {heat}", lambda r: of(r, lambda name: _with("/api/v1/messages", **{one: name}), 50)
        ),
        Question(f"page of a {heat} {one}", lambda r: of(r, lambda name: f"/{kind}/{quote_name(name)}", 50)),
        *(placed(parameter) for parameter in ("page", "above", "at")),
    ]


def _searches(facts: Facts) -> list[Question]:
    api, filled = "/api/v1/messages", facts.filled

    def pair(random: Random, words: str | None) -> Ask:
        channel, user, count = random.choice(facts.pairs)
        asked = {"channel": channel, "user": user} | ({"q": words} if words else {})
        return Ask(_with(api, **asked), min(count, 50), min(count, 50))

    def hot(parameter: str, words: str) -> Question:
        names = (filled.channels if parameter == "channel" else filled.users)[:HOT]

        def draw(random: Random) -> Ask:
            return Ask(_with(api, q=words, **{parameter: random.choice(names)}), 0, DEFAULT_LIMIT)

        return Question(f"search `{words}`, hot {parameter}", draw, is_refusable=True)

    def two_words(random: Random) -> Ask:
        text = random.choice(facts.messages)[4].split()
        return Ask(_with(api, q=" ".join(random.sample(text[:10], 2))), 1, DEFAULT_LIMIT)

    def only(random: Random, path: str = api) -> Ask:
        return Ask(_with(path, q=random.choice(facts.messages)[4].split()[-1]), 1, 1)

    def word(name: str, every: int) -> Question:
        rows = min(DEFAULT_LIMIT, filled.messages // every)
        return Question(f"search `{name}`", _fixed(_with(api, q=name), rows, rows * 9 // 10), is_refusable=True)

    return [
        Question("`messages` of a user in a channel", lambda r: pair(r, None)),
        *(word(name, every) for name, every in EVERY.items()),
        Question(f"search `{BYGONE}`", _fixed(_with(api, q=BYGONE), DEFAULT_LIMIT), is_refusable=True),
        Question("search for what one message has", only),
        Question("page of a search for what one message has", lambda r: only(r, "/messages")),
        Question("search for what nobody wrote", _fixed(_with(api, q="nowhere"), 0)),
        Question("search for two words of a message", two_words, is_refusable=True),
        Question("search `always` of a user in a channel", lambda r: pair(r, "always")),
        *(hot(one, words) for one in ("channel", "user") for words in ("always", "hundredth", "myriad", BYGONE)),
    ]
