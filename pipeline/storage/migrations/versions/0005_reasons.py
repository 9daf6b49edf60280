"""Why policy decided so, in the chain itself; requests that wait for what they are about."""

import sqlalchemy as sa
from alembic import op

from pipeline.storage.tables import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; what is there already has neither."""
    op.add_column("audit", sa.Column("reasons", sa.Text()))
    op.execute("DELETE FROM request")  # Older ones do not say whose they are.
    op.add_column("request", sa.Column("due_at", UtcDateTime))
