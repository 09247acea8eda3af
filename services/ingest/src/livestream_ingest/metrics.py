"""Every metric of this service."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

REQUESTS: Final = Counter(
    "livestream_ingest_requests_total", "Requests, by route and how they were answered", ["method", "route", "status"]
)
ACCEPTED_ITEMS: Final = Counter(
    "livestream_ingest_accepted_items_total", "Events that all in-sync replicas acknowledged, by topic", ["topic"]
)
REFUSED_ITEMS: Final = Counter(
    "livestream_ingest_refused_items_total", "Items that were not put on the log, by reason", ["reason"]
)
TURNED_AWAY: Final = Counter(
    "livestream_ingest_turned_away_total", "Requests without an API key that opens, by reason", ["reason"]
)
KEYS: Final = Gauge("livestream_ingest_keys", "API keys that are known")
KEYS_UNREADABLE: Final = Gauge("livestream_ingest_keys_unreadable", "1 while the file of API keys cannot be read")
IN_FLIGHT_BYTES: Final = Gauge(
    "livestream_ingest_in_flight_bytes", "What is held in memory now: large bodies, unacknowledged records", ["what"]
)
ACK_SECONDS: Final = Histogram(
    "livestream_ingest_ack_duration_seconds",
    "From handing over one request's records of one partition to the acknowledgement of all in-sync replicas",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
BATCH_RECORDS: Final = Histogram(
    "livestream_ingest_batch_records", "Records in one batch to Kafka", buckets=(1, 3, 10, 30, 100, 300, 1000, 3000)
)
FAILED_BATCHES: Final = Counter(
    "livestream_ingest_failed_batches_total",
    "Batches whose fate is unknown, since the producer was given up",
    ["error"],
)
