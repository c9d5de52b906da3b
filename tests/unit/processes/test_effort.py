"""Values of a graph are not worked out for longer than they may, and batch jobs may for as long as they like."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from openeo_plugin.driver.compile import CompileEnvironment, Compiler
from openeo_plugin.driver.lookup import Lookup
from openeo_plugin.engine.operator import Canceled
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.parse import GraphLimits
from openeo_plugin.processes.effort import unlimited, watched
from openeo_plugin.results.synchronous import deadline


def nested(levels: int) -> dict[str, Any]:
    """8 to the power of `levels` additions."""
    graph: dict[str, Any] = {"process_id": "add", "arguments": {"x": 1, "y": 1}, "result": True}
    for _ in range(levels):
        arguments = {"data": [*range(8)], "process": {"process_graph": {"inner": graph}}}
        graph = {"process_id": "array_apply", "arguments": arguments, "result": True}
    return {"process_graph": {"outer": graph}}


def compiler(limit_s: float) -> Compiler:
    def load(identifier: str) -> dict[str, Any]:
        raise OpenEOError("CollectionNotFound", identifier=identifier)

    environment = CompileEnvironment("", load, lambda *_: [])
    return Compiler(Lookup(lambda _: None), environment, GraphLimits(), limit_s)


def test_values_that_take_years_are_refused_with_their_node() -> None:
    with pytest.raises(OpenEOError, match="take longer") as refused:
        compiler(0.2).plan(nested(18), {})
    assert refused.value.code == "ProcessGraphComplexity"
    assert (refused.value.node or "").startswith("outer/inner")


def test_values_that_take_long_are_not_checked_to_the_end() -> None:
    assert compiler(0.2).faults(nested(18)) == []


def test_a_graph_that_takes_a_moment_is_worked_out() -> None:
    assert compiler(30).plan(nested(2), {}).value == [[2] * 8] * 8


def test_batch_jobs_have_a_limit_of_their_own() -> None:
    with unlimited():
        assert compiler(0).plan(nested(2), {}).value == [[2] * 8] * 8


def test_a_client_that_leaves_ends_what_is_worked_out_for_it() -> None:
    gone = threading.Event()
    threading.Timer(0.2, gone.set).start()

    def watch() -> None:
        if gone.is_set():
            raise Canceled

    with pytest.raises(Canceled), watched(watch):
        compiler(60).plan(nested(18), {})


def test_synchronous_processing_ends_at_its_deadline_before_a_pixel_is_read() -> None:
    start = time.monotonic()
    with pytest.raises(OpenEOError) as late, deadline(0.3):
        compiler(60).plan(nested(18), {})
    assert late.value.code == "RequestTimeout"
    assert time.monotonic() - start < 5
