"""What every database must do for secondary web services."""

from __future__ import annotations

import pytest

from db.collections import CollectionStore
from db.service_use import ServiceUse
from db.services import ServiceState, ServiceStore
from db.session import Database
from openeo_plugin.errors import OpenEOError

GRAPH = {"process_graph": {"l": {"process_id": "load_collection", "arguments": {"id": "c"}, "result": True}}}


@pytest.fixture
def services(database: Database) -> ServiceStore:
    return ServiceStore(database)


def test_a_service_comes_back_as_it_was_created(services: ServiceStore) -> None:
    service = services.create(
        "ada", "WMTS", GRAPH, title="T", configuration={"v": "1.0.0"}, attributes={"layers": ["a"]}
    )
    assert services.get(service.id, "ada") == service == services.find(service.id)
    assert (service.type, service.title, service.configuration) == ("WMTS", "T", {"v": "1.0.0"})
    assert (service.enabled, service.version, service.attributes) == (True, 1, {"layers": ["a"]})


def test_a_service_of_another_user_is_as_good_as_none(services: ServiceStore) -> None:
    id = services.create("ada", "XYZ", GRAPH).id
    for attempt in (services.get, services.delete, services.update):
        with pytest.raises(OpenEOError) as raised:
            attempt(id, "eve")
        assert raised.value.code == "ServiceNotFound"
    assert services.list("eve") == []


def test_a_change_raises_the_version(services: ServiceStore) -> None:
    id = services.create("ada", "XYZ", GRAPH).id
    assert services.update(id, "ada", enabled=False, title=None).version == 2
    assert services.update(id, "ada", configuration={"x": 1}).version == 3
    assert services.get(id, "ada").enabled is False


def test_the_state_tells_changes_of_the_service_and_of_the_catalogue(
    services: ServiceStore, database: Database
) -> None:
    id = services.create("ada", "XYZ", GRAPH).id
    assert services.state(id) == ServiceState(version=1, revision=0)
    services.update(id, "ada", title="New")
    collections = CollectionStore(database)
    collections.put({"type": "Collection", "id": "c"}, [])
    assert services.state(id) == ServiceState(version=2, revision=collections.revision())
    services.delete(id, "ada")
    with pytest.raises(OpenEOError, match=id):
        services.state(id)


def test_id_and_owner_can_not_be_changed(services: ServiceStore) -> None:
    id = services.create("ada", "XYZ", GRAPH).id
    for change in ({"owner": "eve"}, {"id": "x"}):
        with pytest.raises(OpenEOError) as raised:
            services.update(id, "ada", **change)
        assert raised.value.code == "PropertyNotEditable"


def test_services_are_listed_newest_first(services: ServiceStore) -> None:
    ids = [services.create("ada", "XYZ", GRAPH).id for _ in range(3)]
    listed = services.list("ada")
    assert [service.id for service in listed] == ids[::-1]
    assert [one.id for one in services.list("ada", limit=1, after=(listed[0].created, listed[0].id))] == [ids[1]]


def test_use_is_added_up_and_goes_with_the_service(services: ServiceStore) -> None:
    id, other = services.create("ada", "XYZ", GRAPH).id, services.create("ada", "XYZ", GRAPH).id
    assert services.use(id) == ServiceUse()
    assert services.add_use(id, ServiceUse(3, 1, 0, 1.5, 100, 10))
    assert services.add_use(id, ServiceUse(2, 0, 4, 0.25, 2**40, 5))
    assert services.use(id) == ServiceUse(5, 1, 4, 1.75, 2**40 + 100, 15)
    assert services.get(id, "ada").version == 1
    assert services.use(other) == ServiceUse()
    services.delete(id, "ada")
    assert not services.add_use(id, ServiceUse(1))
    assert services.use(id) == ServiceUse()


def test_a_deleted_service_takes_its_log(services: ServiceStore) -> None:
    id = services.create("ada", "XYZ", GRAPH).id
    assert services.log(id, "warning", "slow", code="X")
    assert services.logs(id)[0]["code"] == "X"
    assert services.logs(id, level="error") == []
    services.delete(id, "ada")
    assert services.logs(id) == []
    assert not services.log(id, "warning", "late")
