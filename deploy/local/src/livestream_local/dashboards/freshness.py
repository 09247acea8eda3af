"""The dashboard for "is it well?": how soon messages are shown, whether all get all of it, whether it is true."""

from typing import Final

from livestream_local.dashboards.panels import Dashboard, Panel, Query, Row
from livestream_local.dashboards.promql import WINDOW, quantile, rate

_LATE: Final = "livestream:messages_late:ratio_rate"
_AGE: Final = "livestream_message_age_seconds"
# deploy/prometheus/freshness.yml: the promise, and how fast its budget may go.
_PROMISED_SHARE: Final = 0.99
_PROMISED_SECONDS: Final = 1.0
_BUDGET: Final = 0.01
_BURNING: Final = 14.4
# From then on streams say `stale`.
_STALE_SECONDS: Final = 5.0

FRESH: Final = Row(
    "Is it fresh?",
    [
        Panel(
            "Shown within a second, 28 days",
            "percentunit",
            "The promise is 99 %. Below it: look at the four times under it, which follow a message's way.",
            [Query(f"1 - {_LATE}28d", "share of messages")],
            limit=_PROMISED_SHARE,
            is_number=True,
            is_floor=True,
            columns=4,
        ),
        Panel(
            "Error budget left, 28 days",
            "percentunit",
            "1 % of messages may be late. Below 0: make it fast before you make it more.",
            [Query("livestream:freshness_budget:left", "left")],
            see="LivestreamFreshnessWearing",
            limit=0,
            is_number=True,
            is_floor=True,
            columns=4,
        ),
        Panel(
            "How fast does the budget go?",
            "none",
            "1 uses it up in 28 days, 14.4 a fiftieth of it in an hour.",
            [Query(f"{_LATE}{window} / {_BUDGET}", window) for window in ("5m", "1h", "6h")],
            see="LivestreamFreshnessBurning",
            limit=_BURNING,
        ),
        Panel(
            "What do streams say of themselves?",
            "none",
            "Gateways by state. `stale`: the projector does not report, or lags. `rebuilding`: Redis is being loaded.",
            [Query("sum by (state) (livestream_stream_state)", "{{state}}")],
            see="LivestreamBehind",
        ),
        Panel(
            "How old is a message when its frame goes out?",
            "s",
            "From its append to the log to the end of the fan-out. The next three say where the time goes.",
            [Query(quantile(share, _AGE), f"p{round(share * 100)}") for share in (0.5, 0.95, 0.99)],
            see="LivestreamFreshnessBurning",
            limit=_PROMISED_SECONDS,
        ),
        Panel(
            "How far is the fold behind the log?",
            "s",
            "The age of the oldest record that waits. It grows: more comes than is folded, or nothing is folded.",
            [Query("max(livestream_projector_lag_seconds)", "oldest record")],
            alert="LivestreamBehind",
        ),
        Panel(
            "How long from Redis to the frame?",
            "s",
            "Large: gateways have too many clients, or too little of a processor.",
            [Query(quantile(share, "livestream_frame_age_seconds"), f"p{round(share * 100)}") for share in (0.5, 0.95)],
            alert="LivestreamFramesLate",
        ),
        Panel(
            "How far behind do streams say they are?",
            "s",
            "What pages show as *Updates are delayed*, by gateway: only one is behind, then it is that one.",
            [Query("max by (instance) (livestream_stream_lag_seconds)", "{{instance}}")],
            see="LivestreamGatewayBehind",
            limit=_STALE_SECONDS,
        ),
        Panel(
            "How many records wait to be folded?",
            "short",
            "All partitions. Falls after an outage by itself.",
            [Query("sum(livestream_projector_lag_records)", "records")],
        ),
        Panel(
            "Do posts, folds and frames keep step?",
            "cps",
            "A second. More folded than posted: others produce to Kafka. Fewer: a backlog grows.",
            [
                Query(rate("livestream_ingest_accepted_items_total"), "posted"),
                Query(rate("livestream_projector_records_total"), "folded"),
                Query(f"max(rate({_AGE}_count[{WINDOW}]))", "told by a gateway"),
            ],
        ),
    ],
)

WHOLE: Final = Row(
    "Does everybody get all of it?",
    [
        Panel(
            "How many streams are open?",
            "short",
            "By what they watch. A fall for all at once: a proxy, or a gateway that went.",
            [Query("sum by (view) (livestream_open_streams)", "{{view}}")],
        ),
        Panel(
            "Why were views sent whole?",
            "cps",
            "A second. `start`: a client without a cursor. `epoch`: Redis was loaded anew. `evicted`, `behind`: away "
            "for long. `slow`: could not take it all. `unknown-cursor`: made up, or of another Redis.",
            [Query(rate("livestream_snapshots_total", ["reason"]), "{{reason}}")],
        ),
        Panel(
            "How many clients cannot keep up?",
            "cps",
            "A second. `conflated`: caught up when they can take it. Cut: they took nothing for 30 s (`stuck`), their "
            "network vanished (`gone`), or the gateway stopped (`unread`).",
            [
                Query(rate("livestream_clients_conflated_total"), "conflated"),
                Query(rate("livestream_clients_cut_total", ["reason"]), "cut: {{reason}}"),
            ],
        ),
        Panel(
            "How many come back where they were?",
            "cps",
            "A second: clients that were told by one frame what they had missed.",
            [Query(rate("livestream_catch_ups_total"), "caught up")],
        ),
        Panel(
            "What does ingest answer?",
            "reqps",
            "202, 207: on the log. 4xx: the upstream system is told what is wrong. 5xx: Kafka; it is sent again.",
            [Query(rate("livestream_ingest_requests_total", ["status"]), "{{status}}")],
            see="LivestreamIngestUnavailable",
        ),
        Panel(
            "What does web answer?",
            "reqps",
            "503: there is no read model, or no server. 404 is a name that nobody has used.",
            [Query(rate("livestream_web_requests_total", ["status"]), "{{status}}")],
            see="LivestreamWebUnavailable",
        ),
    ],
)

RIGHT: Final = Row(
    "Is it right?",
    [
        Panel(
            "Rows that are not what the log says",
            "short",
            "Of the last audit. Anything but 0 must not happen.",
            [Query("max by (part) (livestream_audit_rows_differing)", "{{part}}")],
            alert="LivestreamAuditDiffers",
        ),
        Panel(
            "When did an audit come to its end?",
            "s",
            "Seconds ago. After a start the auditor reads the whole log first.",
            [Query("time() - max(livestream_audit_last_completed_timestamp_seconds)", "ago")],
            alert="LivestreamAuditMissing",
        ),
        Panel(
            "Which records could not be folded?",
            "short",
            "By reason, in the last 15 minutes. `./live dead-letters list` shows them.",
            [Query("sum by (reason) (increase(livestream_dead_letters_total[15m]))", "{{reason}}")],
            alert="LivestreamDeadLetters",
        ),
        Panel(
            "For how long have words of deleted users been in an index?",
            "s",
            "The indexes are made anew 12 hours after the first deletion.",
            [Query("max(livestream_projector_words_to_erase_seconds)", "oldest")],
            alert="LivestreamWordsRemain",
        ),
        Panel(
            "How many dead letters of deleted users does the broker hold?",
            "short",
            "They go when it compacts the topic, within hours.",
            [Query("max(livestream_dead_letters_to_compact)", "letters")],
            alert="LivestreamLettersRemain",
        ),
        Panel(
            "What goes by itself: repeats, retention, deletions",
            "cps",
            "A second: records by what became of them, and rows that were dropped or erased.",
            [
                Query(rate("livestream_projector_records_total", ["outcome"]), "{{outcome}}"),
                Query(rate("livestream_projector_dropped_rows_total"), "dropped by retention"),
                Query(rate("livestream_projector_erased_rows_total"), "erased by a deletion"),
            ],
        ),
    ],
)

DASHBOARD: Final = Dashboard(
    "livestream-freshness",
    "Livestream: how fresh and how right",
    "What viewers and upstream systems notice. docs/observability.md says how to read it, docs/alerts.md what to do.",
    [FRESH, WHOLE, RIGHT],
)
