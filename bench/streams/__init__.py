"""What `fanout` and `crowds` are made of: servers that send to all who watch, and a client that checks all of it."""
