"""Logs of synchronous requests.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-23
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from db.types import UtcDateTime, json_type

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "result_logs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("entries", json_type(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_result_logs"),
    )
    op.create_index("ix_result_logs_created", "result_logs", ["created"])


def downgrade() -> None:
    op.drop_table("result_logs")
