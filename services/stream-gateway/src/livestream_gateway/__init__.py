"""Follows the delta log and sends it to browsers as server-sent events."""
