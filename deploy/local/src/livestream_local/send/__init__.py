"""`./live send`: NDJSON from a file or a pipe to ingest, in order, paced, and without losing or doubling a line."""
