"""What is wrong gets the official error, names the node, and leaves the server serving."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

COLLECTION = "sentinel-2-l2a-synthetic"
TIMEOUT_S = 60
POLL_S = 0.05

Graph = dict[str, Any]


def node(process_id: str, *, result: bool = False, **arguments: Any) -> Graph:
    return {"process_id": process_id, "arguments": arguments} | ({"result": True} if result else {})


def load(*, result: bool = False, collection: str = COLLECTION, **arguments: Any) -> Graph:
    return node(
        "load_collection",
        result=result,
        **{"id": collection, "spatial_extent": None, "temporal_extent": None, **arguments},
    )


def callback(process_id: str) -> Graph:
    return {"process_graph": {"inner": node(process_id, data={"from_parameter": "data"}, result=True)}}


LOADED = {"from_node": "load"}
NOWHERE = {"west": 0, "south": 1, "east": 1, "north": 2}
EMPTY = {"west": 11.3, "south": 46.5, "east": 11.3, "north": 46.6}

# graph, official code, node at fault
FAULTS: dict[str, tuple[Graph, str, str]] = {
    "unknown process": (
        {"load": load(), "green": node("ndvii", data=LOADED, result=True)},
        "ProcessUnsupported",
        "green",
    ),
    "unknown process in a callback": (
        {
            "load": load(),
            "r": node("reduce_dimension", data=LOADED, dimension="t", reducer=callback("meen"), result=True),
        },
        "ProcessUnsupported",
        "r/inner",
    ),
    "unknown parameter": ({"a": node("add", x=1, y=2, z=3, result=True)}, "ProcessParameterUnsupported", "a"),
    "missing argument": ({"a": node("add", x=1, result=True)}, "ProcessParameterRequired", "a"),
    "wrong type": ({"a": node("add", x="one", y=1, result=True)}, "ProcessParameterInvalid", "a"),
    "unknown collection": ({"load": load(collection="nothing", result=True)}, "CollectionNotFound", "load"),
    "unknown band": ({"load": load(bands=["B99"], result=True)}, "ProcessParameterInvalid", "load"),
    "unknown dimension": (
        {
            "load": load(),
            "r": node("reduce_dimension", data=LOADED, dimension="z", reducer=callback("mean"), result=True),
        },
        "DimensionNotAvailable",
        "r",
    ),
    "cyclic graph": (
        {"a": node("add", x={"from_node": "b"}, y=1, result=True), "b": node("add", x={"from_node": "a"}, y=1)},
        "ProcessGraphInvalid",
        "a",
    ),
    "unknown node": ({"a": node("add", x={"from_node": "gone"}, y=1, result=True)}, "ProcessGraphInvalid", "a"),
    "two result nodes": (
        {"a": node("add", x=1, y=1, result=True), "b": node("add", x=1, y=1, result=True)},
        "ProcessGraphInvalid",
        "b",
    ),
    "empty temporal extent": (
        {"load": load(temporal_extent=["2022-06-02", "2022-06-02"], result=True)},
        "TemporalExtentEmpty",
        "load",
    ),
    "end before start": (
        {"load": load(temporal_extent=["2022-07-01", "2022-06-01"], result=True)},
        "TemporalExtentEmpty",
        "load",
    ),
    "dates without data": (
        {"load": load(temporal_extent=["1990-01-01", "1991-01-01"], result=True)},
        "NoDataAvailable",
        "load",
    ),
    "empty spatial extent": ({"load": load(spatial_extent=EMPTY, result=True)}, "ProcessParameterInvalid", "load"),
    "place without data": ({"load": load(spatial_extent=NOWHERE, result=True)}, "NoDataAvailable", "load"),
    "unknown format": (
        {"load": load(), "save": node("save_result", data=LOADED, format="GTFF", result=True)},
        "ProcessParameterInvalid",
        "save",
    ),
}


@pytest.fixture
def post(server, connection):
    """POST to the API as the user; the server must still serve afterwards."""
    headers = {"Authorization": f"Bearer {connection.auth.bearer}", "Content-Type": "application/json"}

    def send(path: str, **body: Any) -> requests.Response:
        return requests.post(server.api + path, headers=headers, timeout=TIMEOUT_S, **body)

    yield send
    assert server.is_serving()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_graph_is_refused_with_the_official_code_at_its_node(post, fault):
    graph, code, at = FAULTS[fault]
    validation = post("/validation", json={"process_graph": graph})
    result = post("/result", json={"process": {"process_graph": graph}})

    assert validation.status_code == 200
    assert (code, f"Node '{at}'") in [(e["code"], e["message"].split(":")[0]) for e in validation.json()["errors"]]
    assert 400 <= result.status_code < 500
    assert result.json()["code"] == code
    assert result.json()["message"].startswith(f"Node '{at}': ")


@pytest.mark.parametrize(
    "graph",
    [
        {"load": load(), "a": node("oops", data=LOADED), "b": node("add", x="one", y=1, result=True)},
        {"a": load(bands=["B99"]), "b": load(collection="nothing"), "c": load(result=True)},
    ],
    ids=["form", "data"],
)
def test_every_fault_of_a_graph_is_reported_at_once(post, graph):
    errors = post("/validation", json={"process_graph": graph}).json()["errors"]

    assert sorted(error["message"].split(":")[0] for error in errors) == ["Node 'a'", "Node 'b'"]


@pytest.mark.parametrize("path", ["/validation", "/result", "/jobs", "/services"])
@pytest.mark.parametrize("body", ['{"process": {"process_gr', "[1, 2", "", "null", "\xff"])
def test_a_truncated_body_is_refused(post, path, body):
    answer = post(path, data=body.encode("latin-1"))

    assert answer.status_code == 400
    assert set(answer.json()) >= {"id", "code", "message", "links"}


def test_a_condition_that_no_scene_meets_is_told_from_an_extent_without_data(post):
    never = {"process_graph": {"never": node("lt", x={"from_parameter": "value"}, y=-1, result=True)}}
    graph = {"load": load(properties={"eo:cloud_cover": never}, result=True)}
    (error,) = post("/validation", json={"process_graph": graph}).json()["errors"]

    assert error["code"] == "NoDataAvailable"
    assert "the given `properties`" in error["message"]


def test_a_job_with_a_faulty_graph_is_refused_when_it_is_created(post, connection):
    before = [job["id"] for job in connection.list_jobs()]
    answer = post("/jobs", json={"process": {"process_graph": {"load": load(bands=["B99"], result=True)}}})

    assert (answer.status_code, answer.json()["code"]) == (400, "ProcessParameterInvalid")
    assert answer.json()["message"].startswith("Node 'load': ")
    assert [job["id"] for job in connection.list_jobs()] == before


def test_a_damaged_file_is_an_error_that_names_file_and_node(post):
    graph = {"load": load(collection="damaged", bands=["B08"], result=True)}
    answer = post("/result", json={"process": {"process_graph": graph}})

    assert answer.status_code == 500
    assert answer.json()["code"] == "SourceUnreadable"
    assert answer.json()["message"].startswith("Node 'load': ")
    assert "B08.tif" in answer.json()["message"]


def test_the_message_of_a_damaged_file_does_not_tell_where_it_lies(post, damaged_folder):
    graph = {"load": load(collection="damaged", bands=["B08"], result=True)}
    answer = post("/result", json={"process": {"process_graph": graph}})

    assert str(damaged_folder) not in answer.text


def test_the_undamaged_bands_of_a_collection_with_a_damaged_file_are_read(post):
    graph = {
        "load": load(collection="damaged", bands=["B04"]),
        "r": node("reduce_dimension", data=LOADED, dimension="t", reducer=callback("max")),
        "save": node("save_result", data={"from_node": "r"}, format="PNG", result=True),
    }
    assert post("/result", json={"process": {"process_graph": graph}}).status_code == 200


def test_a_job_on_a_damaged_file_ends_as_an_error_and_the_next_job_runs(post, connection):
    damaged = connection.create_job({"load": load(collection="damaged", bands=["B08"], result=True)})
    damaged.start()
    assert wait(damaged) == "error"
    messages = [entry.message for entry in damaged.logs(level="error")]
    assert any("Node 'load'" in message and "B08.tif" in message for message in messages), messages

    whole = connection.create_job({"load": load(collection="damaged", bands=["B04"], result=True)})
    whole.start()
    assert wait(whole) == "finished"


def test_a_cancelled_job_has_no_results_and_the_next_job_runs(post, connection, server):
    """The standard sets a job back to `created` when there is nothing to download."""
    chain = {"n0": node("sin", x={"from_parameter": "x"})}
    chain |= {f"n{i}": node("sin", x={"from_node": f"n{i - 1}"}) for i in range(1, 2000)}
    chain["n1999"]["result"] = True
    graph = {"load": load(), "a": node("apply", data=LOADED, process={"process_graph": chain}, result=True)}
    job = connection.create_job(graph)
    job.start()
    while job.status() == "queued":
        time.sleep(POLL_S)
    assert job.status() == "running"
    job.stop()

    assert job.status() == "created"
    results = requests.get(
        f"{server.api}/jobs/{job.job_id}/results",
        headers={"Authorization": f"Bearer {connection.auth.bearer}"},
        timeout=TIMEOUT_S,
    )
    assert (results.status_code, results.json()["code"]) == (400, "JobNotFinished")
    assert not list((server.data_dir / "results" / job.job_id).glob("**/*.tif"))

    following = connection.create_job({"load": load(bands=["B04"], result=True)})
    following.start()
    assert wait(following) == "finished"
    assert job.status() == "created"


def test_a_foreign_or_unknown_job_is_not_found(post, server, connection):
    answer = requests.get(
        f"{server.api}/jobs/0123456789abcdef",
        headers={"Authorization": f"Bearer {connection.auth.bearer}"},
        timeout=TIMEOUT_S,
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "JobNotFound")


def wait(job) -> str:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        status = job.status()
        if status not in ("queued", "running"):
            return str(status)
        time.sleep(POLL_S)
    raise AssertionError(f"the job is still {status} after {TIMEOUT_S} s")
