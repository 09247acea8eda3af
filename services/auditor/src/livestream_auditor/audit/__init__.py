"""The continuous audit: what `./live verify` does once, again and again, of a sample that fits into memory."""
