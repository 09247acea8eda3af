"""Every metric of the gateway."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from livestream_gateway.weighted_histogram import WeightedHistogram

OPEN_STREAMS: Final = Gauge(
    "livestream_open_streams", "Connected clients by what they watch and how it is encoded", ["view", "encoding"]
)
WATCHED_VIEWS: Final = Gauge("livestream_watched_views", "Views held in memory")
VIEW_READS: Final = Counter("livestream_view_reads_total", "Reads of a view from Redis or Postgres", ["view"])
FRAMES_SENT: Final = Counter("livestream_frames_sent_total", "Events written to clients", ["event"])
BYTES_SENT: Final = Counter("livestream_stream_sent_bytes_total", "Bytes of events written to clients")
SNAPSHOTS: Final = Counter("livestream_snapshots_total", "Snapshots sent, by reason", ["reason"])
CATCH_UPS: Final = Counter("livestream_catch_ups_total", "Clients that were caught up from their cursor by one frame")
CONFLATED: Final = Counter("livestream_clients_conflated_total", "Clients that were too slow and are caught up later")
CUT: Final = Counter("livestream_clients_cut_total", "Clients whose connection was cut, by reason", ["reason"])
TICK_SECONDS: Final = Histogram(
    "livestream_tick_seconds",
    "How long folding, encoding and sending a tick took",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
FRAME_AGE_SECONDS: Final = Histogram(
    "livestream_frame_age_seconds",
    "From the publishing of a tick's oldest delta to the end of its fan-out",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
MESSAGE_AGE_SECONDS: Final = WeightedHistogram(
    "livestream_message_age_seconds",
    "From the log's append of a message to the end of the fan-out that told it; as old as the oldest of its batch",
    bounds=(0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0),
)
STREAM_STATE: Final = Gauge(
    "livestream_stream_state", "What streams say of themselves: 1 for the state that they are in, else 0", ["state"]
)
TOLD_LAG_SECONDS: Final = Gauge("livestream_stream_lag_seconds", "How far streams say that they are behind the log")
FOLLOWER_LAG_DELTAS: Final = Gauge("livestream_follower_lag_deltas", "Deltas in Redis that were not read yet")
RETAINED_BYTES: Final = Gauge("livestream_retained_deltas_bytes", "Memory taken by deltas held for resumption")
EPOCHS_FOLLOWED: Final = Counter("livestream_epochs_followed_total", "Times that following the delta log began anew")
