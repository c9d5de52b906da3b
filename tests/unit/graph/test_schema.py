"""JSON Schemas of users: nothing is fetched for them, and no schema takes long."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openeo_plugin.graph.schema import is_schema, mismatch


@pytest.fixture(autouse=True)
def within_a_second() -> Iterator[None]:
    start = time.perf_counter()
    yield
    assert time.perf_counter() - start < 2


def doubling(levels: int) -> dict[str, Any]:
    last = {f"d{levels}": {"type": "string"}}
    each = {f"d{i}": {"allOf": [{"$ref": f"#/definitions/d{i + 1}"}] * 2} for i in range(levels)}
    return {"definitions": each | last, "$ref": "#/definitions/d0"}


@pytest.mark.parametrize("wrapped", [lambda ref: ref, lambda ref: {"items": ref}, lambda ref: {"items": [ref]}])
@pytest.mark.parametrize("dialect", [None, "https://json-schema.org/draft/2020-12/schema"])
def test_no_file_is_read_for_a_reference(tmp_path: Path, wrapped: Any, dialect: str | None) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"enum": ["a secret"]}')
    for schema in ({"$ref": secret.as_uri()}, {"$id": f"{tmp_path.as_uri()}/", "$ref": "secret.json"}):
        named = schema | ({"$schema": dialect} if dialect else {})
        assert mismatch(["x"], wrapped(named)) is None
        assert mismatch("x", wrapped(named)) is None


def test_nothing_is_fetched_for_a_reference() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        base = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        for schema in ({"$ref": f"{base}a.json"}, {"items": [{"$id": base, "items": [{"$ref": "b.json"}]}]}):
            assert mismatch([["x"]], schema) is None
        with pytest.raises(TimeoutError):
            listening.accept()


def test_references_within_the_schema_are_followed() -> None:
    schema = {
        "definitions": {"deep": {"type": "array", "items": {"$ref": "#/definitions/deep"}}},
        "$ref": "#/definitions/deep",
    }
    assert mismatch([[], [[]]], schema) is None
    assert mismatch([[], [1]], schema) == "[1][0]: expected array, got 1."


def test_a_reference_that_leads_nowhere_says_nothing_of_a_value() -> None:
    assert mismatch(1, {"$ref": "#/definitions/none"}) is None


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (doubling(40), "a"),
        ({"$ref": "#"}, "a"),
        ({"allOf": [{"$ref": "#"}]}, "a"),
        ({"definitions": {"c": {"const": [0] * 3000}}, "allOf": [{"$ref": "#/definitions/c"}] * 3000}, [0] * 3000),
        ({"type": "array", "items": {"enum": [*range(100_000)]}}, [99_999] * 1000),
        ({"pattern": r"((a{0,9}){0,9}){0,9}!"}, "a" * 100_000),
        ({"patternProperties": {f"^{i}": {} for i in range(2000)}}, {f"x{i}": 1 for i in range(2000)}),
    ],
)
def test_schemas_that_take_too_long_are_refused(schema: dict[str, Any], value: Any) -> None:
    assert is_schema(schema)
    assert "too many steps" in (mismatch(value, schema) or "")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 40 + "b"),
        ({"type": "array", "uniqueItems": True}, [{"a": 1}, *({"a": i} for i in range(6000))]),
        ({"type": "array", "uniqueItems": True}, [1, *(i if i % 2 else str(i) for i in range(20_000))]),
        ({"patternProperties": {"^(a|a)*$": False}, "additionalProperties": False}, {"a" * 30 + "!": 1}),
        ({"propertyNames": {"pattern": "^(a|a)*$"}}, {"a" * 30 + "!": 1}),
    ],
)
def test_schemas_that_others_take_long_for_are_checked(schema: dict[str, Any], value: Any) -> None:
    assert mismatch(value, schema)
    assert "steps" not in (mismatch(value, schema) or "")


@pytest.mark.parametrize("pattern", ["(?=a)b", "(a)\\1", "(a{100}){100}{100}", "a" * 1000])
def test_patterns_that_take_more_than_linear_time_are_not_checked(pattern: str) -> None:
    assert mismatch("c", {"type": "string", "pattern": pattern}) is None


@pytest.mark.parametrize(
    ("items", "unique"),
    [([1, 1.0], False), ([1, True], True), ([[1], [True]], True), ([{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}], False)],
)
def test_equal_elements_are_found_as_json_schema_has_it(items: list[Any], unique: bool) -> None:
    assert (mismatch(items, {"type": "array", "uniqueItems": True}) is None) is unique


@pytest.mark.parametrize("value", [10**400, 1e308, 1e-300])
def test_numbers_beyond_all_bounds_do_not_fail(value: float) -> None:
    mismatch(value, {"type": "number", "multipleOf": 1e-300})


@pytest.mark.parametrize(
    "schema",
    [
        [], {}, [{"type": "number"}, 5], "text", {"type": "what"}, {"type": 5}, {"pattern": "("}, {"items": 1},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "what"}, {"properties": {"a": {"type": 1}}},
    ],
)  # fmt: skip
def test_what_is_no_schema_is_told(schema: Any) -> None:
    assert is_schema(schema) is (schema == {})


def test_a_long_list_that_is_no_schema_is_told_at_once() -> None:
    assert not is_schema({"required": [i if i % 2 else str(i) for i in range(20_000)]})


def test_a_schema_of_many_parts_is_one() -> None:
    assert is_schema(json.loads(json.dumps({"anyOf": [{"type": "string", "enum": [str(i)]} for i in range(5000)]})))
