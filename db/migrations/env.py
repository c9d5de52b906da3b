"""Where Alembic starts. The connection comes from `db.migrations.run`; there is no alembic.ini."""

from __future__ import annotations

from alembic import context
from sqlalchemy.sql.schema import SchemaItem

from db.models import Base

_ON_POSTGRESQL_ONLY = ("ix_items_footprint", "ix_items_order", "ix_records_footprint")


def _is_ours(item: SchemaItem, name: str | None, kind: str, reflected: bool, _other: SchemaItem | None) -> bool:
    """Leave out PostGIS's own tables, the R*Tree's, and the indexes that only PostgreSQL has."""
    if kind == "table" and reflected:
        return name != "spatial_ref_sys" and not str(name).startswith(("item_bounds", "record_bounds"))
    return not (name in _ON_POSTGRESQL_ONLY and context.get_bind().dialect.name == "sqlite")


def _run() -> None:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        include_object=_is_ours,
        transactional_ddl=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
