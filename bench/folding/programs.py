"""Those who fold the log into Postgres: how each is started, how far it says that it is, and what it counted."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import psycopg
from confluent_kafka import Consumer, TopicPartition

from bench.folding.databases import HISTORY
from bench.folding.python_peers import program_of
from bench.support.chat_fill import PARTITIONS
from livestream.events import MESSAGES_TOPIC
from livestream_local.ports import free_ports

_REQUEST_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 1.0

Gauge = Callable[[], int]


class Place(NamedTuple):
    """Where one turn takes place. `name` is that turn's alone."""

    name: str
    kafka: str
    redis_url: str
    database_url: str
    folder: Path


class Folding(Protocol):
    """A program. `drops_repeats`: what comes again counts once; else it takes part only where nothing does."""

    @property
    def drops_repeats(self) -> bool: ...

    @property
    def serves(self) -> bool:
        """It is done when Redis has it, too."""
        ...

    def command(self) -> Sequence[str | Path]: ...

    def environment(self, place: Place) -> Mapping[str, str]: ...

    def progress(self, place: Place) -> AbstractContextManager[Gauge]:
        """To ask how many records of the log are done for good."""
        ...

    def problem(self, place: Place, messages: int) -> str | None:
        """What is wrong with its counts, where the history is right and has so many messages."""
        ...


class OurProjector:
    """As it is run."""

    drops_repeats: Final = True
    serves: Final = True

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", "livestream_projector"]

    def environment(self, place: Place) -> Mapping[str, str]:
        return _environment(place) | {
            "REDIS_URL": place.redis_url,
            "PROJECTOR_GROUP": place.name,
            "PORT": str(free_ports().projector),
            "LOG_LEVEL": "warning",
        }

    def progress(self, place: Place) -> AbstractContextManager[Gauge]:
        return _asking(place, "SELECT sum(messages_offset)::bigint FROM partitions")

    def problem(self, place: Place, messages: int) -> str | None:
        del messages
        return _differences(
            place,
            channels="SELECT channel, messages FROM channels",
            users="SELECT username, sum(messages)::bigint FROM partition_users GROUP BY username",
            pairs="SELECT channel, username, messages FROM pairs",
        )


class Bytewax:
    """With a sink of one's own."""

    drops_repeats: Final = True
    serves: Final = False

    def __init__(self, python: Path) -> None:
        self._python = python

    def command(self) -> Sequence[str | Path]:
        return [self._python, "-m", "bytewax.run", f"{program_of('bytewax')}:flow"]

    def environment(self, place: Place) -> Mapping[str, str]:
        return _environment(place)

    def progress(self, place: Place) -> AbstractContextManager[Gauge]:
        return _asking(place, "SELECT coalesce(sum(next_offset), 0)::bigint FROM bench_progress")

    def problem(self, place: Place, messages: int) -> str | None:
        del messages
        return _differences(
            place,
            channels="SELECT channel, messages FROM bench_channels",
            users="SELECT username, messages FROM bench_users",
            pairs="SELECT channel, username, messages FROM bench_pairs",
        )


class QuixStreams:
    """With its PostgreSQLSink; how far it is, Kafka knows, and its counts are in topics that back its state."""

    drops_repeats: Final = False
    serves: Final = False

    def __init__(self, python: Path) -> None:
        self._python = python

    def command(self) -> Sequence[str | Path]:
        return [self._python, program_of("quixstreams")]

    def environment(self, place: Place) -> Mapping[str, str]:
        return _environment(place) | {"CONSUMER_GROUP": place.name, "STATE_DIR": str(place.folder / place.name)}

    @contextmanager
    def progress(self, place: Place) -> Iterator[Gauge]:
        """Each record is worked on twice, as it stands on the log and grouped by user: half is done with the first.

        To count only what both have done would leave out the time and the writes that the first took alone.
        """
        with _consumer(place, place.name) as consumer:

            def done() -> int:
                grouped = _topics(consumer, f"repartition__{place.name}--")
                return sum(_committed(consumer, topic) for topic in [MESSAGES_TOPIC, *grouped]) // 2

            yield done

    def problem(self, place: Place, messages: int) -> str | None:
        """By the newest value of each key: a message counts for its channel, its pair and its user."""
        counts: dict[tuple[str, bytes], int] = {}
        with _consumer(place, f"{place.name}-check") as consumer:
            for topic in _topics(consumer, f"changelog__{place.name}--"):
                counts |= _newest_values(consumer, topic)
        found, wanted = sum(counts.values()), 3 * messages
        return None if found == wanted else f"its counts come to {found:,} instead of {wanted:,}"


def _environment(place: Place) -> dict[str, str]:
    return {"KAFKA_BOOTSTRAP_SERVERS": place.kafka, "DATABASE_URL": place.database_url}


@contextmanager
def _asking(place: Place, query: str) -> Iterator[Gauge]:
    with psycopg.connect(place.database_url, autocommit=True) as connection:

        def answer() -> int:
            row = connection.execute(query.encode()).fetchone()
            assert row is not None
            return int(row[0])

        yield answer


def _differences(place: Place, **counted: str) -> str | None:
    """Each query gives what was counted, keyed as its rows are; the history says what is right."""
    keys = {"channels": "channel", "users": "username", "pairs": "channel, username"}
    for what, counts in counted.items():
        right = f"SELECT {keys[what]}, count(*) FROM {HISTORY} GROUP BY {keys[what]}"  # noqa: S608 (as below)
        wrong = f"(({right}) EXCEPT ({counts})) UNION ALL (({counts}) EXCEPT ({right}))"
        with _asking(place, f"SELECT count(*) FROM ({wrong}) AS wrong") as wrongs:  # noqa: S608 (it is all ours)
            if number := wrongs():
                return f"{number:,} counts of {what} differ"
    return None


@contextmanager
def _consumer(place: Place, group: str) -> Iterator[Consumer]:
    consumer = Consumer({"bootstrap.servers": place.kafka, "group.id": group, "enable.auto.commit": False})
    try:
        yield consumer
    finally:
        consumer.close()


def _topics(consumer: Consumer, prefix: str) -> list[str]:
    return [topic for topic in consumer.list_topics(timeout=_REQUEST_SECONDS).topics if topic.startswith(prefix)]


def _committed(consumer: Consumer, topic: str) -> int:
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    return sum(max(place.offset, 0) for place in consumer.committed(places, timeout=_REQUEST_SECONDS))


def _newest_values(consumer: Consumer, topic: str) -> dict[tuple[str, bytes], int]:
    ends = {}
    for number in range(PARTITIONS):
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_REQUEST_SECONDS)
        if end:
            ends[number] = end
    consumer.assign([TopicPartition(topic, number, 0) for number in ends])
    values: dict[tuple[str, bytes], int] = {}
    while ends:
        message = consumer.poll(_POLL_SECONDS)
        if message is None:
            raise TimeoutError(f"{topic} was not read to its end")
        partition, offset, key, value = message.partition(), message.offset(), message.key(), message.value()
        assert isinstance(key, bytes)
        assert value is not None
        assert partition is not None
        assert offset is not None
        values[topic, key] = int(value)
        if offset + 1 >= ends[partition]:
            del ends[partition]
    return values
