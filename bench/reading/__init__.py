"""What `reads` is made of: a long history, questions about it, and the plans by which Postgres answers them."""
