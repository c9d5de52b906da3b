"""The databases that every store must work on: SQLite always, PostGIS where a server is given."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from db.models import Base
from db.session import Database

POSTGRES_URL = "OPENEO_TEST_POSTGRES_URL"


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file without rows, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "empty.sqlite"
    database = Database(f"sqlite:///{file}")
    database.migrate()
    database.dispose()
    return file


@pytest.fixture(scope="session")
def postgis_url() -> Iterator[str]:
    """A database of our own on the server that the environment names; it goes at the end."""
    given = os.environ.get(POSTGRES_URL)
    if not given:
        pytest.skip(
            f"PostGIS is not tested: {POSTGRES_URL} names no server, e.g. postgresql://postgres@localhost/postgres"
        )
    url = make_url(given).set(drivername="postgresql+psycopg")
    name = f"openeo_test_{secrets.token_hex(4)}"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    ours = url.set(database=name).render_as_string(hide_password=False)
    database = Database(ours)
    database.migrate()
    database.dispose()
    yield ours
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(params=["sqlite", "postgis"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A migrated database without rows."""
    if request.param == "sqlite":
        file = tmp_path / "openeo.sqlite"
        shutil.copy(request.getfixturevalue("empty_sqlite"), file)
        opened = Database(f"sqlite:///{file}")
    else:
        opened = Database(request.getfixturevalue("postgis_url"))
        with opened.session() as session:
            names = ", ".join(table.name for table in Base.metadata.sorted_tables)
            session.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    yield opened
    opened.dispose()
