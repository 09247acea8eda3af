"""The read model's first schema.

Revision ID: 0001
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_name("0001_read_model.sql").read_text("utf-8"))


def downgrade() -> None:
    raise RuntimeError("the read model is not migrated back: restore a backup, or drop it and let it be folded anew")
