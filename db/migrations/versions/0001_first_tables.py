"""The first tables.

Revision ID: 0001
Revises:
Create Date: 2026-11-23
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from db.types import UtcDateTime, footprint_type, json_type

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

# A key is a bigint on PostgreSQL; on SQLite it must be INTEGER to be the row's id.
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_TABLES = (
    "tokens", "service_logs", "job_windows", "job_logs", "items",
    "users", "services", "revisions", "processes", "jobs", "collections",
)  # fmt: skip

_BOUNDS = (
    "CREATE VIRTUAL TABLE item_bounds USING rtree(key, west, east, south, north)",
    """CREATE TRIGGER item_bounds_insert AFTER INSERT ON items WHEN NEW.west IS NOT NULL BEGIN
        INSERT INTO item_bounds VALUES (NEW.key, NEW.west, NEW.east, NEW.south, NEW.north);
    END""",
    """CREATE TRIGGER item_bounds_update AFTER UPDATE OF key, west, east, south, north ON items BEGIN
        DELETE FROM item_bounds WHERE key = OLD.key;
        INSERT INTO item_bounds SELECT NEW.key, NEW.west, NEW.east, NEW.south, NEW.north WHERE NEW.west IS NOT NULL;
    END""",
    """CREATE TRIGGER item_bounds_delete AFTER DELETE ON items BEGIN
        DELETE FROM item_bounds WHERE key = OLD.key;
    END""",
)


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    _create_catalogue()
    _create_jobs()
    _create_services()
    _create_users()
    if op.get_context().dialect.name == "sqlite":
        for statement in _BOUNDS:
            op.execute(statement)


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TABLE item_bounds")


def _create_catalogue() -> None:
    op.create_table(
        "revisions",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_revisions"),
    )
    op.create_table(
        "collections",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String()),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("job_id", sa.String()),
        sa.Column("document", json_type(), nullable=False),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_collections"),
    )
    op.create_index("ix_collections_job_id", "collections", ["job_id"])
    op.create_index("ix_collections_owner_kind", "collections", ["owner", "kind"])
    op.create_table(
        "items",
        sa.Column("key", _KEY, autoincrement=True, nullable=False),
        sa.Column("collection_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("datetime", UtcDateTime()),
        sa.Column("end_datetime", UtcDateTime()),
        sa.Column("footprint", footprint_type()),
        sa.Column("west", sa.Float()),
        sa.Column("south", sa.Float()),
        sa.Column("east", sa.Float()),
        sa.Column("north", sa.Float()),
        sa.Column("document", json_type(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_items_collection_id_collections", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_items"),
        sa.UniqueConstraint("collection_id", "id", name="uq_items_collection_id_id"),
    )
    op.create_index("ix_items_collection_id_datetime_id", "items", ["collection_id", "datetime", "id"])
    if op.get_context().dialect.name == "postgresql":
        op.create_index("ix_items_footprint", "items", ["footprint"], postgresql_using="gist")


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("title", sa.String()),
        sa.Column("description", sa.String()),
        sa.Column("process", json_type(), nullable=False),
        sa.Column("plan", sa.String()),
        sa.Column("budget", sa.Float()),
        sa.Column("log_level", sa.String(), nullable=False),
        sa.Column("additional", json_type(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("progress", sa.Float()),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.Column("queued", UtcDateTime()),
        sa.Column("started", UtcDateTime()),
        sa.Column("finished", UtcDateTime()),
        sa.Column("usage", json_type(), nullable=False),
        sa.Column("error", json_type()),
        sa.Column("worker", sa.String()),
        sa.Column("lease_until", UtcDateTime()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_owner_created_id", "jobs", ["owner", "created", "id"])
    op.create_index("ix_jobs_owner_started", "jobs", ["owner", "started"])
    op.create_index("ix_jobs_owner_status_queued", "jobs", ["owner", "status", "queued"])
    op.create_index("ix_jobs_status_lease_until", "jobs", ["status", "lease_until"])
    op.create_table(
        "job_windows",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_windows_job_id_jobs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "key", name="pk_job_windows"),
    )
    _create_log("job_logs", "jobs")


def _create_services() -> None:
    op.create_table(
        "services",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("title", sa.String()),
        sa.Column("description", sa.String()),
        sa.Column("process", json_type(), nullable=False),
        sa.Column("configuration", json_type(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("plan", sa.String()),
        sa.Column("budget", sa.Float()),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("attributes", json_type(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_services"),
    )
    op.create_index("ix_services_owner_created_id", "services", ["owner", "created", "id"])
    _create_log("service_logs", "services")


def _create_users() -> None:
    op.create_table(
        "processes",
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("definition", json_type(), nullable=False),
        sa.Column("updated", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "id", name="pk_processes"),
    )
    op.create_table(
        "users",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String()),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
    )
    op.create_table(
        "tokens",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("expires", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_name"], ["users.name"], name="fk_tokens_user_name_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name="pk_tokens"),
    )
    op.create_index("ix_tokens_expires", "tokens", ["expires"])
    op.create_index("ix_tokens_user_name", "tokens", ["user_name"])


def _create_log(table: str, subjects: str) -> None:
    op.create_table(
        table,
        sa.Column("key", _KEY, autoincrement=True, nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("time", UtcDateTime(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("fields", json_type(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"], [f"{subjects}.id"], name=f"fk_{table}_subject_id_{subjects}", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=f"pk_{table}"),
    )
    op.create_index(f"ix_{table}_subject_id_key", table, ["subject_id", "key"])
