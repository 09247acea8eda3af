"""`./live dead-letters`: shows the records that could not be folded, and sends them again where they belong."""
