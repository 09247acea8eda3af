"""Embedded servers: real Kafka, Postgres and Valkey, run from packages, on this machine alone."""
