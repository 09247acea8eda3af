"""Folds the Kafka log into Postgres and publishes the deltas to Redis."""
