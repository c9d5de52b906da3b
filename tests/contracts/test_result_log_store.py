"""What every database must do for the logs of synchronous requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from db.result_logs import ResultLogStore
from db.session import Database
from openeo_plugin.errors import OpenEOError

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ENTRIES = [{"id": "1", "level": "info", "message": "Hello"}]


def test_a_log_is_read_by_its_user_only(database: Database) -> None:
    logs = ResultLogStore(database)
    logs.put("one", "ada", ENTRIES)

    assert logs.get("one", "ada") == ENTRIES
    for id, user in (("one", "bob"), ("two", "ada")):
        with pytest.raises(OpenEOError) as caught:
            logs.get(id, user)
        assert caught.value.code == "NotFound"


def test_old_logs_are_removed(database: Database) -> None:
    ResultLogStore(database, clock=lambda: NOON - timedelta(days=2)).put("old", "ada", ENTRIES)
    logs = ResultLogStore(database, clock=lambda: NOON)
    logs.put("new", "ada", ENTRIES)

    assert logs.delete_before(NOON - timedelta(days=1)) == 1
    assert logs.get("new", "ada") == ENTRIES
