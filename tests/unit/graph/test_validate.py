"""Does a graph fit the processes it calls? Every fault, with the node and what was allowed."""

from __future__ import annotations

from typing import Any

import pytest

from openeo_plugin.driver.lookup import Lookup
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.parse import parse
from openeo_plugin.graph.schema import mismatch
from openeo_plugin.graph.validate import validate


def found(graph: dict[str, Any], *parameters: str) -> list[OpenEOError]:
    return validate(parse(graph), Lookup(lambda _: None), frozenset(parameters))


def codes(graph: dict[str, Any], *parameters: str) -> list[tuple[str, str | None]]:
    return [(fault.code, fault.node) for fault in found(graph, *parameters)]


def add(**arguments: Any) -> dict[str, Any]:
    return {"a": {"process_id": "add", "arguments": arguments, "result": True}}


def test_a_graph_that_fits_has_no_fault() -> None:
    assert codes(add(x=1, y=None)) == []


def test_a_misspelt_process_is_named_with_its_likeness() -> None:
    (fault,) = found({"a": {"process_id": "medain", "arguments": {"data": []}, "result": True}})
    assert (fault.code, fault.node, "'median'" in fault.message) == ("ProcessUnsupported", "a", True)


def test_a_misspelt_parameter_and_the_missing_one_are_both_told() -> None:
    assert codes(add(x=1, z=2)) == [("ProcessParameterUnsupported", "a"), ("ProcessParameterRequired", "a")]


def test_a_value_of_the_wrong_type_says_what_was_expected() -> None:
    (fault,) = found(add(x="one", y=2))
    assert fault.code == "ProcessParameterInvalid"
    assert "number" in fault.message
    assert "one" in fault.message


def test_a_parameter_that_nobody_defines_is_a_fault() -> None:
    assert codes(add(x={"from_parameter": "nir"}, y=1)) == [("ProcessGraphInvalid", "a")]
    assert codes(add(x={"from_parameter": "nir"}, y=1), "nir") == []


def callback(**arguments: Any) -> dict[str, Any]:
    inner = {"process_graph": {"i": {"process_id": "add", "arguments": arguments, "result": True}}}
    data = {"from_parameter": "cube"}
    return {"a": {"process_id": "apply", "arguments": {"data": data, "process": inner}, "result": True}}


def test_a_callback_sees_what_its_process_gives_it() -> None:
    assert codes(callback(x={"from_parameter": "x"}, y=1), "cube") == []


def test_a_callback_sees_the_parameters_around_it() -> None:
    assert codes(callback(x={"from_parameter": "x"}, y={"from_parameter": "offset"}), "cube", "offset") == []


def test_a_fault_in_a_callback_names_the_way_to_it() -> None:
    assert codes(callback(x={"from_parameter": "data"}, y=1), "cube") == [("ProcessGraphInvalid", "a/i")]


def test_a_process_graph_where_a_number_is_expected_is_a_fault() -> None:
    inner = {"process_graph": {"i": {"process_id": "pi", "arguments": {}, "result": True}}}
    assert codes(add(x=inner, y=1)) == [("ProcessParameterInvalid", "a")]


def test_faults_of_many_nodes_come_together() -> None:
    graph = {
        "a": {"process_id": "nope", "arguments": {}},
        "b": {"process_id": "add", "arguments": {"x": "s", "y": "t"}, "result": True},
    }
    assert [fault.node for fault in found(graph)] == ["a", "b", "b"]


@pytest.mark.parametrize(
    ("value", "schema", "fits"),
    [
        (1, {"type": "number"}, True),
        (True, {"type": "number"}, False),
        (None, {"type": ["number", "null"]}, True),
        ("a", [{"type": "number"}, {"type": "string"}], True),
        ([], {"type": "array", "minItems": 1}, False),
        ({"west": 1}, {"type": "object", "required": ["west", "east"]}, False),
    ],
)
def test_a_value_fits_a_schema_or_the_reason_is_told(value: Any, schema: Any, fits: bool) -> None:
    assert (mismatch(value, schema) is None) is fits
