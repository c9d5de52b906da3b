"""User-defined processes that grow without end, or faster than anybody can wait for, are refused at once."""

from __future__ import annotations

import time
from typing import Any

import pytest

from openeo_plugin.driver.expansion import MAX_CALLS_DEEP, check_expansion
from openeo_plugin.driver.lookup import Lookup
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.parse import GraphLimits, parse

LIMITS = GraphLimits(nodes=100)


def call(name: str, result: bool = False, **arguments: Any) -> dict[str, Any]:
    return {"process_id": name, "arguments": arguments, "result": result}


def udp(name: str, **nodes: Any) -> dict[str, Any]:
    return {"id": name, "process_graph": nodes}


def check(graph: dict[str, Any], *processes: dict[str, Any], limits: GraphLimits = LIMITS) -> None:
    stored = {process["id"]: process for process in processes}
    check_expansion(parse(graph), Lookup(stored.get), limits)


def refused(graph: dict[str, Any], *processes: dict[str, Any], limits: GraphLimits = LIMITS) -> OpenEOError:
    began = time.monotonic()
    with pytest.raises(OpenEOError) as raised:
        check(graph, *processes, limits=limits)
    assert raised.value.code == "ProcessGraphComplexity"
    assert time.monotonic() - began < 1
    return raised.value


def test_a_process_that_calls_itself_is_refused() -> None:
    error = refused({"a": call("loop", True)}, udp("loop", x=call("loop", True)))
    assert "loop -> loop" in error.message
    assert error.node == "a"


def test_processes_that_call_each_other_are_refused() -> None:
    assert (
        "one -> two -> one"
        in refused({"a": call("one", True)}, udp("one", x=call("two", True)), udp("two", x=call("one", True))).message
    )


def test_a_process_that_calls_itself_in_a_callback_is_refused() -> None:
    inner = {"process_graph": {"y": call("loop", True)}}
    refused({"a": call("loop", True)}, udp("loop", x=call("apply", True, data=1, process=inner)))


def test_doubling_thirty_times_is_refused_in_no_time() -> None:
    processes = [udp(f"d{n}", x=call(f"d{n + 1}"), y=call(f"d{n + 1}", True)) for n in range(30)]
    refused({"a": call("d0", True)}, *processes, udp("d30", x=call("pi", True)))


def test_as_many_nodes_as_allowed_are_allowed_and_one_more_is_not() -> None:
    ten = udp("ten", **{f"n{i}": call("pi", i == 9) for i in range(10)})  # a call of it counts 1 + 10
    nine = {f"c{i}": call("ten", i == 8) for i in range(9)}
    check({**nine, "last": call("pi")}, ten)
    assert refused({**nine, "last": call("pi"), "more": call("pi")}, ten).node == "more"


def test_one_level_more_than_allowed_is_refused() -> None:
    chain = [udp(f"c{n}", x=call(f"c{n + 1}", True)) for n in range(MAX_CALLS_DEEP)]
    end = udp(f"c{MAX_CALLS_DEEP}", x=call("pi", True))
    check({"a": call("c1", True)}, *chain, end)
    assert "levels deep" in refused({"a": call("c0", True)}, *chain, end).message


def test_a_shared_process_is_no_recursion() -> None:
    check({"a": call("one"), "b": call("two", True)}, udp("one", x=call("two", True)), udp("two", x=call("pi", True)))


def test_a_process_that_is_called_like_a_predefined_one_calls_that() -> None:
    check({"a": call("add", True, x=1, y=2)}, udp("add", x=call("add", True)))
