"""Contacts under keyed hashes, and the fingerprint of the key that made these."""

import sqlalchemy as sa
from alembic import op

from pipeline.storage.tables import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "contact",
        sa.Column("plate_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("key_id", sa.String(16)),
        sa.Column("phone", sa.LargeBinary()),
        sa.Column("push", sa.LargeBinary()),
        sa.Column("vehicle_class", sa.String(24)),
        sa.Column("colour", sa.String(40)),
        sa.Column("opted_out", sa.Boolean(), nullable=False),
        sa.Column("doubtful_since", UtcDateTime()),
        sa.Column("doubtful_reason", sa.LargeBinary()),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("plate_hash"),
    )
    op.create_table(
        "contact_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
