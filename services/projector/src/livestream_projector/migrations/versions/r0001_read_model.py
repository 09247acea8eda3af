"""The read model's first schema.

Revision ID: 0001
"""

from livestream_projector.migrations.sql import run_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0001_read_model.sql")


def downgrade() -> None:
    raise RuntimeError("the read model is not migrated back: restore a backup, or drop it and let it be folded anew")
