"""What every database must do for user-defined processes."""

from __future__ import annotations

import pytest

from db.processes import ProcessStore
from db.session import Database
from openeo_plugin.errors import OpenEOError


@pytest.fixture
def processes(database: Database) -> ProcessStore:
    return ProcessStore(database)


def test_the_id_of_the_address_wins(processes: ProcessStore) -> None:
    processes.put("ada", "evi", {"id": "other", "summary": "S"})
    assert processes.get("ada", "evi") == {"id": "evi", "summary": "S"}


def test_putting_again_replaces_all_of_it(processes: ProcessStore) -> None:
    processes.put("ada", "evi", {"summary": "old", "returns": {}})
    processes.put("ada", "evi", {"summary": "new"})
    assert processes.list("ada") == [{"id": "evi", "summary": "new"}]


def test_each_user_has_their_own_namespace(processes: ProcessStore) -> None:
    processes.put("ada", "evi", {"summary": "hers"})
    processes.put("bob", "evi", {"summary": "his"})
    processes.put("bob", "a", {})
    assert processes.get("ada", "evi")["summary"] == "hers"
    assert [process["id"] for process in processes.list("bob")] == ["a", "evi"]
    processes.delete("ada", "evi")
    assert processes.get("bob", "evi")["summary"] == "his"


def test_an_unknown_process_is_not_found(processes: ProcessStore) -> None:
    for attempt in (processes.get, processes.delete):
        with pytest.raises(OpenEOError) as raised:
            attempt("ada", "none")
        assert raised.value.code == "ProcessGraphNotFound"


def test_only_public_processes_are_shared(processes: ProcessStore) -> None:
    processes.put("ada", "evi", {"public": True})
    processes.put("ada", "secret", {"public": False})

    assert processes.get_public("ada", "evi")["id"] == "evi"
    assert [process["id"] for process in processes.list_public("ada")] == ["evi"]
    with pytest.raises(OpenEOError, match="secret"):
        processes.get_public("ada", "secret")
