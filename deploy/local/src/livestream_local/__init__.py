"""The launcher: embedded Kafka, Postgres and Valkey, the services on top, and the commands around them."""
