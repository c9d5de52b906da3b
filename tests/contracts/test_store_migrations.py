"""The history of migrations holds on every database."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from db.collections import CollectionStore
from db.migrations import run
from db.migrations.newest import NEWEST, is_newest
from db.models import Base
from db.record_store import RecordStore
from db.session import Database, DatabaseUnusableError


def test_the_models_say_no_more_than_the_migrations(database: Database) -> None:
    with database.engine.connect() as connection:
        run.check(connection)


def test_the_newest_revision_is_the_one_there_is_a_file_for() -> None:
    assert run.heads() == [NEWEST]


def test_migrations_go_down_and_up_again(database: Database) -> None:
    ours = {table.name for table in Base.metadata.sorted_tables}
    writing = database.engine.execution_options(openeo_begin="IMMEDIATE")
    with writing.begin() as connection:
        run.downgrade(connection)
        assert not ours & set(inspect(connection).get_table_names())
        assert not is_newest(connection)
    database.migrate()
    with database.engine.connect() as connection:
        assert ours <= set(inspect(connection).get_table_names())
        run.check(connection)


def test_a_database_of_a_newer_version_is_refused_and_left_alone(database: Database) -> None:
    with database.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9876'"))
    try:
        with pytest.raises(DatabaseUnusableError, match=f"9876.*{NEWEST}"):
            database.is_current()
    finally:
        with database.session() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :newest"), {"newest": NEWEST})
    assert database.is_current()


def test_the_search_for_a_place_uses_its_index(database: Database) -> None:
    with database.engine.connect() as connection:
        if database.is_sqlite:
            query = "EXPLAIN QUERY PLAN SELECT key FROM item_bounds WHERE west <= 2 AND east >= 1"
            assert "VIRTUAL TABLE INDEX" in str(connection.execute(text(query)).all())
        else:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            query = "EXPLAIN SELECT key FROM items WHERE ST_Intersects(footprint, ST_MakeEnvelope(0, 0, 1, 1, 4326))"
            assert "ix_items_footprint" in str(connection.execute(text(query)).all())


def test_migrations_need_no_file_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    database = Database("sqlite:///here.sqlite")
    database.migrate()
    assert database.is_current()
    assert "here.sqlite" in {path.name for path in tmp_path.iterdir()}


def test_collections_that_are_there_get_their_records_by_migration(database: Database) -> None:
    document = {
        "id": "old",
        "title": "From before",
        "extent": {"spatial": {"bbox": [[10, 46, 11, 47]]}, "temporal": {"interval": [["2020-06-01T00:00:00Z", None]]}},
    }
    CollectionStore(database).put(document, [{"id": "one", "properties": {"datetime": None, "cloud": 5}}], owner="ann")
    writing = database.engine.execution_options(openeo_begin="IMMEDIATE")
    with writing.begin() as connection:
        run.downgrade(connection, "0003")
    database.migrate()

    (record,), count = RecordStore(database).find("ann", bbox=(10.5, 46.5, 10.6, 46.6), start="2021-01-01T00:00:00Z")
    assert (count, record["id"], record["properties"]["title"]) == (1, "old", "From before")
    assert RecordStore(database).find("eve") == ([], 0)
    assert CollectionStore(database).queryables("old", "ann")["cloud"] == {"type": "integer"}
