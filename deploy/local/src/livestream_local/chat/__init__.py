"""Generated chat for `./live demo`: endless, lively, in many languages, and the same for the same seed.

`phrases` is what people say, `town` who talks where, `conversation` who says what next, `generator` when. All of that
is pure; `posting` sends it to ingest.
"""
