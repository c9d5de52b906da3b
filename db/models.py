"""The tables. What leaves this folder are frozen dataclasses and JSON, never these rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.types import UtcDateTime, Words, footprint_type, json_type

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

type Moment = datetime
_Key = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    """All tables of one history of migrations."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - as SQLAlchemy documents it
        str: Words(),
        int: Integer(),
        float: Float(),
        bool: Boolean(),
        datetime: UtcDateTime(),
        Moment: UtcDateTime(),
        dict[str, Any]: json_type(),
    }


class RevisionRow(Base):
    """A counter that grows with every change of its subject."""

    __tablename__ = "revisions"

    subject: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(_Key, default=0)


class CollectionRow(Base):
    """A STAC collection: a source of data or the result of a job."""

    __tablename__ = "collections"
    __table_args__ = (Index(None, "owner", "kind"), Index(None, "owner", "id"), Index(None, "job_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str | None]
    kind: Mapped[str]
    job_id: Mapped[str | None]
    document: Mapped[dict[str, Any]]
    updated: Mapped[datetime]
    queryables: Mapped[dict[str, Any] | None] = mapped_column(json_type())


class PlacedColumns:
    """A GeoJSON feature with its place and time.

    `footprint` is searched through GiST on PostgreSQL, the box through an R*Tree on SQLite.
    """

    key: Mapped[int] = mapped_column(_Key, primary_key=True, autoincrement=True)
    datetime: Mapped[Moment | None]
    end_datetime: Mapped[Moment | None]
    footprint: Mapped[bytes | None] = mapped_column(footprint_type())
    west: Mapped[float | None]
    south: Mapped[float | None]
    east: Mapped[float | None]
    north: Mapped[float | None]
    document: Mapped[dict[str, Any]]


class ItemRow(PlacedColumns, Base):
    """A STAC item."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("collection_id", "id"),
        Index(None, "collection_id", "datetime", "id"),
        Index("ix_items_footprint", "footprint", postgresql_using="gist").ddl_if(dialect="postgresql"),
    )

    collection_id: Mapped[str] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    id: Mapped[str]


# In the database the id has the collation "C" there, which can't be reflected.
Index("ix_items_order", ItemRow.collection_id, ItemRow.datetime.nulls_first(), ItemRow.id).ddl_if(dialect="postgresql")


class RecordRow(PlacedColumns, Base):
    """What the catalogue of records tells of a collection: an OGC record."""

    __tablename__ = "records"
    __table_args__ = (
        UniqueConstraint("collection_id"),
        Index("ix_records_footprint", "footprint", postgresql_using="gist").ddl_if(dialect="postgresql"),
    )

    collection_id: Mapped[str] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))


class JobRow(Base):
    """A batch job, its state and the lease of the worker that runs it."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "status", "lease_until"),
        Index(None, "owner", "status", "queued"),
        Index(None, "owner", "started"),
        Index(None, "owner", "created", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    title: Mapped[str | None]
    description: Mapped[str | None]
    process: Mapped[dict[str, Any]]
    plan: Mapped[str | None]
    budget: Mapped[float | None]
    log_level: Mapped[str]
    additional: Mapped[dict[str, Any]]
    status: Mapped[str]
    progress: Mapped[float | None]
    created: Mapped[datetime]
    updated: Mapped[datetime]
    queued: Mapped[datetime | None]
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]
    usage: Mapped[dict[str, Any]]
    error: Mapped[dict[str, Any] | None] = mapped_column(json_type())
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    phase: Mapped[str | None]
    eta_s: Mapped[float | None]
    log_entries: Mapped[int] = mapped_column(default=0, server_default="0")


class WebhookMessageRow(Base):
    """A message to a webhook that has not been delivered yet. Who delivers it moves `due` ahead, as a lease."""

    __tablename__ = "webhook_messages"
    __table_args__ = (Index(None, "due"), Index(None, "job_id"))

    key: Mapped[int] = mapped_column(_Key, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    url: Mapped[str]
    secret: Mapped[str | None]
    body: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(default=0)
    due: Mapped[datetime]


class LogColumns:
    """What an entry of a log holds. `severity`: 0 error, 1 warning, 2 info, 3 debug."""

    key: Mapped[int] = mapped_column(_Key, primary_key=True, autoincrement=True)
    time: Mapped[datetime]
    severity: Mapped[int]
    message: Mapped[str]
    fields: Mapped[dict[str, Any]]


class JobLogRow(LogColumns, Base):
    """An entry of a job's log."""

    __tablename__ = "job_logs"
    __table_args__ = (Index(None, "subject_id", "key"),)

    subject_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))


class ServiceLogRow(LogColumns, Base):
    """An entry of a service's log."""

    __tablename__ = "service_logs"
    __table_args__ = (Index(None, "subject_id", "key"),)

    subject_id: Mapped[str] = mapped_column(ForeignKey("services.id", ondelete="CASCADE"))


class ResultLogRow(Base):
    """The log of a synchronous request. entries: `{"logs": [...]}`, as the API shows them."""

    __tablename__ = "result_logs"
    __table_args__ = (Index(None, "created"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    created: Mapped[datetime]
    entries: Mapped[dict[str, Any]]


class ServiceRow(Base):
    """A secondary web service."""

    __tablename__ = "services"
    __table_args__ = (Index(None, "owner", "created", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    type: Mapped[str]
    title: Mapped[str | None]
    description: Mapped[str | None]
    process: Mapped[dict[str, Any]]
    configuration: Mapped[dict[str, Any]]
    enabled: Mapped[bool]
    plan: Mapped[str | None]
    budget: Mapped[float | None]
    created: Mapped[datetime]
    attributes: Mapped[dict[str, Any]]
    version: Mapped[int]


class ServiceUseRow(Base):
    """What a service was used; as in `db.service_use.ServiceUse`."""

    __tablename__ = "service_use"

    service_id: Mapped[str] = mapped_column(ForeignKey("services.id", ondelete="CASCADE"), primary_key=True)
    requests: Mapped[int] = mapped_column(BigInteger)
    cached: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    read_bytes: Mapped[int] = mapped_column(BigInteger)
    sent_bytes: Mapped[int] = mapped_column(BigInteger)
    duration_s: Mapped[float]


class ProcessRow(Base):
    """A user-defined process."""

    __tablename__ = "processes"

    owner: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    definition: Mapped[dict[str, Any]]
    updated: Mapped[datetime]


class UserRow(Base):
    """A user of the back-end."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(primary_key=True)
    password_hash: Mapped[str | None]
    is_demo: Mapped[bool]
    created: Mapped[datetime]


class TokenRow(Base):
    """A login: the SHA-256 of its token, never the token."""

    __tablename__ = "tokens"
    __table_args__ = (Index(None, "user_name"), Index(None, "expires"))

    digest: Mapped[str] = mapped_column(primary_key=True)
    user_name: Mapped[str] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"))
    created: Mapped[datetime]
    expires: Mapped[datetime]
