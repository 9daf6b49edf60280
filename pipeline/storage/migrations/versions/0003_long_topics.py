"""Offsets of topics that live for years."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; SQLite's integers are as large as they must be."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for table, column in (("bus_position", "next_offset"), ("dead_letter", "offset")):
        op.alter_column(table, column, type_=sa.BigInteger())
