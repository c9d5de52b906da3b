"""What every database must do for collections and their items."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from db.collections import CollectionStore
from db.session import Database
from openeo_plugin.errors import OpenEOError


@pytest.fixture
def collections(database: Database) -> CollectionStore:
    return CollectionStore(database)


def item(id: str, bbox: list[float] | None = None, geometry: Any = None, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "id": id, "bbox": bbox, "geometry": geometry, "properties": properties}


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [found["id"] for found in items]


def put_at(collections: CollectionStore, **moments: str) -> None:
    collections.put({"id": "c"}, [item(id, datetime=at) for id, at in moments.items()])


def test_a_collection_comes_back_as_it_was_put(collections: CollectionStore) -> None:
    document = {"id": "c", "title": "Ünïcode", "summaries": {"bands": [{"name": "B1"}]}, "n": [1, 2.5, None, True]}
    one = item("i", [1, 2, 3, 4], datetime="2024-01-01T00:00:00Z")
    collections.put(document, [one])
    assert collections.get("c", None) == document
    assert collections.list(None) == [document]
    assert collections.item("c", "i") == one


def test_what_is_not_there_is_not_found(collections: CollectionStore) -> None:
    for attempt in (lambda: collections.get("no", "ada"), lambda: collections.delete("no")):
        with pytest.raises(OpenEOError) as raised:
            attempt()
        assert raised.value.code == "CollectionNotFound"
    with pytest.raises(OpenEOError) as raised:
        collections.item("no", "no")
    assert raised.value.code == "NotFound"
    assert collections.items("no") == []


def test_owned_collections_are_seen_by_their_owner_only(collections: CollectionStore) -> None:
    collections.put({"id": "all"}, [])
    collections.put({"id": "hers"}, [], owner="ada", kind="result", job_id="j")
    assert ids(collections.list(None)) == ["all"]
    assert ids(collections.list("eve")) == ["all"]
    assert ids(collections.list("ada")) == ["all", "hers"]
    assert ids(collections.list("ada", kind="result")) == ["hers"]
    assert ids(collections.list("ada", kind="source")) == ["all"]
    for user in (None, "eve"):
        with pytest.raises(OpenEOError) as raised:
            collections.get("hers", user)
        assert raised.value.code == "CollectionNotFound"


def test_putting_again_replaces_document_and_items(collections: CollectionStore) -> None:
    collections.put({"id": "c", "v": 1}, [item("a", [0, 0, 1, 1]), item("b", [0, 0, 1, 1])])
    collections.put({"id": "c", "v": 2}, [item("b", [5, 5, 6, 6])])
    assert collections.get("c", None)["v"] == 2
    assert ids(collections.items("c")) == ["b"]
    assert collections.items("c", bbox=(0, 0, 1, 1)) == []
    assert ids(collections.items("c", bbox=(5, 5, 6, 6))) == ["b"]


def test_a_failed_put_changes_nothing(collections: CollectionStore) -> None:
    collections.put({"id": "c", "v": 1}, [item("a", [0, 0, 1, 1])])
    before = collections.revision()
    twice = [item("x", [0, 0, 1, 1]), item("x", [0, 0, 1, 1])]
    with pytest.raises(ValueError, match="same id: x"):
        collections.put({"id": "c", "v": 2}, twice)
    assert (collections.get("c", None)["v"], ids(collections.items("c"))) == (1, ["a"])
    assert collections.revision() == before


def test_a_collection_of_another_owner_is_not_overwritten(collections: CollectionStore) -> None:
    collections.put({"id": "c"}, [], owner="ada")
    with pytest.raises(ValueError, match="another owner"):
        collections.put({"id": "c"}, [], owner="eve")


def test_items_come_by_datetime_then_id_by_code_point(collections: CollectionStore) -> None:
    put_at(collections, b="2024-01-02T00:00:00Z", B="2024-01-02T00:00:00Z", _="2024-01-02T00:00:00Z",
           z="2024-01-01T23:00:00-02:00", y="2024-01-01T00:00:00Z")  # fmt: skip
    assert ids(collections.items("c")) == ["y", "B", "_", "b", "z"]
    assert ids(collections.items("c", limit=2, offset=1)) == ["B", "_"]


def test_an_interval_contains_its_start_and_not_its_end(collections: CollectionStore) -> None:
    put_at(collections, a="2024-01-01T00:00:00Z", b="2024-01-01T12:00:00.5Z", c="2024-01-02T00:00:00Z")
    assert ids(collections.items("c", start="2024-01-01T00:00:00Z", end="2024-01-02T00:00:00Z")) == ["a", "b"]
    assert ids(collections.items("c", start="2024-01-01T12:00:00.500Z")) == ["b", "c"]
    assert ids(collections.items("c", end="2024-01-01")) == []
    assert ids(collections.items("c", start="2024-01-01T01:00:00+01:00", end="2024-01-01T13:00:00.5+01:00")) == ["a"]
    assert collections.count_items("c", start="2024-01-02") == 1


def test_items_with_a_range_are_found_where_the_ranges_overlap(collections: CollectionStore) -> None:
    may = item("may", start_datetime="2024-05-01T00:00:00Z", end_datetime="2024-05-31T23:59:59Z", datetime=None)
    never = item("never")
    collections.put({"id": "c"}, [may, never])
    assert ids(collections.items("c", start="2024-05-10", end="2024-05-11")) == ["may"]
    assert ids(collections.items("c", start="2024-06-01")) == []
    assert ids(collections.items("c", end="2024-05-01")) == []
    assert ids(collections.items("c")) == ["never", "may"]


def test_a_box_finds_what_it_touches(collections: CollectionStore) -> None:
    collections.put({"id": "c"}, [item("a", [10, 10, 11, 11]), item("b", [20, 10, 21, 11]), item("nowhere")])
    assert ids(collections.items("c", bbox=(11, 11, 12, 12))) == ["a"]
    assert ids(collections.items("c", bbox=(11.0001, 11, 12, 12))) == []
    assert ids(collections.items("c", bbox=(-180, -90, 180, 90))) == ["a", "b"]
    assert collections.count_items("c", bbox=(10.5, 10.5, 10.5, 10.5)) == 1


def test_the_geometry_decides_and_not_its_box(collections: CollectionStore) -> None:
    triangle = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [0, 10], [0, 0]]]}
    collections.put({"id": "c"}, [item("t", [0, 0, 10, 10], triangle)])
    assert ids(collections.items("c", bbox=(1, 1, 2, 2))) == ["t"]
    assert ids(collections.items("c", bbox=(8, 8, 9, 9))) == []


def test_neighbours_closer_than_the_r_trees_precision_are_told_apart(collections: CollectionStore) -> None:
    collections.put({"id": "c"}, [item("a", [14.5, 46.1, 14.50000001, 46.2])])
    assert collections.items("c", bbox=(14.50000002, 46.1, 15, 46.2)) == []


def test_footprints_and_boxes_may_cross_the_antimeridian(collections: CollectionStore) -> None:
    fiji = item("fiji", [177, -19, -178, -16])
    split = item("split", None, {"type": "MultiPolygon", "coordinates": [
        [[[179, 0], [180, 0], [180, 1], [179, 1], [179, 0]]],
        [[[-180, 0], [-179, 0], [-179, 1], [-180, 1], [-180, 0]]],
    ]})  # fmt: skip
    collections.put({"id": "c"}, [fiji, split, item("far", [0, -19, 1, -16])])
    assert ids(collections.items("c", bbox=(178, -18, 179, -17))) == ["fiji"]
    assert ids(collections.items("c", bbox=(-179, -18, -178.5, -17))) == ["fiji"]
    assert ids(collections.items("c", bbox=(170, -20, -170, 10))) == ["fiji", "split"]
    assert ids(collections.items("c", bbox=(-1, -20, 2, 10))) == ["far"]


def test_boxes_with_heights_and_broken_polygons_are_taken(collections: CollectionStore) -> None:
    bow_tie = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
    high = {"type": "Polygon", "coordinates": [[[5, 5, 9], [6, 5, 9], [6, 6, 9], [5, 5, 9]]]}
    collections.put(
        {"id": "c"}, [item("flat", [30, 30, 0, 31, 31, 99]), item("bow", None, bow_tie), item("z", None, high)]
    )
    assert ids(collections.items("c", bbox=(30.5, 30.5, 30.6, 30.6))) == ["flat"]
    assert ids(collections.items("c", bbox=(1.7, 0.9, 2, 1.1))) == ["bow"]
    assert ids(collections.items("c", bbox=(5.9, 5.1, 6, 5.2))) == ["z"]


def test_coordinates_that_are_not_numbers_are_refused(collections: CollectionStore) -> None:
    with pytest.raises(ValueError, match="nan"):
        collections.put({"id": "c"}, [item("nan", [float("nan"), 0, 1, 1])])
    with pytest.raises(ValueError, match="inf"):
        collections.put({"id": "c"}, [item("inf", None, {"type": "Point", "coordinates": [0, float("inf")]})])


def test_place_and_time_are_sought_together_within_one_collection(collections: CollectionStore) -> None:
    for id in ("c", "d"):
        collections.put({"id": id}, [
            item(f"{id}1", [0, 0, 1, 1], datetime="2024-01-01T00:00:00Z"),
            item(f"{id}2", [0, 0, 1, 1], datetime="2024-02-01T00:00:00Z"),
            item(f"{id}3", [9, 9, 10, 10], datetime="2024-01-01T00:00:00Z"),
        ])  # fmt: skip
    assert ids(collections.items("c", bbox=(0, 0, 1, 1), start="2024-01-01", end="2024-02-01")) == ["c1"]


def test_the_revision_grows_with_every_change(collections: CollectionStore) -> None:
    seen = [collections.revision()]
    collections.put({"id": "c"}, [])
    seen.append(collections.revision())
    collections.put({"id": "c"}, [])
    seen.append(collections.revision())
    collections.delete("c")
    seen.append(collections.revision())
    assert seen == sorted(set(seen))
    collections.list(None)
    assert collections.revision() == seen[-1]


def test_a_deleted_collection_leaves_nothing_to_find(collections: CollectionStore) -> None:
    collections.put({"id": "c"}, [item("a", [0, 0, 1, 1])])
    collections.delete("c")
    collections.put({"id": "c"}, [])
    assert collections.items("c", bbox=(0, 0, 1, 1)) == []


def test_many_writers_and_readers_do_not_disturb_each_other(collections: CollectionStore) -> None:
    failures: list[Exception] = []

    def write(n: int) -> None:
        try:
            for turn in range(5):
                collections.put({"id": f"c{n}", "turn": turn}, [item("a", [0, 0, 1, 1])])
                collections.items(f"c{n}", bbox=(0, 0, 1, 1))
        except Exception as error:
            failures.append(error)

    before = collections.revision()
    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(collections.list(None)) == 6
    assert collections.revision() == before + 30
