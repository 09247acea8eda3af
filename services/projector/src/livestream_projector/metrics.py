"""All of the projector's metrics."""

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter("livestream_projector_records_total", "Records folded, by what became of them", ["outcome"])
DEAD_LETTERS = Counter("livestream_dead_letters_total", "Records that were not folded, by reason", ["reason"])
BATCHES = Counter("livestream_projector_batches_total", "Transactions committed to Postgres")
BATCH_SECONDS = Histogram(
    "livestream_projector_batch_seconds",
    "Time that a batch takes, by phase",
    ["phase"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
POLLED_RECORDS = Histogram(
    "livestream_projector_polled_records",
    "Records that a poll of the log brought, where it brought any",
    buckets=(1, 3, 10, 30, 100, 300, 1000, 3000, 5000),
)
FENCED = Counter("livestream_projector_fenced_total", "Batches dropped since another process owns a partition")
PUBLISHED = Counter("livestream_projector_published_total", "Batches handed to Redis, by its verdict", ["outcome"])
EPOCHS_LOADED = Counter("livestream_projector_epochs_loaded_total", "Times the serving copy was filled from Postgres")
OUTBOX_ROWS = Gauge("livestream_projector_outbox_rows", "Batches seen waiting in the outbox at the last look")
PARTITIONS_OWNED = Gauge("livestream_projector_partitions_owned", "Partitions that this process folds")
LAG_RECORDS = Gauge("livestream_projector_lag_records", "Records on the log that are not folded yet, all partitions")
LAG_SECONDS = Gauge("livestream_projector_lag_seconds", "Age of the oldest record that is not folded yet")
DROPPED_ROWS = Counter("livestream_projector_dropped_rows_total", "Messages that were kept for long enough")
RECOUNTED_PAIRS = Counter(
    "livestream_projector_recounted_pairs_total", "Users' counts that followed the deletion of a big channel"
)
ERASED_ROWS = Counter("livestream_projector_erased_rows_total", "Messages whose text a deletion erased")
LETTERS_ERASED = Counter("livestream_dead_letters_erased_total", "Dead letters of deleted users that got a tombstone")
LETTERS_TO_COMPACT = Gauge(
    "livestream_dead_letters_to_compact", "Dead letters of deleted users that the broker still held at the last look"
)
WORD_ERASURES = Counter(
    "livestream_projector_word_erasures_total", "Times the indexes of words were made anew since users were deleted"
)
WORDS_TO_ERASE_SECONDS = Gauge(
    "livestream_projector_words_to_erase_seconds",
    "For how long the indexes of words had held words of a deleted user at the last look",
)
