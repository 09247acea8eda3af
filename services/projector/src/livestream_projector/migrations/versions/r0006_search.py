"""Where messages are found by words, and channels and users by how their names begin.

Revision ID: 0006
"""

from livestream_projector.migrations.sql import run_sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0006_search.sql")


def downgrade() -> None:
    raise RuntimeError("the read model is not migrated back: restore a backup, or drop it and let it be folded anew")
