"""Users' counts that follow the deletion of a big channel.

Revision ID: 0005
"""

from livestream_projector.migrations.sql import run_sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql("0005_recounts.sql")


def downgrade() -> None:
    raise RuntimeError("the read model is not migrated back: restore a backup, or drop it and let it be folded anew")
