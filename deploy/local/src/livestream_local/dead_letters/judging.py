"""Whether a dead letter can be folded now, and where it belongs. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from livestream.events import (
    MESSAGES_TOPIC,
    USERS_TOPIC,
    Event,
    MessagePosted,
    Rejected,
    UserDeleted,
    check_future,
    parse_record,
)
from livestream.fold import NEVER_MS
from livestream.letters import Letter
from livestream.partitioning import partition_of
from livestream.times import format_ms

# What such a record stands against does not go away: the first of an id stands, and nothing gets younger.
FINAL_REASONS: Final = frozenset({"conflict", "too-old"})

DELETED: Final = "deleted"


class Place(NamedTuple):
    """Where a record goes. `key` is what the contract says that the topic is keyed by."""

    topic: str
    partition: int
    key: bytes | None


class Deletions(NamedTuple):
    """When channels and users were last deleted, in milliseconds since 1970 UTC."""

    channels: Mapping[str, int]
    users: Mapping[str, int]


def read_event(letter: Letter) -> Event | Rejected:
    """The event, whichever of the two topics it was meant for."""
    read = parse_record(MESSAGES_TOPIC, letter.value, letter.headers)
    if isinstance(read, Rejected) and read.reason == "wrong-topic":
        return parse_record(USERS_TOPIC, letter.value, letter.headers)
    return read


def check_foldable(letter: Letter, event: Event | Rejected, now_ms: int) -> Rejected | None:
    """Why the record would become a dead letter again, as far as it tells by itself."""
    if isinstance(event, Rejected):
        return event
    if letter.rejected.reason in FINAL_REASONS:
        return letter.rejected
    return check_future(event, now_ms)


def check_not_deleted(letter: Letter, event: Event | Rejected, deletions: Deletions) -> Rejected | None:
    """Refuse a message whose channel or user was deleted since it was appended.

    Appended again, a `ts` ahead of its first append time could count as later than the deletion, and bring back what
    was deleted.
    """
    if not isinstance(event, MessagePosted):
        return None
    time_ms = min(event.ts_ms, letter.append_ms)
    for field, name, deleted in (
        ("channel", event.channel, deletions.channels),
        ("user", event.user, deletions.users),
    ):
        deleted_ms = deleted.get(name, NEVER_MS)
        if time_ms <= deleted_ms:
            return Rejected(DELETED, f"was deleted up to {format_ms(deleted_ms)}, and this message with it", field)
    return None


def place_of(letter: Letter, event: Event | Rejected, partitions: int) -> Place:
    """Where the event belongs; back to where it lay, if it cannot be read."""
    match event:
        case Rejected():
            return Place(letter.coordinates.topic, letter.coordinates.partition, letter.key)
        case UserDeleted(user, _):
            return Place(USERS_TOPIC, 0, user.encode())
        case _:
            return Place(MESSAGES_TOPIC, partition_of(event.channel, partitions), event.channel.encode())


def check_partition(place: Place, partitions: int) -> Rejected | None:
    """Refuse what lay in a partition that is no more: the topic was made anew since."""
    if place.partition < (1 if place.topic == USERS_TOPIC else partitions):
        return None
    return Rejected("unknown-partition", f"{place.topic} has no partition {place.partition} any more")
