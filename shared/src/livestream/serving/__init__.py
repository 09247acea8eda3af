"""The serving copy of the read model in Redis: merged counts, the newest messages, and the delta log."""

from livestream.serving.client import (
    KEPT_MESSAGES,
    Activity,
    NameKind,
    NameOrder,
    NoEpochError,
    Page,
    ProgressReport,
    PublishOutcome,
    Recounts,
    ServingCopy,
    StagedKind,
    Stand,
    Status,
    Windows,
)
from livestream.serving.delta_log import DeltaLog

__all__ = [
    "KEPT_MESSAGES",
    "Activity",
    "DeltaLog",
    "NameKind",
    "NameOrder",
    "NoEpochError",
    "Page",
    "ProgressReport",
    "PublishOutcome",
    "Recounts",
    "ServingCopy",
    "StagedKind",
    "Stand",
    "Status",
    "Windows",
]
