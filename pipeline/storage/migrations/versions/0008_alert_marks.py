"""What staff were told, so that several workers do not tell it twice."""

import sqlalchemy as sa
from alembic import op

from pipeline.storage.tables import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "alert_mark",
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("about", sa.String(100), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("told_at", UtcDateTime()),
        sa.Column("claimed_until", UtcDateTime()),
        sa.PrimaryKeyConstraint("kind", "about"),
    )
