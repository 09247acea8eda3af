"""Erasing the dead letters of deleted users: the topic is read from time to time, and theirs get a tombstone.

Its only state is the topic itself and the deletions in Postgres, so it does not matter which came first, the letter or
the deletion, nor who looked before. A tombstone alone erases nothing: the broker compacts closed segments only, and
closes one on an append. So something is appended at every look until the letters are gone.

A letter goes by the user that can be read in it. Others go with the topic's retention: what is no JSON, lists, and
edits, which name no user.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import asyncpg
from aiokafka.errors import KafkaError

from livestream.clients import POSTGRES_FAILURES
from livestream.events import DEAD_LETTER_TOPIC
from livestream.fold import NEVER_MS
from livestream.kafka import AIOKafkaProducer
from livestream.letter_topic import LetterTopic
from livestream.letters import Letter, names_in, read_letter, time_ms_of
from livestream.logs import get_logger
from livestream.retries import keep_doing
from livestream.texts import check_name
from livestream_projector import metrics
from livestream_projector.settings import Settings

# Not a record's coordinates, so no letter's key.
ROLL_KEY: Final = b"roll"

_OWNER_LOOK_SECONDS: Final = 1.0
_SEND_SECONDS: Final = 60.0
_FAILURES: Final = (KafkaError, *POSTGRES_FAILURES)
_DELETED: Final = """
SELECT username, max(deleted_ms) FROM partition_users JOIN generations USING (generation)
WHERE state = 'live' AND username = ANY($1) AND deleted_ms > -4611686018427387904
GROUP BY username
"""

_log = get_logger(__name__)


class Findings:
    """The letters of deleted users: by key, whether the letter still stands, or a later record replaces it already."""

    def __init__(self) -> None:
        self._stands: dict[bytes, bool] = {}

    @property
    def standing(self) -> list[bytes]:
        return [key for key, stands in self._stands.items() if stands]

    def __len__(self) -> int:
        return len(self._stands)

    def take(self, letters: Iterable[tuple[bytes, Letter | None]], deleted_ms: Mapping[str, int]) -> None:
        """The topic's records in order: key, and letter if it is one. `deleted_ms`: when users were deleted last."""
        for key, letter in letters:
            user = letter and user_of(letter)
            if letter and user and time_ms_of(letter) <= deleted_ms.get(user, NEVER_MS):
                self._stands[key] = True
            elif key in self._stands:
                self._stands[key] = False


def user_of(letter: Letter) -> str | None:
    """The user whose deletion would reach this letter."""
    user = names_in(letter).user
    try:
        return None if user is None else check_name(user)
    except ValueError:  # nobody has that name
        return None


class LetterEraser:
    """Looks every `letter_erasure_s` while `is_owner` says that this process is the one to do it.

    Two at once, when the partitions move, write the same tombstones twice.
    """

    def __init__(
        self,
        settings: Settings,
        pool: asyncpg.Pool,
        producer: AIOKafkaProducer,
        is_owner: Callable[[], bool],
    ) -> None:
        self._bootstrap_servers = settings.kafka_servers
        self._interval_s = settings.letter_erasure_s
        self._pool = pool
        self._producer = producer
        self._is_owner = is_owner

    async def run(self) -> None:
        """Erase until cancelled."""
        await keep_doing("erase_letters", self._erase_and_rest, _FAILURES)

    async def _erase_and_rest(self) -> float:
        if not self._is_owner():
            metrics.LETTERS_TO_COMPACT.set(0)
            return _OWNER_LOOK_SECONDS
        await self.erase()
        return self._interval_s

    async def erase(self) -> None:
        """One look at the whole topic. Raises aiokafka's and asyncpg's errors, OSError or TimeoutError."""
        findings = await self._find()
        standing = findings.standing
        if standing:
            await self._append(standing)
            metrics.LETTERS_ERASED.inc(len(standing))
            _log.info("letters_erased", letters=len(standing))
        elif findings:
            await self._append([ROLL_KEY])
        metrics.LETTERS_TO_COMPACT.set(len(findings))

    async def _find(self) -> Findings:
        findings = Findings()
        async with LetterTopic(self._bootstrap_servers) as topic:
            async for records in topic.batches(topic.start, topic.end):
                letters = [(record.key, read_letter(record)) for record in records]
                findings.take(letters, await self._deleted_ms(letters))
        return findings

    async def _deleted_ms(self, letters: Sequence[tuple[bytes, Letter | None]]) -> dict[str, int]:
        users = {user for _, letter in letters if letter and (user := user_of(letter))}
        if not users:
            return {}
        async with self._pool.acquire() as connection:
            return dict(map(tuple, await connection.fetch(_DELETED, list(users))))

    async def _append(self, keys: Sequence[bytes]) -> None:
        async with asyncio.timeout(_SEND_SECONDS):
            pending: list[asyncio.Future[Any]] = [
                await self._producer.send(DEAD_LETTER_TOPIC, None, key=key) for key in keys
            ]
            await asyncio.gather(*pending)
