"""Search finds in Postgres what a reader of all messages would find, in their order, however common a word is."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple

import asyncpg
import pytest

from livestream import message_search
from livestream.clients import postgres_pool
from livestream.fold import NEVER_MS
from livestream.history import History, HistoryFilter, HistoryKey, NoWordsError, SearchTooSlowError
from livestream.history_query import MessageQuery
from livestream_projector.erasure import Eraser
from livestream_projector.schema import migrate

GENERATION = 1
ROUNDS = 60
MESSAGES = 400
# So that a few hundred messages have a near and a far part.
WALKED = {"SAMPLED_ROWS": 5, "WALKED_ROWS": 40, "PARSED_ROWS": 20}
# Each word with how many in a hundred messages hold it; "old" is only in the older half of them.
WORDS = {"the": 90, "some": 30, "few": 4, "rare": 1}
COLUMNS = (
    "generation", "partition", "channel", "id", "username", "ts_ms", "append_ms", "log_offset", "digest", "posted",
    "deleted", "visible", "text", "kept_ms",
)  # fmt: skip


class Message(NamedTuple):
    channel: str
    user: str
    ts_ms: int
    offset: int
    text: str

    @property
    def key(self) -> HistoryKey:
        return HistoryKey(self.ts_ms, self.channel, self.offset)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    await migrate(database_url)
    async with postgres_pool(database_url, 2) as connections:
        await connections.execute("SELECT create_generation($1, 'live', 1)", GENERATION)
        yield connections


async def add(pool: asyncpg.Pool, messages: list[Message]) -> None:
    rows = [
        (
            GENERATION, 0, m.channel, f"id-{m.offset}", m.user, m.ts_ms, m.ts_ms, m.offset, 0, True, False, True,
            m.text, 0,
        )
        for m in messages
    ]  # fmt: skip
    async with pool.acquire() as connection:
        await connection.copy_records_to_table("messages", records=rows, columns=COLUMNS)


def of_texts(*texts: str) -> list[Message]:
    return [Message("c", "u", number, number, text) for number, text in enumerate(texts)]


async def found(pool: asyncpg.Pool, words: str) -> list[int]:
    """The offsets of what is found, newest first."""
    rows = await History(pool).newest_first(GENERATION, HistoryFilter(words=words), 1_000)
    return [row.order.offset for row in rows]


def random_messages(random: Random) -> list[Message]:
    messages = []
    for offset in range(MESSAGES):
        words = [word for word, percent in WORDS.items() if random.randrange(100) < percent]
        words += ["old"] if offset < MESSAGES // 2 and random.random() < 0.5 else []
        random.shuffle(words)
        ts_ms = offset // 3 if random.random() < 0.9 else random.randrange(MESSAGES // 3)
        messages.append(Message(random.choice("abc"), random.choice("xyz"), ts_ms, offset, " ".join(words)))
    return messages


def random_filter(random: Random) -> HistoryFilter:
    bounds = sorted(random.sample(range(MESSAGES // 3), 2))
    return HistoryFilter(
        channel=random.choice([None, None, *"abc"]),
        user=random.choice([None, None, *"xyz"]),
        before_ms=random.choice([None, None, bounds[1]]),
        after_ms=random.choice([None, None, bounds[0]]),
        words=random.choice([*WORDS, "old", "the rare", "some -the", "few or rare", "none", '"some the"']),
    )


def holds(words: str) -> Callable[[str], bool]:
    """What a search for these words means."""
    return {
        "the rare": lambda text: {"the", "rare"} <= set(text.split()),
        "some -the": lambda text: "some" in text.split() and "the" not in text.split(),
        "few or rare": lambda text: bool({"few", "rare"} & set(text.split())),
        '"some the"': lambda text: "some the" in text,
    }.get(words, lambda text: words in text.split())


def expected(messages: list[Message], wanted: HistoryFilter) -> list[Message]:
    """Newest first."""
    assert wanted.words is not None
    matches = holds(wanted.words)
    kept = [
        m
        for m in messages
        if wanted.channel in (None, m.channel)
        and wanted.user in (None, m.user)
        and (wanted.before_ms is None or m.ts_ms < wanted.before_ms)
        and (wanted.after_ms is None or m.ts_ms > wanted.after_ms)
        and matches(m.text)
    ]
    return sorted(kept, key=lambda m: m.key, reverse=True)


async def test_it_finds_what_a_reader_of_all_messages_would(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In both directions, page by page, whatever is near and what only the index reaches."""
    for name, rows in WALKED.items():
        monkeypatch.setattr(message_search, name, rows)
    random = Random(1)
    messages = random_messages(random)
    await add(pool, messages)
    await pool.execute("ANALYZE")
    history = History(pool)
    for number in range(ROUNDS):
        wanted, limit = random_filter(random), random.choice([1, 3, 50])
        everything = [m.key for m in expected(messages, wanted)]
        place = random.choice([None, random.choice(messages).key])
        if wanted.channel is not None and place is not None:
            place = place._replace(channel=wanted.channel)  # a place is one of the list's own
        below = [key for key in everything if place is None or key < place][:limit]
        above = [key for key in reversed(everything) if place is None or key >= place][:limit]
        newest = await history.newest_first(GENERATION, wanted, limit, place)
        oldest = await history.oldest_first(GENERATION, wanted, limit, place)
        assert [HistoryKey(*row.order) for row in newest] == below, (number, wanted, place, limit)
        assert [HistoryKey(*row.order) for row in oldest] == above, (number, wanted, place, limit)


@pytest.mark.parametrize("words", ["word", "other"])
async def test_words_do_not_regard_case_and_are_whole(pool: asyncpg.Pool, words: str) -> None:
    await add(pool, of_texts(f"{words}s", words.upper(), f"({words})", f"a {words.title()}, b", f"x{words}"))
    assert await found(pool, words.capitalize()) == [3, 2, 1]


async def test_words_of_every_script_are_found(pool: asyncpg.Pool) -> None:
    await add(pool, of_texts("Ähre und Öl", "МОСКВА", "עברית", "Ωμέγα", "naïve café"))
    for words, offsets in {"ähre öl": [0], "москва": [1], "עברית": [2], "ωμέγα": [3], "CAFÉ": [4]}.items():
        assert await found(pool, words) == offsets, words


async def test_any_text_can_be_searched_for(pool: asyncpg.Pool) -> None:
    """Nothing that is typed is an error of the server: it finds something, nothing, or is no word."""
    await add(pool, of_texts("it's <b> 100% a\\b 'quoted' & | ! :* (x)", "https://example.org/a?b=c", "x" * 16_384))
    operators = ("it's", "100%", "a\\b", "'quoted'", "x & y", "x | !y", "b:*", "((a", '"open', "a <-> b", "%s {} $1")
    for words in operators:
        assert set(await found(pool, words)) <= {0, 1}, words
    assert await found(pool, "example.org/a?b=c") == [1]
    for words in ("!!!", "'", ":*", " ", '""', "(("):
        with pytest.raises(NoWordsError):
            await found(pool, words)


async def test_what_is_walked_finds_what_the_index_does(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Walking passes over texts that do not contain what is looked for, letter by letter."""
    texts = (
        "Plain-TEXT, v1.2.3 and -4.5e6", "HTTPS://Example.ORG/A?b=C user@Mail.example", "İstanbul \u212aELVIN K",
        "<b>bold</b> &amp; it's 'so'", "ΑΣ.ΒΓ ΟΔΟΣ Οδος", "x_y x-y-z /usr/bin", "a\\b 50%",
    )  # fmt: skip
    await add(pool, of_texts(*texts))
    queries = [*texts, *(word for text in texts for word in text.split())]
    for words in [*queries, *(words.lower() for words in queries), *(words.upper() for words in queries)]:
        both = []
        for rows in (1, 1_000):
            for name in WALKED:
                monkeypatch.setattr(message_search, name, rows)
            with suppress(NoWordsError):
                both.append(await found(pool, words))
        assert len(both) in (0, 2), words
        assert both[:1] == both[1:], words


async def test_no_deletion_is_looked_for_among_all_names(pool: asyncpg.Pool) -> None:
    """However many there are, and whatever the planner believes of deletions."""
    await add(pool, [Message(f"c-{number}", f"u-{number}", number, number, "w") for number in range(2_000)])
    await pool.execute("INSERT INTO channels SELECT 1, channel, 0, 1, 1, $1, '', 0, '', 0 FROM messages", NEVER_MS)
    await pool.execute(
        "INSERT INTO partition_users SELECT 1, 0, username, 1, 1, $1, '', 0, '', 0 FROM messages", NEVER_MS
    )
    await pool.execute("ANALYZE")
    query = MessageQuery(GENERATION, HistoryFilter())
    for statement in (query.first(1_000), query.near(2_000, "'w'", [], 500), query.all_matching("'w'", 500)):
        plan = "\n".join(row[0] for row in await pool.fetch(*_explained(statement)))
        assert "on channels" in plan
        assert "on partition_users" in plan
        assert "Seq Scan on channels" not in plan, plan
        assert "Seq Scan on partition_users" not in plan, plan
        assert "Join" not in plan, plan  # of deletions that came since, it would go through each for each message


async def test_a_message_is_found_by_what_it_says_now(pool: asyncpg.Pool) -> None:
    await add(pool, of_texts("before", "other"))
    await pool.execute("UPDATE messages SET text = 'after' WHERE log_offset = 0")
    assert await found(pool, "before") == []
    assert await found(pool, "after") == [0]


@pytest.mark.parametrize("rows", [1, 1_000])
async def test_what_is_deleted_is_not_found_whether_it_is_erased_or_not(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Neither near nor by the index, from the moment of the deletion on."""
    for name in WALKED:
        monkeypatch.setattr(message_search, name, rows)
    await add(
        pool,
        [
            Message("gone", "stays", 1, 1, "w"),
            Message("c", "left", 2, 2, "w"),
            Message("c", "stays", 3, 3, "w"),
            Message("gone", "stays", 9, 4, "w"),
        ],
    )
    await pool.execute("INSERT INTO channels VALUES (1, 'gone', 0, 0, 1, 5, '', 0, '', 0)")
    await pool.execute("INSERT INTO partition_users VALUES (1, 0, 'left', 0, 1, 5, '', 0, '', 0)")
    await pool.execute("INSERT INTO erasures VALUES (1, 0, 'user', 'left', 5), (1, 0, 'channel', 'gone', 5)")
    assert await found(pool, "w") == [4, 3]
    eraser = Eraser(pool, GENERATION)
    while await eraser.erase_some():
        pass
    assert await found(pool, "w") == [4, 3]
    await pool.execute("UPDATE messages SET visible = false, text = '' WHERE log_offset = 3")
    assert await found(pool, "w") == [4]


async def test_a_rare_word_is_found_by_the_index(pool: asyncpg.Pool) -> None:
    """The migrated leaf has one that the statement can use."""
    async with pool.acquire() as connection:
        query = MessageQuery(GENERATION, HistoryFilter(words="w"))
        await connection.execute("SET enable_seqscan = off")
        plan: list[Any] = await connection.fetch(*_explained(query.all_matching("'w'", 50)))
    assert any("messages_1_words" in row[0] for row in plan)


def _explained(statement: tuple[Any, ...]) -> tuple[Any, ...]:
    return (f"EXPLAIN {statement[0]}", *statement[1:])


async def test_a_search_that_takes_too_long_is_ended(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the connection is as good as before."""
    monkeypatch.setattr(message_search, "STATEMENT_TIMEOUT_MS", 1)
    await add(pool, [Message("c", "u", number, number, "word " * 3_000) for number in range(300)])
    with pytest.raises(SearchTooSlowError):
        await found(pool, "word -other")
    monkeypatch.undo()
    assert len(await found(pool, "word")) == 300
    assert await pool.fetchval("SHOW statement_timeout") == "0"
