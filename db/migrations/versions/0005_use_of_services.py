"""What services were used.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-23
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

_COUNTERS = ("requests", "cached", "refused", "read_bytes", "sent_bytes")


def upgrade() -> None:
    op.create_table(
        "service_use",
        sa.Column("service_id", sa.String(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTERS),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["service_id"], ["services.id"], name="fk_service_use_service_id_services", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("service_id", name="pk_service_use"),
    )


def downgrade() -> None:
    op.drop_table("service_use")
