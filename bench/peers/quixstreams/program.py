"""Kafka → Postgres with Quix Streams: its PostgreSQLSink for the history, its state for the counts.

`python program.py` folds the topic from its begin on. Records are keyed by channel, so a channel's count and those of
its pairs are state of that key; users' counts need the records grouped by user, which is another topic. History is
exact, since rows that are there already stay as they are; counts are at least once, which is the default.

KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL say where, CONSUMER_GROUP and STATE_DIR under which name and where state lies.
"""

import os
import zlib
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from quixstreams import Application, message_context  # type: ignore[import-not-found]
from quixstreams.sinks.community.postgresql import PostgreSQLSink  # type: ignore[import-not-found]

TOPIC = "messages.v1"
GENERATION = 1
# A checkpoint writes all that came since the last one: as many as make its fixed costs small. Each record comes twice,
# as it stands on the log and grouped by user.
RECORDS_A_CHECKPOINT = 20_000
# The last ones wait so long for theirs, which the benchmark should not be about.
CHECKPOINT_SECONDS = 2.0

Value = dict[str, Any]


def count_channel_and_pair(value: Value, state: Any) -> None:
    """Of the channel that is the key."""
    for name in ("messages", f"pair:{value['user']}"):
        state.set(name, state.get(name, 0) + 1)


def count_user(_: Value, state: Any) -> None:
    """Of the user that is the key."""
    state.set("messages", state.get("messages", 0) + 1)


def row_of(value: Value, _key: Any, append_ms: int, _headers: Any) -> Value:
    """A row of the history, from a record's value and its place on the log."""
    place, user, text = message_context(), value["user"], value["text"]
    return {
        "generation": GENERATION,
        "partition": place.partition,
        "channel": value["channel"],
        "id": value["id"],
        "username": user,
        "ts_ms": round(datetime.fromisoformat(value["ts"]).timestamp() * 1000),
        "append_ms": append_ms,
        "log_offset": place.offset,
        "digest": zlib.crc32(text.encode(), zlib.crc32(user.encode())),
        "posted": True,
        "deleted": False,
        "visible": True,
        "text": text,
        "kept_ms": append_ms,
    }


def history_sink(database_url: str) -> Any:
    """Into the table that is there, with its primary key."""
    url = urlsplit(database_url)
    return PostgreSQLSink(
        host=url.hostname,
        port=url.port,
        dbname=url.path.removeprefix("/"),
        user=url.username,
        password=url.password or "",
        table_name=f"messages_{GENERATION}",
        schema_auto_update=False,
        on_conflict_do_nothing=True,
        include_metadata=False,
    )


def main() -> None:
    """Until it is told to stop."""
    application = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        consumer_group=os.environ["CONSUMER_GROUP"],
        state_dir=os.environ["STATE_DIR"],
        auto_offset_reset="earliest",
        commit_every=RECORDS_A_CHECKPOINT,
        commit_interval=CHECKPOINT_SECONDS,
        loglevel="WARNING",
    )
    posted = application.dataframe(application.topic(TOPIC, value_deserializer="json"))
    posted.update(count_channel_and_pair, stateful=True)
    posted.apply(row_of, metadata=True).sink(history_sink(os.environ["DATABASE_URL"]))
    posted[["user"]].group_by("user").update(count_user, stateful=True)
    application.run()


if __name__ == "__main__":
    main()
