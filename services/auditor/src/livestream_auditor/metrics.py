"""All of the auditor's metrics."""

from typing import Final

from prometheus_client import Counter, Gauge

ROWS_COMPARED: Final = Counter("livestream_audit_rows_compared_total", "Comparisons made, by what was read", ["part"])
ROWS_DIFFERING: Final = Gauge(
    "livestream_audit_rows_differing", "Comparisons that came out unequal in the last complete audit", ["part"]
)
LAST_COMPLETED: Final = Gauge(
    "livestream_audit_last_completed_timestamp_seconds", "When an audit last came to its end, since 1970"
)
AUDIT_SECONDS: Final = Gauge("livestream_audit_duration_seconds", "How long the last complete audit took")
FAILURES: Final = Counter("livestream_audit_failures_total", "Audits that could not be made, and are tried again")
WITNESSES: Final = Counter("livestream_audit_witnesses_total", "Times that the log was read from its beginning")
SAMPLE_RATIO: Final = Gauge("livestream_audit_sample_ratio", "Share of all channels that are looked at")
MESSAGES_HELD: Final = Gauge("livestream_audit_messages_held", "Messages that the witness remembers")
