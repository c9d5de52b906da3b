"""The official cases, each posted as a graph of one node to `POST /result` of a running server.

All cases count that JSON can express: no cube, no labelled array, no NaN or infinity in arguments or result.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from conformance import official
from conformance.compare import difference
from conformance.defective import DEFECTIVE
from conformance.runner import Case, Outcome, cases, renamed

from config.settings import load_settings
from openeo_plugin.app import create_app
from openeo_plugin.backend import open_backend
from openeo_plugin.processes.registry import predefined

USER, PASSWORD = "ann", "correct horse battery"
AT_LEAST = 561
BEYOND_JSON = ("datacube", "labeled-array")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client that has signed in at a server without collections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = load_settings(data_dir=tmp_path_factory.mktemp("cases") / "data", port=port, embedded_worker=False)
    _add_user(settings)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        _wait_until_started(server)
        with httpx.Client(base_url=f"{settings.public_base}/openeo/v1", timeout=60, trust_env=False) as found:
            answer = found.get("/credentials/basic", auth=(USER, PASSWORD))
            found.headers["Authorization"] = f"Bearer basic//{answer.json()['access_token']}"
            yield found
    finally:
        server.should_exit = True
        thread.join(30)


def _add_user(settings: Any) -> None:
    backend = open_backend(settings)
    backend.auth.basic.add_user(USER, PASSWORD)
    backend.database.dispose()


def _wait_until_started(server: uvicorn.Server) -> None:
    deadline = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start within 30 s"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def outcomes(client: httpx.Client) -> list[Outcome]:
    """How every case went that JSON can express."""
    official.require()
    found = [case for name in sorted(official.definitions()) for case in cases(name) if is_json(case)]
    return [posted(case, client) for case in found]


def is_json(case: Case) -> bool:
    """Whether JSON can express the arguments and the result of a case."""
    try:
        return all(_plain(official.resolved(case.spec.get(part))) for part in ("arguments", "returns"))
    except FileNotFoundError:
        return False


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("type") not in BEYOND_JSON and all(_plain(v) for v in value.values())
    if isinstance(value, list):
        return not _elements(value) and all(_plain(v) for v in value)
    return not isinstance(value, float) or math.isfinite(value)


def _elements(value: list[Any]) -> bool:
    """Whether a list is the inside of a labelled array, from which a case leaves out the words around it."""
    return bool(value) and all(isinstance(v, dict) and set(v) == {"key", "value"} for v in value)


def as_json(value: Any) -> Any:
    """An argument as it is sent: no-data is null, a date is text, a process graph stays what it is."""
    if isinstance(value, list):
        return [as_json(v) for v in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") in ("nodata", "datetime"):
        return value.get("value")
    return {k: as_json(v) for k, v in value.items()}


def posted(case: Case, client: httpx.Client) -> Outcome:
    """Post one node and compare the answer."""
    arguments = renamed(as_json(official.resolved(case.spec["arguments"])))
    graph = {"case": {"process_id": case.process, "arguments": arguments, "result": True}}
    answer = client.post("/result", json={"process": {"process_graph": graph}})
    body = answer.json()
    throws = case.spec.get("throws")
    if answer.status_code != 200:
        right = 400 <= answer.status_code < 500 and throws in (True, body["code"])
        return Outcome(case, None if right else f"expected {throws}, found {answer.status_code} {body}")
    if "returns" not in case.spec:
        return Outcome(case, f"expected the error {throws}, found {answer.text[:200]}")
    return Outcome(case, difference(official.resolved(case.spec["returns"]), body))


@pytest.mark.parametrize("process_id", sorted(predefined()))
def test_the_cases_of_a_process_pass_through_the_server(process_id: str, outcomes: list[Outcome]) -> None:
    own = [outcome for outcome in outcomes if outcome.case.process == process_id]
    failed = {o.case.id: o.why for o in own if o.why is not None and o.case.id not in DEFECTIVE}
    assert not failed, "\n".join(f"{key}: {why}" for key, why in failed.items())


def test_no_fewer_cases_pass_through_the_server_than_json_can_express(
    outcomes: list[Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    passed = [outcome for outcome in outcomes if outcome.why is None]
    with capsys.disabled():
        print(f"\n{len(passed)} of {len(outcomes)} official cases passed through POST /result")
    assert len(passed) >= AT_LEAST


def test_values_that_json_lacks_are_told_from_those_that_it_has() -> None:
    assert _plain({"x": [1, None, {"type": "nodata"}, {"type": "datetime", "value": "2020-01-01"}]})
    assert not _plain({"x": [[math.nan]]})
    assert not _plain({"x": math.inf})
    assert not _plain({"data": {"type": "datacube"}})
    assert not _plain([{"key": "B01", "value": 1}])


def test_no_data_is_sent_as_null() -> None:
    assert as_json({"data": [1, {"type": "nodata"}]}) == {"data": [1, None]}
