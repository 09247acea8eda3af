"""`./live verify`: counts the log itself, and compares with everything that was made of it."""
