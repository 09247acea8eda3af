"""What `ingest` is made of: bodies, who takes them, and what of them is on the log."""
