"""Grafana's dashboards, made from code: a module a dashboard, and what all panels have in common in `panels.py`."""

from livestream_local.dashboards.files import FOLDER, contents_of, stale_files, write_all

__all__ = ["FOLDER", "contents_of", "stale_files", "write_all"]
