"""Takes messages over HTTP and puts them on the Kafka log."""
