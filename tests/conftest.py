"""The servers that tests run on: SQLite always, PostGIS and Redis where they are installed."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import PostgresServer, why_not_here
from redis_server import RedisServer
from redis_server import why_not_here as why_no_redis
from sqlalchemy import create_engine, make_url, text

from db.session import Database

POSTGRES_URL = "OPENEO_TEST_POSTGRES_URL"

# A shell that runs the tests in the background has them ignore SIGINT, and they would hand that on to what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file without rows, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "empty.sqlite"
    database = Database(f"sqlite:///{file}")
    database.migrate()
    database.dispose()
    return file


@pytest.fixture(scope="session")
def postgis_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server with PostGIS of our own, in a folder that goes away."""
    missing = why_not_here()
    if missing:
        pytest.skip(f"PostGIS is not tested: {missing}. tools/install_real_parts installs it.")
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def has_redis() -> None:
    """For tests that start Redis servers of their own."""
    missing = why_no_redis()
    if missing:
        pytest.skip(f"Redis is not tested: {missing}. tools/install_real_parts installs it.")


@pytest.fixture(scope="session")
def redis_server(has_redis: None) -> Iterator[RedisServer]:
    """A Redis server of our own, in a folder that goes away."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database on the server that the environment names, else on one of our own; it goes at the end."""
    given = os.environ.get(POSTGRES_URL) or request.getfixturevalue("postgis_server").url
    url = make_url(given).set(drivername="postgresql+psycopg")
    name = f"openeo_test_{secrets.token_hex(4)}"
    server = create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)  # other tests restart it
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
