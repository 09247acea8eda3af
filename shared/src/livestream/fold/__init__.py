"""The fold: events become changed rows. Pure; see `messages` for the rules and `state` for the rows."""

from livestream.fold.changes import Changes, Coordinates, DeadLetter, Repeat
from livestream.fold.deletions import (
    Survivors,
    UserDeletion,
    advance_users,
    deletion_time_ms,
    fold_channel_deletion,
    fold_user_deletion,
)
from livestream.fold.messages import Record, fold_messages, split, touched_by, touched_through
from livestream.fold.recounts import fold_recount
from livestream.fold.state import (
    NEVER_MS,
    NO_DISPLAY_NAME,
    ChannelState,
    DisplayName,
    MessageState,
    Pair,
    PairState,
    PartitionState,
    Prior,
    Touched,
    UserKey,
    UserState,
    own_counts,
    own_messages,
    own_rows,
)

__all__ = [
    "NEVER_MS",
    "NO_DISPLAY_NAME",
    "Changes",
    "ChannelState",
    "Coordinates",
    "DeadLetter",
    "DisplayName",
    "MessageState",
    "Pair",
    "PairState",
    "PartitionState",
    "Prior",
    "Record",
    "Repeat",
    "Survivors",
    "Touched",
    "UserDeletion",
    "UserKey",
    "UserState",
    "advance_users",
    "deletion_time_ms",
    "fold_channel_deletion",
    "fold_messages",
    "fold_recount",
    "fold_user_deletion",
    "own_counts",
    "own_messages",
    "own_rows",
    "split",
    "touched_by",
    "touched_through",
]
