"""The cases of a time span are found by when they were opened."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_case_opened", "case_file", ["opened_at", "id", "disposition"])
