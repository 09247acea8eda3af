"""The dashboard for "where does it go wrong?": what each service does, and what it waits for."""

from typing import Final

from livestream_local.dashboards.panels import Dashboard, Panel, Query, Row
from livestream_local.dashboards.promql import WINDOW, mean, quantile, rate

_OURS: Final = 'job=~"livestream-.+"'
_USED: Final = 'livestream_postgres_connections{state="used"}'

PROCESSES: Final = Row(
    "Every process",
    [
        Panel(
            "Who answers?",
            "short",
            "Processes that Prometheus reaches, by service.",
            [Query(f"sum by (job) (up{{{_OURS}}})", "{{job}}")],
            see="LivestreamDown",
        ),
        Panel(
            "How much of a processor?",
            "percentunit",
            "1 is one core, and a process cannot use more. Near it: start another one of its kind.",
            [Query(f"rate(process_cpu_seconds_total{{{_OURS}}}[{WINDOW}])", "{{job}} {{instance}}")],
            limit=1,
        ),
        Panel(
            "How much memory?",
            "bytes",
            "Gateways hold deltas to resume from (`REPLAY_BYTES`), ingest what is in flight. Else it does not grow.",
            [Query(f"process_resident_memory_bytes{{{_OURS}}}", "{{job}} {{instance}}")],
        ),
        Panel(
            "How late is the event loop?",
            "s",
            "p99. Above 0.1 s something keeps a process busy, and all that it serves waits.",
            [Query(quantile(0.99, "livestream_event_loop_lag_seconds", ["job", "instance"]), "{{job}} {{instance}}")],
        ),
        Panel(
            "How many open files and sockets?",
            "short",
            "A stream is one. The limit is the system's (`ulimit -n`).",
            [Query(f"process_open_fds{{{_OURS}}}", "{{job}} {{instance}}")],
        ),
        Panel(
            "What is tried again?",
            "cps",
            "A second, by what was attempted. The log line `retry` has the reason.",
            [Query(rate("livestream_retries_total", ["job", "operation"]), "{{job}} {{operation}}")],
            alert="LivestreamRetrying",
        ),
        Panel(
            "How long does Redis take?",
            "s",
            "p95 of a call, by function. `publish` is the projector's, `status` and `windows` the readers'.",
            [Query(quantile(0.95, "livestream_redis_call_seconds", ["job", "function"]), "{{job}} {{function}}")],
        ),
        Panel(
            "Which connections to Postgres are in use?",
            "percentunit",
            "Of those that a process may have. At 1 its work waits for a connection.",
            [Query(f"{_USED} / on (job, instance) livestream_postgres_connections_max", "{{job}} {{instance}}")],
            limit=1,
        ),
        Panel(
            "Since when does it run?",
            "s",
            "A line that falls is a process that was started anew.",
            [Query(f"time() - process_start_time_seconds{{{_OURS}}}", "{{job}} {{instance}}")],
        ),
    ],
)

INGEST: Final = Row(
    "Ingest",
    [
        Panel(
            "How long until Kafka has it?",
            "s",
            "From handing over to the acknowledgement of all in-sync replicas.",
            [
                Query(quantile(share, "livestream_ingest_ack_duration_seconds"), f"p{round(share * 100)}")
                for share in (0.5, 0.99)
            ],
            see="LivestreamIngestUnavailable",
        ),
        Panel(
            "How many records in a batch?",
            "short",
            "On average. More of them: Kafka is slower than posts come.",
            [Query(mean("livestream_ingest_batch_records"), "records")],
        ),
        Panel(
            "How much is in memory?",
            "bytes",
            "What is not acknowledged, and large bodies. At their bounds bodies wait, and in the end are answered 503.",
            [Query("sum by (what) (livestream_ingest_in_flight_bytes)", "{{what}}")],
        ),
        Panel(
            "What is asked?",
            "reqps",
            "By method and route.",
            [Query(rate("livestream_ingest_requests_total", ["method", "route"]), "{{method}} {{route}}")],
        ),
        Panel(
            "Who is turned away?",
            "reqps",
            "By reason. `wrong-key` that goes on: an upstream system still has a key that was revoked.",
            [Query(rate("livestream_ingest_turned_away_total", ["reason"]), "{{reason}}")],
        ),
        Panel(
            "Can the file of API keys be read?",
            "short",
            "1: no. The keys stay as they were, and changes take no effect.",
            [Query("max(livestream_ingest_keys_unreadable)", "unreadable")],
            alert="LivestreamKeysUnreadable",
        ),
        Panel(
            "What is refused?",
            "cps",
            "Items a second, by reason: what upstream systems got wrong.",
            [Query(rate("livestream_ingest_refused_items_total", ["reason"]), "{{reason}}")],
        ),
        Panel(
            "Which batches got lost on the way?",
            "cps",
            "A second: their fate is unknown, and they are sent again.",
            [Query(rate("livestream_ingest_failed_batches_total", ["error"]), "{{error}}")],
        ),
    ],
)

PROJECTOR: Final = Row(
    "Projector",
    [
        Panel(
            "How long does a batch take?",
            "s",
            "On average, by phase. `load` and `commit` are Postgres, `fold` is ours.",
            [Query(mean("livestream_projector_batch_seconds", ["phase"]), "{{phase}}")],
        ),
        Panel(
            "How long do the slow ones take?",
            "s",
            "p95, by phase.",
            [Query(quantile(0.95, "livestream_projector_batch_seconds", ["phase"]), "{{phase}}")],
        ),
        Panel(
            "How many records does a poll bring?",
            "short",
            "On average. At `PROJECTOR_BATCH_RECORDS` there is a backlog.",
            [Query(mean("livestream_projector_polled_records"), "records")],
        ),
        Panel(
            "How many transactions?",
            "cps",
            "A second, committed; and batches that were dropped since another process owns a partition.",
            [
                Query(rate("livestream_projector_batches_total"), "committed"),
                Query(rate("livestream_projector_fenced_total"), "fenced"),
            ],
        ),
        Panel(
            "What does Redis say to a batch?",
            "cps",
            "A second. `behind`: an earlier one is missing, and comes from the outbox. `no-epoch`: it is loaded anew.",
            [Query(rate("livestream_projector_published_total", ["outcome"]), "{{outcome}}")],
        ),
        Panel(
            "How long does it take to publish one?",
            "s",
            "Until Redis has applied it.",
            [
                Query(
                    quantile(share, "livestream_redis_call_seconds", labels='function="publish"'),
                    f"p{round(share * 100)}",
                )
                for share in (0.5, 0.95)
            ],
        ),
        Panel(
            "How many batches wait in the outbox?",
            "short",
            "They are in Postgres, and Redis does not have them.",
            [Query("max(livestream_projector_outbox_rows)", "batches")],
            alert="LivestreamUnpublished",
        ),
        Panel(
            "Who folds how many partitions?",
            "short",
            "Together as many as the topic has.",
            [Query("sum by (instance) (livestream_projector_partitions_owned)", "{{instance}}")],
            see="LivestreamPartitionsLost",
        ),
        Panel(
            "What else does it do?",
            "cps",
            "A second: Redis filled, users' counts that follow a channel's deletion, letters and words erased.",
            [
                Query(rate("livestream_projector_epochs_loaded_total"), "epochs loaded"),
                Query(rate("livestream_projector_recounted_pairs_total"), "counts followed"),
                Query(rate("livestream_dead_letters_erased_total"), "letters erased"),
                Query(rate("livestream_projector_word_erasures_total"), "indexes of words"),
            ],
        ),
    ],
)

GATEWAY: Final = Row(
    "Stream gateway",
    [
        Panel(
            "How long does a fan-out take?",
            "s",
            "p95, by gateway. It sends less often where this is long.",
            [Query(quantile(0.95, "livestream_tick_seconds", ["instance"]), "{{instance}}")],
            alert="LivestreamGatewayFull",
        ),
        Panel(
            "How often does it tick?",
            "cps",
            "Ten times a second at most; less often under load, or where nothing comes.",
            [Query(rate("livestream_tick_seconds_count", ["instance"]), "{{instance}}")],
        ),
        Panel(
            "How many events are written?",
            "cps",
            "A second, to all clients.",
            [Query(rate("livestream_frames_sent_total", ["event"]), "{{event}}")],
        ),
        Panel(
            "How many bytes?",
            "Bps",
            "As they go out: compressed where clients take it.",
            [Query(rate("livestream_stream_sent_bytes_total", ["instance"]), "{{instance}}")],
        ),
        Panel(
            "How many clients has each?",
            "short",
            "By encoding. `identity` costs more of the network.",
            [Query("sum by (instance, encoding) (livestream_open_streams)", "{{instance}} {{encoding}}")],
        ),
        Panel(
            "How many views does it hold, and read?",
            "short",
            "Held now; and read a second, from Redis or Postgres: when somebody comes, or after a removal.",
            [
                Query("sum(livestream_watched_views)", "held"),
                Query(rate("livestream_view_reads_total", ["view"]), "read: {{view}}"),
            ],
        ),
        Panel(
            "How many deltas has it not read?",
            "short",
            "Of those that Redis has.",
            [Query("max by (instance) (livestream_follower_lag_deltas)", "{{instance}}")],
            alert="LivestreamGatewayBehind",
        ),
        Panel(
            "How much is kept to resume from?",
            "bytes",
            "At most `REPLAY_BYTES`; older cursors are served from Redis.",
            [Query("max by (instance) (livestream_retained_deltas_bytes)", "{{instance}}")],
        ),
        Panel(
            "How often did it begin anew?",
            "short",
            "In an hour: after an epoch was loaded, or deltas were missed.",
            [Query("sum by (instance) (increase(livestream_epochs_followed_total[1h]))", "{{instance}}")],
        ),
    ],
)

WEB_AND_AUDITOR: Final = Row(
    "Web and auditor",
    [
        Panel(
            "How long does a page take?",
            "s",
            "p95, by route.",
            [Query(quantile(0.95, "livestream_web_request_seconds", ["route"]), "{{route}}")],
        ),
        Panel(
            "How long does a search take?",
            "s",
            "p95, waiting for one's turn included: four at once.",
            [Query(quantile(0.95, "livestream_web_search_seconds"), "search")],
        ),
        Panel(
            "Which reads found nothing to read?",
            "cps",
            "A second. `rebuilding`: Redis is being loaded. `unreachable`: a server does not answer.",
            [Query(rate("livestream_unavailable_reads_total", ["reason"]), "{{reason}}")],
            see="LivestreamWebUnavailable",
        ),
        Panel(
            "How long does an audit take?",
            "s",
            "The last complete one.",
            [Query("max(livestream_audit_duration_seconds)", "audit")],
        ),
        Panel(
            "How much is compared?",
            "cps",
            "Rows a second, and audits that could not be made.",
            [
                Query(rate("livestream_audit_rows_compared_total", ["part"]), "{{part}}"),
                Query(rate("livestream_audit_failures_total"), "failures"),
            ],
        ),
        Panel(
            "What does the witness hold?",
            "short",
            "Messages that it remembers; how often it read the log from its beginning in an hour.",
            [
                Query("max(livestream_audit_messages_held)", "messages"),
                Query("max(livestream_audit_sample_ratio)", "share of channels"),
                Query("sum(increase(livestream_audit_witnesses_total[1h]))", "times from the beginning"),
            ],
        ),
    ],
)

DASHBOARD: Final = Dashboard(
    "livestream-services",
    "Livestream: inside each service",
    "Where the time and the memory go, once the other dashboard says that something is wrong.",
    [PROCESSES, INGEST, PROJECTOR, GATEWAY, WEB_AND_AUDITOR],
)
