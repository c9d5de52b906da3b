"""What every database must find by a filter in CQL2."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.collections import CollectionStore
from db.filters.expression import FilterInvalidError, Same, Words
from db.filters.read import read_filter
from db.session import Database

ITEMS = [
    {
        "type": "Feature", "id": "a", "bbox": [0, 0, 1, 1], "geometry": None,
        "properties": {
            "datetime": "2020-06-01T10:00:00Z", "eo:cloud_cover": 10, "platform": "sentinel-2a", "ready": True,
            "bands": ["B04", "B08"], "note": "100% o'clock_x", "mixed": 1, "low": 1, "high": 2.5,
        },
    },
    {
        "type": "Feature", "id": "b", "bbox": [2, 0, 3, 1], "geometry": None,
        "properties": {
            "datetime": "2020-06-02T00:00:00+02:00", "eo:cloud_cover": 20.5, "platform": "Sentinel-2B", "ready": False,
            "bands": ["B08"], "note": "ÜBER", "mixed": "one", "low": 5, "high": 5, "secret": None,
        },
    },
    {
        "type": "Feature", "id": "c", "bbox": [4, 0, 5, 1],
        "geometry": {"type": "Polygon", "coordinates": [[[4, 0], [5, 0], [4, 1], [4, 0]]]},
        "properties": {
            "datetime": None, "start_datetime": "2020-07-01T00:00:00Z", "end_datetime": "2020-07-31T23:59:59Z",
            "platform": "landsat-8", "mixed": True, "bands": [], "openeo:path": "/srv/c.tif", "code": "0.5",
        },
    },
    {"type": "Feature", "id": "d", "bbox": None, "properties": {"datetime": "2021-01-01T00:00:00.5Z"}},
]  # fmt: skip


@pytest.fixture
def collections(database: Database) -> CollectionStore:
    store = CollectionStore(database)
    store.put({"id": "c"}, ITEMS)
    return store


def found(collections: CollectionStore, filter_: Any, language: Any = "cql2-text") -> str:
    condition = read_filter(filter_, language, collections.queryables("c", None))
    ids = sorted(item["id"] for item in collections.items("c", condition=condition))
    assert collections.count_items("c", condition=condition) == len(ids)
    return "".join(ids)


FILTERS = {
    # comparisons; what has no such property, or another type, is neither found nor found by the opposite
    '"eo:cloud_cover" < 20': "a",
    "eo:cloud_cover <= 20.5": "ab",
    "properties.eo:cloud_cover > 10": "b",
    "NOT eo:cloud_cover < 20": "b",
    "eo:cloud_cover <> 10": "b",
    "platform = 'sentinel-2a'": "a",
    "platform > 'Z'": "ac",
    "id = 'd'": "d",
    "id IN ('a', 'd', 'nobody')": "ad",
    "ready = TRUE": "a",
    "ready": "a",
    "NOT ready": "b",
    "ready <> TRUE": "b",
    "TRUE": "abcd",
    "FALSE": "",
    "mixed = 1": "a",
    "mixed = 'one'": "b",
    "mixed = TRUE": "c",
    "mixed < 2": "a",
    "low = high": "b",
    "low < high": "a",
    "mixed = low": "a",
    "high - low > 1": "a",
    "low * 2 + 1 = 3": "a",
    "low / (low - 1) > 1": "b",
    "eo:cloud_cover BETWEEN 10 AND 20": "a",
    "eo:cloud_cover NOT BETWEEN 10 AND 20": "b",
    "eo:cloud_cover IN (10, 20.5)": "ab",
    "eo:cloud_cover IS NULL": "cd",
    "eo:cloud_cover IS NOT NULL": "ab",
    "datetime IS NULL": "c",
    "geometry IS NULL": "d",
    # and before or
    "id = 'a' OR id = 'b' AND FALSE": "a",
    "NOT (id = 'a' OR id = 'b')": "cd",
    # texts
    "platform LIKE 'sentinel%'": "a",
    "CASEI(platform) LIKE CASEI('sentinel-2_')": "ab",
    "platform LIKE 'sentinel-2__'": "",
    "note LIKE '100\\%%'": "a",
    "note LIKE '%o''clock\\_x'": "a",
    "note LIKE '%o?clock%'": "",
    "note LIKE '[1]%'": "",
    "CASEI(note) = CASEI('über')": "b",
    "note = 'über'": "",
    "code = '0.5'": "c",
    # place
    "S_INTERSECTS(geometry, BBOX(0, 0, 2, 2))": "ab",
    "S_INTERSECTS(geometry, POINT(4.9 0.9))": "",
    "S_INTERSECTS(geometry, POINT(4.1 0.1))": "c",
    "NOT S_INTERSECTS(geometry, BBOX(0, 0, 2, 2))": "c",
    "S_DISJOINT(geometry, BBOX(0, 0, 2, 2))": "c",
    "S_WITHIN(geometry, BBOX(-1, -1, 3, 2))": "ab",
    "S_CONTAINS(geometry, POINT(0.5 0.5))": "a",
    "S_WITHIN(POINT(0.5 0.5), geometry)": "a",
    "S_TOUCHES(geometry, BBOX(1, 0, 2, 1))": "ab",
    "S_OVERLAPS(geometry, BBOX(0.5, 0.5, 2.5, 2))": "ab",
    "S_CROSSES(LINESTRING(-1 0.5, 2.5 0.5), geometry)": "ab",
    "S_EQUALS(geometry, POLYGON((0 0, 0 1, 1 1, 1 0, 0 0)))": "a",
    "S_INTERSECTS(geometry, BBOX(170, -10, 1.5, 10))": "a",
    "S_INTERSECTS(geometry, POLYGON((0 0, 3 1, 3 0, 0 1, 0 0)))": "ab",
    # time; a date is its day
    "datetime = TIMESTAMP('2020-06-01T12:00:00+02:00')": "a",
    "datetime = DATE('2020-06-01')": "ab",
    "datetime > DATE('2020-06-01')": "d",
    "datetime >= DATE('2020-06-01')": "abd",
    "datetime <= DATE('2020-06-01')": "ab",
    "datetime < '2020-06-01T22:00:00Z'": "a",
    "datetime > '2021-01-01T00:00:00.499Z'": "d",
    "TIMESTAMP('2020-06-01T22:00:00Z') <= datetime": "bd",
    "datetime BETWEEN DATE('2020-06-01') AND DATE('2020-12-31')": "ab",
    "end_datetime > start_datetime": "c",
    "T_INTERSECTS(datetime, INTERVAL('2020-07-10', '2020-07-11'))": "c",
    "T_DURING(datetime, INTERVAL('2020-01-01', '..'))": "abcd",
    "T_DURING(datetime, INTERVAL('2020-07-01T00:00:00Z', '..'))": "d",
    "T_AFTER(datetime, DATE('2020-06-30'))": "cd",
    "T_BEFORE(datetime, TIMESTAMP('2020-06-01T22:00:00Z'))": "a",
    "T_CONTAINS(datetime, DATE('2020-07-15'))": "c",
    "T_EQUALS(datetime, TIMESTAMP('2020-06-01T10:00:00Z'))": "a",
    "T_DISJOINT(datetime, INTERVAL('..', '2020-06-30'))": "cd",
    "T_STARTS(datetime, INTERVAL('2020-07-01T00:00:00Z', '2020-08-31'))": "c",
    "T_FINISHEDBY(datetime, INTERVAL('2020-07-02', '2020-07-31T23:59:59Z'))": "c",
    "T_MEETS(datetime, INTERVAL('2020-07-31T23:59:59Z', '..'))": "c",
    "T_METBY(datetime, INTERVAL('..', '2020-07-01T00:00:00Z'))": "c",
    "T_OVERLAPS(datetime, INTERVAL('2020-07-02', '2020-08-31'))": "c",
    "T_CONTAINS(INTERVAL(start_datetime, end_datetime), DATE('2020-07-15'))": "c",
    "T_BEFORE(start_datetime, DATE('2020-07-02'))": "c",
    # arrays
    "A_CONTAINS(bands, ('B08'))": "ab",
    "A_CONTAINS(bands, ('B04', 'B08'))": "a",
    "A_CONTAINEDBY(bands, ('B08', 'B09'))": "bc",
    "A_OVERLAPS(bands, ('B04', 'B09'))": "a",
    "A_EQUALS(bands, ('B08', 'B04'))": "a",
    "NOT A_CONTAINS(bands, ('B08'))": "c",
}


def test_filters_find_what_the_standard_says(collections: CollectionStore) -> None:
    assert {text: found(collections, text) for text in FILTERS} == FILTERS


def test_the_same_filter_can_be_json(collections: CollectionStore) -> None:
    lines = {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [0.5, 0.5]}]}
    cloud = {"op": "<", "args": [{"property": "eo:cloud_cover"}, 15]}
    assert found(collections, json.dumps({"op": "and", "args": [lines, cloud]}), "cql2-json") == "a"
    assert found(collections, {"op": "between", "args": [{"property": "low"}, 1, 5]}) == "ab"
    day = {"op": "t_during", "args": [{"property": "datetime"}, {"interval": ["2020-06-01", ".."]}]}
    assert found(collections, day) == "abcd"


REFUSED = {
    "eo:clout_cover < 1": "Did you mean 'eo:cloud_cover'",
    "openeo:path LIKE '%'": "there is no property 'openeo:path'",
    "assets.x = 1": "there is no property",
    "platform = 1": "can't be compared",
    "eo:cloud_cover = 'x'": "can't be compared",
    "datetime = 'yesterday'": "no RFC 3339",
    "ready < TRUE": "no order",
    "platform": "neither true nor false",
    "bands = 'B04'": "is an array",
    "geometry = 'x'": "spatial functions only",
    "nothing(platform)": "no operation 'nothing'",
    "nothing(platform) = 1": "no function 'nothing'",
    "eo:cloud_cover < 1e999": "too large",
    "a AND": "column",
    "id = 'a'; DROP TABLE items": "column",
    "S_INTERSECTS(geometry, POLYGON((0 0, 1 1)))": "neither GeoJSON nor a box",
    "S_INTERSECTS(geometry, geometry)": "with a geometry",
    "S_INTERSECTS(geometry, BBOX(0, 5, 1, 2))": "a box is",
    "T_DURING(datetime, INTERVAL('2021-01-01', '2020-01-01'))": "begins before it ends",
    "platform LIKE 5": "compares a text with a pattern",
    "platform LIKE platform": "compares a text with a pattern",
    "(" * 39 + "id = 'a'": "column",  # 2 ** 39 readings, for a parser that tries one after the other
    "id IN (" * 39 + "'a'": "column",
    "casei(" * 39 + "id": "column",
    "(" * 100 + "TRUE" + ")" * 100: "nested",
    " OR ".join(["id = 'a'"] * 2000): "more than",
    "NOT " * 30000 + "TRUE": "longer than",
    "eo:cloud_cover = " + "-" * 9000 + "1": "more than",
    "a = " + "+".join("1" * 9000): "more than",
}


def test_what_is_wrong_with_a_filter_is_told(collections: CollectionStore) -> None:
    for text, reason in REFUSED.items():
        with pytest.raises(FilterInvalidError, match=reason):
            found(collections, text)


DEEP = '{"op":"not","args":[' * 5000 + "true" + "]}" * 5000


NO_FILTERS = (
    DEEP, "[" * 100_000, "nope", "[]", "{}", "1", "null", '{"op": "and", "args": []}', '{"op": ["="], "args": [1, 1]}',
     '{"op": "=", "args": [NaN, 1]}', '{"op": "=", "args": [{"property": ["id"]}, 1]}', '{"op": "=", "args": {"a": 1}}',
     '{"op": "in", "args": [{"property": "id"}, []]}', '{"op": "=", "args": [{"timestamp": 5}, 1]}',
     '{"op": "s_within", "args": [{"property": "geometry"}, {"bbox": ["a", 1, 2, 3]}]}',
     '{"op": "s_within", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [[1]]}]}',
     '{"op": "t_after", "args": [{"property": "datetime"}, {"interval": [1, 2]}]}',
     '{"op": "a_contains", "args": [["x"], ["x"]]}',
     '{"op": "=", "args": [{"property": "id"}, "\\ud800"]}', '{"op": "\\ud800", "args": []}',
     '{"op": "=", "args": [{"property": "id"}, "\\u0000"]}',
     '{"op": "a_contains", "args": [{"property": "bands"}, ["\\u0000"]]}',
)  # fmt: skip


def test_json_that_is_no_filter_is_refused(collections: CollectionStore) -> None:
    for document in NO_FILTERS:
        with pytest.raises(FilterInvalidError):
            found(collections, document, "cql2-json")


def test_large_geometries_are_refused(collections: CollectionStore) -> None:
    ring = [[n / 100_000, 0] for n in range(10_001)]
    line = {"type": "LineString", "coordinates": ring}
    with pytest.raises(FilterInvalidError, match="vertices"):
        found(collections, {"op": "s_intersects", "args": [{"property": "geometry"}, line]})


_LEAVES = st.one_of(
    st.sampled_from([{"property": name} for name in ("id", "platform", "eo:cloud_cover", "mixed", "bands", "geometry",
                                                     "datetime", "ready", "openeo:path", "x'; DROP TABLE items; --")]),
    st.text(max_size=8), st.floats(allow_nan=False), st.integers(), st.booleans(), st.none(),
    st.sampled_from([{"date": "2020-06-01"}, {"timestamp": "2020-06-01T00:00:00Z"}, {"bbox": [0, 0, 1, 1]},
                     {"interval": ["2020-01-01", ".."]}, ["a", 1], "' OR 1=1 --", "%", "\\", "*[", "\x00"]),
)  # fmt: skip
_OPS = st.sampled_from(
    ["and", "or", "not", "=", "<>", "<", ">=", "like", "in", "between", "isNull", "casei", "+", "/", "s_intersects",
     "s_within", "t_during", "t_equals", "a_contains", "a_overlaps"]
)  # fmt: skip


def _calls(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(lambda op, args: {"op": op, "args": args}, _OPS, st.lists(inner, min_size=1, max_size=3))


_TREES = st.recursive(_LEAVES, _calls, max_leaves=12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=_TREES)
def test_any_filter_is_answered_or_refused_and_changes_nothing(tree: Any, collections: CollectionStore) -> None:
    try:
        ids = found(collections, tree)
    except FilterInvalidError:
        ids = ""
    assert set(ids) <= set("abcd")
    assert collections.count_items("c") == 4


def test_properties_of_an_address_are_texts_that_fit_any_type(collections: CollectionStore) -> None:
    def same(name: str, text: str) -> str:
        return "".join(item["id"] for item in collections.items("c", condition=Same(name, text)))

    assert same("eo:cloud_cover", "10.0") == "a"
    assert same("platform", "landsat-8") == "c"
    assert same("ready", "true") == "a"
    assert same("code", "0.5") == "c"
    assert same("bands", "B08") == "ab"
    assert same("platform", "inf") == ""
    assert same("id", "b") == "b"


def test_words_are_found_in_texts_and_arrays_in_any_case(collections: CollectionStore) -> None:
    def holds(*terms: str) -> set[str]:
        return {item["id"] for item in collections.items("c", condition=Words(("platform", "note", "bands"), terms))}

    assert holds("sentinel") == {"a", "b"}
    assert holds("über", "landsat") == {"b", "c"}
    assert holds("b04") == {"a"}
    assert holds("%") == {"a"}


def test_items_are_sorted_by_a_property_before_their_time(collections: CollectionStore) -> None:
    def order(name: str, descending: bool = False) -> str:
        return "".join(item["id"] for item in collections.items("c", sort=((name, descending),)))

    assert order("eo:cloud_cover") == "cdab"
    assert order("eo:cloud_cover", descending=True) == "bacd"
    assert order("platform") == "dbca"
    assert order("id", descending=True) == "dcba"


def test_queryables_tell_the_types_of_what_items_have(collections: CollectionStore) -> None:
    known = collections.queryables("c", None)
    assert known["eo:cloud_cover"] == {"type": "number"}
    assert known["datetime"] == {"type": "string", "format": "date-time"}
    assert known["bands"] == {"type": "array"}
    assert known["mixed"] == {}
    assert "openeo:path" not in known
    assert "secret" not in known


def test_moments_before_the_year_1000_come_before_others(collections: CollectionStore) -> None:
    times = {"old": "0801-05-01T00:00:00Z", "new": "2020-05-01T00:00:00Z"}
    collections.put({"id": "c"}, [{"id": id, "properties": {"made": time}} for id, time in times.items()])
    assert found(collections, "made < TIMESTAMP('1000-01-01T00:00:00Z')") == "old"
    assert found(collections, "made > TIMESTAMP('1000-01-01T00:00:00Z')") == "new"


def chosen(count: int) -> dict[str, Any]:
    return {"op": "in", "args": [{"property": "platform"}, [f"p{i}" for i in range(count)]]}


@pytest.mark.parametrize(
    "filter_",
    [
        {"op": "or", "args": [chosen(450), chosen(450)]},
        {"op": "and", "args": [{"op": "not", "args": [chosen(1)]}] * 500},
        {"op": "or", "args": [{"op": "or", "args": [chosen(30)] * 15}, {"op": "or", "args": [chosen(30)] * 15}]},
        {"op": "or", "args": [{"op": "a_overlaps", "args": [{"property": "bands"}, [*range(450)]]}] * 2},
    ],
)
def test_the_largest_filters_are_answered(filter_: Any, collections: CollectionStore) -> None:
    assert found(collections, filter_) in ("", "abc")


@pytest.mark.parametrize(
    "filter_",
    [
        {"op": "or", "args": [chosen(450)] * 3},
        {"op": "or", "args": [{"op": "a_overlaps", "args": [{"property": "bands"}, [*range(400)]]}] * 3},
        {"op": "and", "args": [{"op": "between", "args": [{"property": "low"}, 1, 2]}] * 460},
    ],
)
def test_filters_that_databases_choke_on_are_refused(filter_: Any, collections: CollectionStore) -> None:
    with pytest.raises(FilterInvalidError, match="900"):
        found(collections, filter_)
