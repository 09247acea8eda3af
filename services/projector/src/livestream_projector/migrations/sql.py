"""Runs a migration's SQL as it stands."""

from pathlib import Path

from alembic import op

_VERSIONS = Path(__file__).parent / "versions"


def run_sql(name: str) -> None:
    """Run one file of `versions/`, which may hold several statements. `%` in it is only a percent sign."""
    statements = (_VERSIONS / name).read_text("utf-8")
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)
