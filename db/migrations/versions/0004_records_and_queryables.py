"""Records of the catalogue, what items can be asked for, and indexes for pages.

Records of collections that are there already get the place and time that the collection tells.

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-23
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from db.records import record_row
from db.types import UtcDateTime, footprint_type, json_type

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BOUNDS = (
    "CREATE VIRTUAL TABLE record_bounds USING rtree(key, west, east, south, north)",
    """CREATE TRIGGER record_bounds_insert AFTER INSERT ON records WHEN NEW.west IS NOT NULL BEGIN
        INSERT INTO record_bounds VALUES (NEW.key, NEW.west, NEW.east, NEW.south, NEW.north);
    END""",
    """CREATE TRIGGER record_bounds_update AFTER UPDATE OF key, west, east, south, north ON records BEGIN
        DELETE FROM record_bounds WHERE key = OLD.key;
        INSERT INTO record_bounds SELECT NEW.key, NEW.west, NEW.east, NEW.south, NEW.north WHERE NEW.west IS NOT NULL;
    END""",
    """CREATE TRIGGER record_bounds_delete AFTER DELETE ON records BEGIN
        DELETE FROM record_bounds WHERE key = OLD.key;
    END""",
)
# What is no moment is null and no error; texts such as 'now' are none.
_MOMENT = r"""
CREATE OR REPLACE FUNCTION openeo_moment(value text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF value !~ '^\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?([Zz]|[+-]\d\d(:?\d\d)?)?)?$' THEN
        RETURN NULL;
    END IF;
    IF value !~ '([Zz]|:\d\d.*[+-]\d\d(:?\d\d)?)$' THEN
        RETURN (replace(value, ',', '.') || CASE WHEN length(value) > 10 THEN 'Z' ELSE ' 00:00:00Z' END)::timestamptz;
    END IF;
    RETURN replace(value, ',', '.')::timestamptz;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.add_column("collections", sa.Column("queryables", json_type()))
    op.create_index("ix_collections_owner_id", "collections", ["owner", "id"])
    records = op.create_table(
        "records",
        sa.Column("key", _KEY, autoincrement=True, nullable=False),
        sa.Column("collection_id", sa.String(), nullable=False),
        sa.Column("datetime", UtcDateTime()),
        sa.Column("end_datetime", UtcDateTime()),
        sa.Column("footprint", footprint_type()),
        sa.Column("west", sa.Float()),
        sa.Column("south", sa.Float()),
        sa.Column("east", sa.Float()),
        sa.Column("north", sa.Float()),
        sa.Column("document", json_type(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collections.id"], name="fk_records_collection_id_collections", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_records"),
        sa.UniqueConstraint("collection_id", name="uq_records_collection_id"),
    )
    if op.get_context().dialect.name == "postgresql":
        op.create_index("ix_records_footprint", "records", ["footprint"], postgresql_using="gist")
        order: list[str | sa.TextClause] = ["collection_id", sa.text("datetime NULLS FIRST"), sa.text('id COLLATE "C"')]
        op.create_index("ix_items_order", "items", order)
        op.execute(_MOMENT)
    else:
        for statement in _BOUNDS:
            op.execute(statement)
    _describe_what_is_there(records)


def _describe_what_is_there(records: sa.Table) -> None:
    collections = sa.table(
        "collections", sa.column("document", json_type()), sa.column("kind"), sa.column("updated", UtcDateTime())
    )
    connection = op.get_bind()
    rows = [
        record_row(document, (), kind, updated)
        for document, kind, updated in connection.execute(
            sa.select(collections.c.document, collections.c.kind, collections.c.updated)
        )
    ]
    if rows:
        connection.execute(sa.insert(records), rows)


def downgrade() -> None:
    op.drop_table("records")
    if op.get_context().dialect.name == "postgresql":
        op.drop_index("ix_items_order", "items")
        op.execute("DROP FUNCTION openeo_moment(text)")
    else:
        op.execute("DROP TABLE record_bounds")
    op.drop_index("ix_collections_owner_id", "collections")
    op.drop_column("collections", "queryables")
