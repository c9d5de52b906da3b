"""The way to the database: one `Database` per URL, safe to use from many threads and after a fork."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Delete, Engine, Update, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from db.filters import sqlite

DatabaseError = SQLAlchemyError  # what the database raises when it can't be reached or refuses
DATABASE_GONE = (OperationalError, InterfaceError, PoolTimeoutError)  # ... when it can not be reached, for now
BUSY_TIMEOUT_S = 30
Clock = Callable[[], datetime]


def code_of(error: Exception) -> str:
    """The code of openEO for an error that nobody expected: clients may ask again if the database is away."""
    return "InfrastructureBusy" if isinstance(error, DATABASE_GONE) else "Internal"


class DatabaseUnusableError(Exception):
    """A database that this version can't work with, in a sentence that says what to change."""


def reason_of(error: SQLAlchemyError) -> str:
    """What the database or its driver says, in one line; nothing of statements and their values."""
    said = str(error.orig) if isinstance(error, DBAPIError) and error.orig is not None else str(error)
    return " ".join(said.partition("\n(Background")[0].split()) or type(error).__name__


def utc_now() -> datetime:
    """The moment it is."""
    return datetime.now(UTC)


class Database:
    """A database: SQLite or PostgreSQL with PostGIS.

    Connections are opened on first use. A process forked from one that used this object opens its own: the parent's
    are neither used nor closed there (closing them would end the parent's session).

    Args:
        url: of SQLAlchemy. `postgresql://` means psycopg 3. SQLite must be a file, as many processes share it.
    """

    def __init__(self, url: str) -> None:
        self.url = _url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._owner_pid = 0
        self._inherited: list[Engine | None] = []

    @property
    def engine(self) -> Engine:
        """The pool of connections of this process."""
        if self._engine is None or self._owner_pid != os.getpid():
            self._open()
        assert self._engine is not None
        return self._engine

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction that may write; committed at the end, rolled back on an exception.

        On SQLite it has the write lock from its first statement, so that it never fails halfway as another wrote.
        """
        engine = self.engine.execution_options(openeo_begin="IMMEDIATE")
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads; on SQLite readers and a writer don't wait for each other."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def migrate(self) -> None:
        """Bring the tables to the newest revision; safe if several processes do it at once."""
        from db.migrations.run import upgrade

        if self.is_sqlite and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        with self.engine.execution_options(openeo_begin="IMMEDIATE").begin() as connection:
            upgrade(connection)

    def is_current(self) -> bool:
        """Whether the tables are of the newest revision.

        Raises: DatabaseUnusableError, if a newer version of this software has changed them.
        """
        from db.migrations.newest import NEWEST, is_newest, newer_revision

        if self.is_sqlite and not Path(self.url.database or "").exists():
            return False
        with self.engine.connect() as connection:
            if newer := newer_revision(connection):
                raise DatabaseUnusableError(
                    f"the database is of revision {newer}, made by a newer version of this software, which knows "
                    f"{NEWEST} at most; install that version, or restore the backup from before the upgrade"
                )
            return is_newest(connection)

    def dispose(self) -> None:
        """Close this process's connections; they are opened again on next use."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose(close=self._owner_pid == os.getpid())

    def _open(self) -> None:
        if self._owner_pid not in (0, os.getpid()):
            self._lock = threading.Lock()  # a thread of the parent may have held it
        with self._lock:
            if self._engine is not None and self._owner_pid != os.getpid():
                self._inherited.append(self._engine)  # kept, so that nothing closes the parent's connections
                self._engine = None
            if self._engine is None:
                self._engine = _sqlite(self.url) if self.is_sqlite else _postgresql(self.url)
                self._owner_pid = os.getpid()


def affected(session: Session, statement: Update | Delete) -> int:
    """Execute the statement; how many rows it changed or removed."""
    return cast("CursorResult[Any]", session.execute(statement)).rowcount


def _url(text: str) -> URL:
    """Raises: DatabaseUnusableError. Its message has nothing of the address, which may hold a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DatabaseUnusableError(
            "database_url can't be read; it is written as postgresql://user:password@host:port/name, with special "
            "characters of the password as %XX, or as sqlite:////folder/file"
        ) from None
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise DatabaseUnusableError(
            f"database_url must begin with postgresql:// or sqlite:///, not {url.drivername}://"
        )
    if not url.database or url.database == ":memory:":
        raise DatabaseUnusableError("database_url: an SQLite database must be a file, as several processes share it")
    return url.set(database=str(Path(url.database).absolute()))


def _to_json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _postgresql(url: URL) -> Engine:
    return create_engine(
        url, json_serializer=_to_json, hide_parameters=True, pool_pre_ping=True, pool_size=5, max_overflow=40
    )


def _sqlite(url: URL) -> Engine:
    options: dict[str, Any] = {"check_same_thread": False, "timeout": BUSY_TIMEOUT_S}
    engine = create_engine(
        url, json_serializer=_to_json, hide_parameters=True, connect_args=options, pool_size=5, max_overflow=40
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come late; see _begin_sqlite
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    sqlite.register(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; for this step SQLite doesn't wait for others by itself, whatever the time-out."""
    end = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("openeo_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")
