"""What a running job is at, how long its log is, and the messages to webhooks.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-23
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from db.types import UtcDateTime, json_type

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("phase", sa.String()))
    op.add_column("jobs", sa.Column("eta_s", sa.Float()))
    op.add_column("jobs", sa.Column("log_entries", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "webhook_messages",
        sa.Column("key", _KEY, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("secret", sa.String()),
        sa.Column("body", json_type(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_webhook_messages_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", name="pk_webhook_messages"),
    )
    op.create_index("ix_webhook_messages_due", "webhook_messages", ["due"])
    op.create_index("ix_webhook_messages_job_id", "webhook_messages", ["job_id"])
    op.drop_table("job_windows")  # finished windows lie on disk, beside what they hold


def downgrade() -> None:
    op.create_table(
        "job_windows",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_windows_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "key", name="pk_job_windows"),
    )
    op.drop_table("webhook_messages")
    for column in ("log_entries", "eta_s", "phase"):
        op.drop_column("jobs", column)
