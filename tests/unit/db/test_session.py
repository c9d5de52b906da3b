from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy.exc
from sqlalchemy import text

from db.jobs import JobStore
from db.session import DATABASE_GONE, Database, DatabaseError, DatabaseUnusableError, code_of, reason_of


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'deep' / 'openeo.sqlite'}")
    database.migrate()
    return database


def test_a_database_is_not_current_until_it_is_migrated(tmp_path: Path) -> None:
    file = tmp_path / "openeo.sqlite"
    database = Database(f"sqlite:///{file}")
    assert not database.is_current()
    assert not file.exists()
    database.migrate()
    assert database.is_current()
    database.migrate()
    assert database.is_current()


def test_processes_that_migrate_together_do_so_once(tmp_path: Path) -> None:
    failures: list[Exception] = []
    start = threading.Barrier(4)

    def migrate() -> None:
        start.wait()
        try:
            Database(f"sqlite:///{tmp_path / 'openeo.sqlite'}").migrate()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_sqlite_is_set_up_for_many_processes(database: Database) -> None:
    with database.reading() as session:
        for pragma, value in (("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 30_000)):
            assert session.scalar(text(f"PRAGMA {pragma}")) == value


def test_what_fails_is_rolled_back(database: Database) -> None:
    def fail_halfway() -> None:
        with database.session() as session:
            session.execute(text("INSERT INTO revisions VALUES ('x', 1)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM revisions")) == 0


def test_a_writer_has_the_lock_from_its_first_statement_and_does_not_keep_readers_waiting(database: Database) -> None:
    other = sqlite3.connect(database.url.database or "", timeout=0, isolation_level=None)
    with database.session() as session:
        session.execute(text("SELECT count(*) FROM jobs"))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
    other.close()


def test_a_forked_process_opens_its_own_connections(database: Database) -> None:
    jobs = JobStore(database)
    id = jobs.create("ada", {}).id
    inherited = database.engine
    pid = os.fork()
    if pid == 0:
        mine = database.engine is not inherited
        jobs.log(id, "info", "from the child")
        os._exit(0 if mine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert database.engine is inherited
    jobs.log(id, "info", "from the parent")
    assert [entry["message"] for entry in jobs.logs(id)] == ["from the child", "from the parent"]


def test_a_database_goes_on_after_it_was_disposed_of(database: Database) -> None:
    database.dispose()
    assert database.is_current()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUnusableError, match="file"):
        Database(url)


@pytest.mark.parametrize(
    "url",
    ["nonsense", "", "mysql://ann:hidden@db/eo", "postgresql+asyncpg://ann:hidden@db/eo", "sqlite+aiosqlite:////a",
     "postgresql://ann:hidden@db:port/eo"],
)  # fmt: skip
def test_an_address_of_no_database_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseUnusableError, match="database_url") as refused:
        Database(url)
    assert "hidd" not in str(refused.value)


def test_a_pool_that_is_used_up_counts_as_a_database_that_is_away_for_now() -> None:
    assert issubclass(sqlalchemy.exc.TimeoutError, DATABASE_GONE)


def test_what_the_database_says_is_told_in_a_line_without_statements(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DatabaseError) as failed:
        Database(f"sqlite:///{tmp_path / 'folder'}").migrate()
    assert reason_of(failed.value) == "unable to open database file"


def test_postgresql_means_psycopg_3() -> None:
    assert Database("postgresql://u@db/eo").url.drivername == "postgresql+psycopg"
    assert not Database("postgresql://u@db/eo").is_sqlite


def test_clients_are_asked_to_come_back_when_the_database_is_away_and_only_then() -> None:
    away = sqlalchemy.exc.OperationalError("SELECT 1", {}, Exception("connection refused"))
    assert code_of(away) == "InfrastructureBusy"
    assert code_of(sqlalchemy.exc.IntegrityError("INSERT", {}, Exception("not unique"))) == "Internal"
    assert code_of(KeyError("a")) == "Internal"
