"""The independent witness: what the contract's section 2 says of a log, worked out in the plainest way.

It shares no code with the fold that it checks. `facts` keeps what each record says, `read_model` judges all of it at
once: no increments, no order of steps that could hide a mistake.
"""

from livestream_auditor.witness.baseline import Baseline, DroppedPair, Shown
from livestream_auditor.witness.facts import LogFacts, LogRecord, MessageFacts, message_key, text_digest
from livestream_auditor.witness.read_model import NameTally, ReadModel, Tally
from livestream_auditor.witness.sample import EVERYTHING, ChannelSample

__all__ = [
    "EVERYTHING",
    "Baseline",
    "ChannelSample",
    "DroppedPair",
    "LogFacts",
    "LogRecord",
    "MessageFacts",
    "NameTally",
    "ReadModel",
    "Shown",
    "Tally",
    "message_key",
    "text_digest",
]
