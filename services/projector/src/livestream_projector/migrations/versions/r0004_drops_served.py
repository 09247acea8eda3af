"""What a drop of history leaves to do, kept in the database.

Revision ID: 0004
"""

from livestream_projector.migrations.sql import run_sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0004_drops_served.sql")


def downgrade() -> None:
    raise RuntimeError("the read model is not migrated back: restore a backup, or drop it and let it be folded anew")
