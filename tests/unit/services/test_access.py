import threading

import pytest

from openeo_plugin.errors import OpenEOError
from services.access import OpenServices, check_service, used_parameters
from services.served import MapRequest
from services.tile_matrix import WEB_MERCATOR, grid_of, tile_bounds

OFFERED = frozenset({"x", "y", "z", "spatial_extent", "time"})


def found_none(services, service_id):
    with pytest.raises(OpenEOError) as caught:
        services.open(service_id)
    return caught.value.code == "ServiceNotFound"


def test_a_service_is_planned_once_with_the_rights_of_its_owner(make_backend):
    backend = make_backend(owner="ann")
    services = OpenServices(backend)
    assert services.open("abc") is services.open("abc")
    assert backend.planned == [({"process_graph": {}}, "ann", None)]


def test_a_changed_service_is_opened_anew(make_backend, fakes):
    backend = make_backend(title="Before")
    services = OpenServices(backend)
    assert services.open("abc").title == "Before"
    backend.services.put(fakes.StoredService(title="After"))
    assert services.open("abc").title == "After"


def test_unknown_deleted_and_disabled_services_are_not_found(make_backend, fakes):
    backend = make_backend()
    services = OpenServices(backend)
    assert found_none(services, "nope")
    services.open("abc")
    backend.services.put(fakes.StoredService(enabled=False))
    assert found_none(services, "abc")
    del backend.services["abc"]
    assert found_none(services, "abc")


@pytest.mark.parametrize("service_id", ["", "..", "a/b", "a b", "a\x00b", "/vsicurl", "<x>", "a" * 200, "ab\n", "ü"])
def test_ids_that_no_service_can_have_never_reach_the_store(make_backend, service_id):
    backend = make_backend()
    backend.services.find = None
    assert found_none(OpenServices(backend), service_id)


def test_only_so_many_services_stay_open(make_backend, fakes):
    backend = make_backend()
    for number in range(5):
        backend.services.put(fakes.StoredService(id=f"s{number}"))
    services = OpenServices(backend, limit=2)
    for number in range(5):
        services.open(f"s{number}")
    assert len(services._slots) == 2
    services.open("s4")
    assert len(backend.planned) == 5
    services.open("s0")
    assert len(backend.planned) == 6


def test_many_threads_plan_a_service_once(make_backend):
    backend = make_backend()
    services = OpenServices(backend)
    threads = [threading.Thread(target=services.open, args=("abc",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(backend.planned) == 1


def test_a_graph_that_is_no_map_is_refused(make_backend, fakes):
    with pytest.raises(OpenEOError) as caught:
        OpenServices(make_backend(fakes.PositionPlan(description=None))).open("abc")
    assert caught.value.code == "ProcessGraphInvalid"


def test_a_service_is_checked_without_reading_pixels(fakes):
    plan = fakes.PositionPlan()
    check_service(plan, "xyz", {"bands": ["row"], "time": "2020-06-11"})
    for configuration in ({"bands": ["B01"]}, {"time": "1999-01-01"}):
        with pytest.raises(OpenEOError):
            check_service(plan, "xyz", configuration)
    assert plan.reads == []


def test_parameters_of_callbacks_are_their_own():
    process = {
        "process_graph": {
            "load": {"arguments": {"spatial_extent": {"from_parameter": "spatial_extent"}}},
            "apply": {
                "arguments": {
                    "process": {
                        "process_graph": {
                            "add": {"arguments": {"x": {"from_parameter": "x"}, "y": [{"from_parameter": "z"}]}}
                        }
                    }
                }
            },
        }
    }
    assert used_parameters(process, OFFERED) == {"spatial_extent", "z"}


def test_a_graph_that_asks_for_the_extent_gets_that_of_each_tile(make_backend):
    graph = {"load": {"arguments": {"extent": {"from_parameter": "spatial_extent"}, "z": {"from_parameter": "z"}}}}
    backend = make_backend(process={"process_graph": graph})
    served = OpenServices(backend).open("abc")
    tile = (10, 554, 367)
    request = MapRequest(grid_of(tile_bounds(tile), 256, 256, WEB_MERCATOR), None, tile)
    served.picture(request)
    served.picture(request)
    assert backend.planned[0][2] == {"spatial_extent": None, "z": None}
    given = backend.planned[1][2]
    assert given["z"] == 10
    # 360 / 1024 degrees from one tile to the next
    assert given["spatial_extent"]["west"] == pytest.approx(-180 + 554 * 360 / 1024)
    assert given["spatial_extent"]["east"] == pytest.approx(-180 + 555 * 360 / 1024)
    assert len(backend.planned) == 2, "the same arguments are planned once"


def test_values_are_those_of_the_pixel_under_a_point(make_backend):
    served = OpenServices(make_backend()).open("abc")
    assert served.values_at(500_750, 4_999_650, "EPSG:32633", "2020-06-11") == {"row": 3, "column": 7, "date": 1}
    assert served.values_at(400_000, 4_999_650, "EPSG:32633") == {"row": None, "column": None, "date": None}


def test_outside_the_data_nothing_is_read(make_backend, fakes):
    plan = fakes.PositionPlan()
    served = OpenServices(make_backend(plan)).open("abc")
    served.picture(MapRequest(grid_of(tile_bounds((5, 0, 0)), 256, 256, WEB_MERCATOR)))
    assert plan.reads == []


def test_changed_data_is_planned_anew(make_backend, fakes):
    backend = make_backend(fakes.PositionPlan(collections=("s2",)))
    services = OpenServices(backend)
    backend.changed = {"s2": "2020-01-01"}
    first = services.open_now("abc")
    assert services.open_now("abc") is first
    backend.changed = {"s2": "2020-01-02"}
    assert services.look("abc").opened is None
    second = services.open_now("abc")
    assert second.stamp != first.stamp
    assert len(backend.planned) == 2


def test_changes_of_other_collections_make_no_difference(make_backend, fakes):
    backend = make_backend(fakes.PositionPlan(collections=("s2",)))
    services = OpenServices(backend)
    first = services.open_now("abc")
    backend.revision = 2
    assert services.open_now("abc") is first
