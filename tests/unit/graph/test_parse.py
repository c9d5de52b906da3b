"""From JSON to a process graph: order, references, and every fault of form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.parse import GraphLimits, parse, parse_all
from openeo_plugin.graph.process_graph import FromNode, FromParameter, ProcessGraph


def node(process_id: str = "add", *, result: bool = False, **arguments: Any) -> dict[str, Any]:
    return {"process_id": process_id, "arguments": arguments} | ({"result": True} if result else {})


def faults(graph: Any, limits: GraphLimits | None = None) -> list[tuple[str, str | None]]:
    return [(fault.code, fault.node) for fault in parse_all(graph, limits)[1]]


def test_a_node_stands_behind_those_it_refers_to() -> None:
    graph = {"last": node(x={"from_node": "first"}, y=1, result=True), "first": node(x=1, y=2)}
    assert list(parse(graph).nodes) == ["first", "last"]


def test_no_arguments_may_be_an_empty_array_as_the_r_client_writes_them() -> None:
    assert parse({"a": {"process_id": "pi", "arguments": [], "result": True}}).nodes["a"].arguments == {}


def test_references_are_found_at_any_depth() -> None:
    graph = {"a": node(x=1), "b": node(x=[{"deep": {"from_node": "a"}}], y={"from_parameter": "p"}, result=True)}
    arguments = parse(graph).nodes["b"].arguments
    assert arguments == {"x": [{"deep": FromNode("a")}], "y": FromParameter("p")}


def test_a_callback_is_a_graph_of_its_own() -> None:
    inner = {"process_graph": {"i": node(x={"from_parameter": "x"}, result=True)}}
    parsed = parse({"a": node("apply", process=inner, result=True)}).nodes["a"].arguments["process"]
    assert isinstance(parsed, ProcessGraph)
    assert parsed.result == "i"


@pytest.mark.parametrize("graph", [None, [], {}, "x", 3])
def test_what_is_no_graph_is_refused(graph: Any) -> None:
    assert faults(graph) == [("ProcessGraphInvalid", None)]


def test_a_cycle_names_every_node_in_it() -> None:
    graph = {"a": node(x={"from_node": "b"}), "b": node(x={"from_node": "a"}), "c": node(x=1, result=True)}
    assert faults(graph) == [("ProcessGraphInvalid", "a"), ("ProcessGraphInvalid", "b")]


def test_every_fault_of_form_is_reported_with_its_node() -> None:
    graph = {"a": {"arguments": {}}, "b": 3, "c": node(x={"from_node": "nowhere"}, result=True)}
    assert faults(graph) == [("ProcessGraphInvalid", "a"), ("ProcessGraphInvalid", "b"), ("ProcessGraphInvalid", "c")]


def test_a_fault_inside_a_callback_names_the_way_to_it() -> None:
    inner = {"process_graph": {"i": node(x={"from_node": "nowhere"}, result=True)}}
    assert faults({"a": node("apply", process=inner, result=True)}) == [("ProcessGraphInvalid", "a/i")]


def test_a_graph_without_result_is_refused() -> None:
    assert faults({"a": node(x=1)}) == [("ProcessGraphInvalid", None)]


def test_too_many_nodes_are_refused() -> None:
    graph = {str(i): node(x=1, result=i == 0) for i in range(11)}
    assert faults(graph, GraphLimits(nodes=10)) == [("ProcessGraphComplexity", None)]


def test_callbacks_nested_too_deep_are_refused() -> None:
    graph: dict[str, Any] = {"n": node(x=1, result=True)}
    for _ in range(4):
        graph = {"n": node("apply", process={"process_graph": graph}, result=True)}
    assert faults(graph, GraphLimits(callbacks=3))[0][0] == "ProcessGraphComplexity"


def test_arrays_nested_too_deep_are_refused() -> None:
    deep = json.loads("[" * 103 + "]" * 103)
    assert faults({"a": node(x=deep, result=True)}) == [("ProcessGraphComplexity", "a")]


def test_a_chain_of_ten_thousand_nodes_is_ordered() -> None:
    graph = {"0": node(x=1)} | {str(i): node(x={"from_node": str(i - 1)}) for i in range(1, 10_000)}
    graph["9999"]["result"] = True
    assert len(parse(graph).nodes) == 10_000


def test_parse_raises_the_first_fault() -> None:
    with pytest.raises(OpenEOError) as error:
        parse({"a": 1})
    assert error.value.code == "ProcessGraphInvalid"


def test_a_value_is_let_go_after_its_last_use() -> None:
    graph = {
        "a": node(x=1),
        "b": node(x={"from_node": "a"}),
        "c": node(x={"from_node": "a"}, y={"from_node": "b"}, result=True),
    }
    assert parse(graph).last_uses == {"c": ("a", "b")}
