"""Lists come in pages that cost the same wherever they lie, on every database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from db.collections import CollectionStore
from db.item_search import After
from db.jobs import JobStore
from db.processes import ProcessStore
from db.services import ServiceStore
from db.session import Database

MANY = 10_000
START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Two entries for every second, so that ids decide as well."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> datetime:
        self.calls += 1
        return START + timedelta(seconds=self.calls // 2)


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """What is executed meanwhile."""
    seen: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def all_pages(read: Callable[[Any], list[Any]], key: Callable[[Any], Any]) -> list[Any]:
    found: list[Any] = []
    after = None
    while page := read(after):
        found += page
        after = key(page[-1])
    return found


def test_pages_of_jobs_join_to_the_whole_list(database: Database) -> None:
    store = JobStore(database, clock=Clock())
    for _ in range(7):
        store.create("ann", {})
    store.create("eve", {})
    whole = [job.id for job in store.list("ann")]
    pages = all_pages(lambda after: store.list("ann", limit=2, after=after), lambda job: (job.created, job.id))
    assert [job.id for job in pages] == whole
    assert len(whole) == 7


def test_a_page_follows_on_though_jobs_come_and_go(database: Database) -> None:
    store = JobStore(database, clock=Clock())
    made = [store.create("ann", {}) for _ in range(6)]
    whole = store.list("ann")
    first = store.list("ann", limit=2)
    store.create("ann", {})
    store.delete(first[0].id, "ann")
    second = store.list("ann", limit=2, after=(first[-1].created, first[-1].id))
    assert [job.id for job in second] == [job.id for job in whole[2:4]]
    assert len(made) == 6


def test_pages_of_services_processes_and_collections_join_to_the_whole_list(database: Database) -> None:
    services, processes, collections = ServiceStore(database), ProcessStore(database), CollectionStore(database)
    for number in range(5):
        services.create("ann", "xyz", {})
        processes.put("ann", f"p{number}", {"process_graph": {}})
        collections.put({"id": f"c{number}"}, [], owner="ann" if number % 2 else None)
        collections.put({"id": f"e{number}"}, [], owner="eve")
    pages = all_pages(lambda after: services.list("ann", 2, after), lambda one: (one.created, one.id))
    assert pages == services.list("ann")
    assert all_pages(lambda after: processes.list("ann", 2, after), lambda one: one["id"]) == processes.list("ann")
    seen = all_pages(lambda after: collections.page("ann", after=after, limit=2), lambda one: one["id"])
    assert [one["id"] for one in seen] == ["c0", "c1", "c2", "c3", "c4"]
    assert [one["id"] for one in collections.page(None)] == ["c0", "c2", "c4"]


def test_pages_of_items_join_to_the_whole_list_in_order_of_time_and_id(database: Database) -> None:
    collections = CollectionStore(database)
    times = {"never": None, "b": "2020-01-01T00:00:00Z", "a": "2020-01-01T00:00:00Z", "Z": "2020-01-01T00:00:00Z",
             "late": "2021-01-01T00:00:00Z", "also": None}  # fmt: skip
    collections.put({"id": "c"}, [{"id": id, "properties": {"datetime": time}} for id, time in times.items()])

    def key(item: dict[str, Any]) -> After:
        time = item["properties"]["datetime"]
        return After(datetime.fromisoformat(time) if time else None, item["id"])

    found = all_pages(lambda after: collections.items("c", limit=1, after=after), key)
    assert [item["id"] for item in found] == ["also", "never", "Z", "a", "b", "late"]


@pytest.fixture
def crowded(database: Database) -> Database:
    """10,000 jobs of a user, and as many services, collections and items."""
    number = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many) "
        if database.is_sqlite
        else "WITH n AS (SELECT generate_series(1, :many) AS i) "
    )
    made = "datetime('2026-01-01', '+' || i || ' seconds')" if database.is_sqlite else (
        "timestamptz '2026-01-01' + i * interval '1 second'"
    )  # fmt: skip
    name = "printf('%06d', i)" if database.is_sqlite else "lpad(i::text, 6, '0')"
    inserts = (
        "INSERT INTO jobs (id, owner, process, log_level, additional, status, created, updated, usage, attempts) "
        f"{number}SELECT {name}, 'ann', '{{}}', 'info', '{{}}', 'created', {made}, {made}, '{{}}', 0 FROM n",
        "INSERT INTO services (id, owner, type, process, configuration, enabled, created, attributes, version) "
        f"{number}SELECT {name}, 'ann', 'xyz', '{{}}', '{{}}', TRUE, {made}, '{{}}', 1 FROM n",
        "INSERT INTO collections (id, owner, kind, document, updated) "
        f"{number}SELECT {name}, CASE WHEN i % 2 = 0 THEN 'ann' END, 'source', '{{\"id\": 1}}', {made} FROM n",
        "INSERT INTO items (collection_id, id, datetime, end_datetime, document) "
        f"{number}SELECT '000001', {name}, {made}, {made}, '{{\"id\": 1}}' FROM n",
    )
    with database.session() as session:
        for statement in inserts:
            session.execute(text(statement), {"many": MANY})
    with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("ANALYZE"))
    return database


def test_no_page_of_ten_thousand_entries_is_searched_or_sorted_for(crowded: Database) -> None:
    late, early = START + timedelta(seconds=MANY - 10), START + timedelta(seconds=10)
    jobs, services, collections = JobStore(crowded), ServiceStore(crowded), CollectionStore(crowded)
    for at in (late, early):
        number = f"{(at - START).seconds:06d}"
        for read in (
            lambda at=at, number=number: jobs.list("ann", 5, (at, number)),
            lambda at=at, number=number: services.list("ann", 5, (at, number)),
            lambda number=number: collections.page("ann", after=number, limit=5),
            lambda at=at, number=number: collections.items("000001", limit=5, after=After(at, number)),
        ):
            with statements(crowded) as seen:
                assert len(read()) == 5
            (query,) = [one for one in seen if one[0].lstrip().startswith("SELECT")]
            refuse_work(crowded, *query)


def refuse_work(database: Database, statement: str, parameters: Any) -> None:
    """No table is read as a whole or sorted."""
    with database.engine.connect() as connection:
        if database.is_sqlite:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            steps = [row[-1] for row in plan]
            tables = ("jobs", "services", "items", "collections")
            assert not any(step.startswith("SCAN") and step.split()[1] in tables for step in steps), steps
            sorted_ = any("TEMP B-TREE FOR ORDER BY" in step for step in steps)
            assert not sorted_ or "FROM collections" in statement, steps  # there it is a page of public and one of own
        else:
            plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).scalar_one()
            most = max(node["Actual Rows"] for node in nodes_of(plan[0]["Plan"]))
            assert most <= 30, plan


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes_of(inner)
