"""run_ogcapi on the back-end's own process, and run_ogcapi_externally against a server of the test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.outside import Outside, graph, item, pixels
from unit.egress.canary import reply, serving

from openeo_plugin.errors import OpenEOError
from openeo_plugin.ogcapi.resources import PROCESS_ID
from openeo_plugin.processes import ogcapi
from openeo_plugin.processes.ogcapi import OWN_PROCESS


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    with serving() as server:
        yield Outside(server, tmp_path)


def add(x: Any, y: Any) -> dict[str, Any]:
    return {"process_graph": {"a": {"process_id": "add", "arguments": {"x": x, "y": y}, "result": True}}}


def error_of(outside: Outside, process_id: str, **arguments: Any) -> OpenEOError:
    with pytest.raises(OpenEOError) as raised:
        outside.plan(process_id, **arguments)
    return raised.value


def test_the_own_process_is_the_one_that_the_ogc_api_offers() -> None:
    assert OWN_PROCESS == PROCESS_ID


def test_the_process_may_be_given_as_data(outside: Outside) -> None:
    assert outside.plan("run_ogcapi", data=add(1, 2), id="OpenEO").value == 3


def test_the_process_may_be_given_as_input_and_refer_to_the_data(outside: Outside) -> None:
    process = add({"from_parameter": "data"}, 1)
    assert outside.plan("run_ogcapi", data=4, id="OpenEO", context={"process": process}).value == 5


def test_a_cube_goes_in_and_comes_out(outside: Outside) -> None:
    outside.publish_tif("/a.tif", 6)
    url = outside.publish("/i.json", item("i", assets={"B": "a.tif"}))
    rename = {"process_id": "drop_dimension", "arguments": {"data": {"from_parameter": "data"}, "name": "t"}}
    nodes = graph("run_ogcapi", data={"from_node": "load"}, id="OpenEO")["process_graph"]
    nodes["it"]["arguments"]["context"] = {"process": {"process_graph": {"d": {**rename, "result": True}}}}
    nodes["load"] = {"process_id": "load_stac", "arguments": {"url": url}}
    plan = outside.driver.plan({"process_graph": nodes}, "ada")
    assert plan.description is not None
    assert plan.description.names == ("bands", "y", "x")
    assert (pixels(plan) == 6).all()


def test_a_process_that_is_not_offered_is_unknown(outside: Outside) -> None:
    assert error_of(outside, "run_ogcapi", data=add(1, 2), id="openeo").code == "InvalidOgcApiProcess"
    assert outside.faults("run_ogcapi", data=add(1, 2), id="hello") == ["InvalidOgcApiProcess"]


@pytest.mark.parametrize("data", [1, None, [], {"process": 1}])
def test_data_without_a_process_is_refused(data: Any, outside: Outside) -> None:
    assert error_of(outside, "run_ogcapi", data=data, id="OpenEO").code == "ProcessParameterInvalid"


def test_an_input_that_the_process_lacks_is_refused(outside: Outside) -> None:
    error = error_of(outside, "run_ogcapi", data=add(1, 2), id="OpenEO", context={"budget": 1})
    assert "budget" in error.message


def test_a_fault_in_the_inner_process_names_its_node(outside: Outside) -> None:
    assert error_of(outside, "run_ogcapi", data=add("a", 2), id="OpenEO").node == "it/a"


def serve(outside: Outside, inputs: dict[str, Any], answer: Any = None) -> None:
    def execution(handler: Any) -> None:
        given = json.loads(outside.server.bodies[-1])["inputs"]
        reply(handler, json.dumps({"given": given} if answer is None else answer).encode())

    outside.publish("/oapi/processes/buffer", {"id": "buffer", "inputs": inputs})
    outside.server.answers["/oapi/processes/buffer/execution"] = execution


def external(outside: Outside, data: Any, **context: Any) -> Any:
    return outside.plan(
        "run_ogcapi_externally", data=data, url=outside.url("/oapi/"), id="buffer", context=context
    ).value


def test_data_becomes_the_input_of_that_name(outside: Outside) -> None:
    serve(outside, {"data": {}, "other": {}})
    assert external(outside, [1], other=2) == {"given": {"data": [1], "other": 2}}


def test_data_becomes_the_one_input_that_is_lacking(outside: Outside) -> None:
    serve(outside, {"geometry": {"minOccurs": 1}, "distance": {}, "title": {"minOccurs": 0}})
    assert external(outside, "POINT (1 2)", distance=3) == {"given": {"geometry": "POINT (1 2)", "distance": 3}}


def test_data_for_several_inputs_is_refused(outside: Outside) -> None:
    serve(outside, {"a": {}, "b": {}})
    error = error_of(outside, "run_ogcapi_externally", data=1, url=outside.url("/oapi"), id="buffer")
    assert "a, b" in error.message


@pytest.mark.parametrize("answer", [3, [1, None], "text", {"a": {"b": 1}}, False])
def test_what_the_process_gives_comes_back_as_it_is(answer: Any, outside: Outside) -> None:
    serve(outside, {}, answer)
    assert external(outside, 1) == answer


def test_a_process_elsewhere_that_is_not_there_is_unknown(outside: Outside) -> None:
    error = error_of(outside, "run_ogcapi_externally", data=1, url=outside.url("/oapi"), id="../x")
    assert error.code == "InvalidOgcApiProcess"
    assert outside.server.hits == ["/oapi/processes/..%2Fx"]


def test_nothing_is_run_when_a_graph_is_only_checked(outside: Outside) -> None:
    serve(outside, {})
    nodes = graph("run_ogcapi_externally", data=1, url=outside.url("/oapi"), id="buffer")["process_graph"]
    nodes["after"] = {"process_id": "add", "arguments": {"x": {"from_node": "it"}, "y": 1}, "result": True}
    nodes["it"]["result"] = False
    assert outside.driver.validate({"process_graph": nodes}, "ada") == []
    assert outside.server.hits == ["/oapi/processes/buffer"]


def test_an_asynchronous_process_is_waited_for(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ogcapi, "POLL_S", 0.01)
    serve(outside, {})
    states = iter(["accepted", "running", "successful"])
    outside.server.answers["/oapi/processes/buffer/execution"] = lambda handler: reply(
        handler, b"{}", status=201, Location="/oapi/jobs/7"
    )
    outside.server.answers["/oapi/jobs/7"] = lambda handler: reply(
        handler, json.dumps({"status": next(states)}).encode()
    )
    outside.publish("/oapi/jobs/7/results", {"area": 4})
    assert external(outside, 1) == {"area": 4}


def test_a_job_elsewhere_that_fails_is_an_error(outside: Outside) -> None:
    serve(outside, {})
    outside.server.answers["/oapi/processes/buffer/execution"] = lambda handler: reply(
        handler, b"{}", status=201, Location="/oapi/jobs/7"
    )
    outside.publish("/oapi/jobs/7", {"status": "failed"})
    error = error_of(outside, "run_ogcapi_externally", data=1, url=outside.url("/oapi"), id="buffer")
    assert "failed" in error.message


def test_a_job_must_not_lead_to_a_private_address(outside: Outside) -> None:
    serve(outside, {})
    outside.server.answers["/oapi/processes/buffer/execution"] = lambda handler: reply(
        handler, b"{}", status=201, Location="http://169.254.169.254/latest"
    )
    error = error_of(outside, "run_ogcapi_externally", data=1, url=outside.url("/oapi"), id="buffer")
    assert "private" in error.message


def test_only_json_is_sent(outside: Outside) -> None:
    error = error_of(outside, "run_ogcapi_externally", data=add(1, 2), url=outside.url("/oapi"), id="buffer")
    assert error.code == "ProcessParameterInvalid"
    assert outside.server.hits == []
