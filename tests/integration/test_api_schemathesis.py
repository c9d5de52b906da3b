"""Requests made up from the official description, one by one and in chains, against a server on a real port.

The description is cut down to the endpoints that the server lists. Whatever is sent, no answer may be a server error,
and each must have a status and a body that the description allows. The examples are the same in every run.
"""

from __future__ import annotations

import copy
import socket
import threading
import time
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
import rasterio
import requests
import schemathesis
import uvicorn
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from openapi import DOCUMENT, official
from rasterio.transform import from_origin
from requests.structures import CaseInsensitiveDict
from schemathesis import GenerationMode

from config.settings import load_settings
from openeo_plugin.app import create_app
from openeo_plugin.backend import open_backend
from openeo_plugin.sources.importing import import_folder

EXAMPLES = 12
CHAINS = 15
QUIET = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
VALID = {
    "process_graph": {
        "load": {
            "process_id": "load_collection",
            "arguments": {"id": "TINY", "spatial_extent": None, "temporal_extent": None},
            "result": True,
        }
    }
}
# Where the description leaves no way to a valid body but luck: which property is to hold a valid process ("" for the
# body itself), and what else such a body needs.
BODIES: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("/jobs", "post"): ("process", {"title": "A"}),
    ("/jobs/{job_id}", "patch"): ("process", {"title": "B"}),
    ("/result", "post"): ("process", {}),
    ("/services", "post"): ("process", {"type": "xyz"}),
    ("/services/{service_id}", "patch"): ("process", {"enabled": False}),
    ("/validation", "post"): ("", {}),
    ("/process_graphs/{process_graph_id}", "put"): ("", {"summary": "C"}),
}
# Which operation tells the id of what: what else is asked of it, in any order, follows by links.
IDENTIFIER = "$response.header.OpenEO-Identifier"
MAKES: dict[tuple[str, str, str], tuple[str, str]] = {
    ("/jobs", "post", "201"): ("job_id", IDENTIFIER),
    ("/services", "post", "201"): ("service_id", IDENTIFIER),
    ("/process_graphs/{process_graph_id}", "put", "200"): ("process_graph_id", "$request.path.process_graph_id"),
    ("/collections", "get", "200"): ("collection_id", "$response.body#/collections/0/id"),
}
# of an operation that follows: what it may answer instead, since no job of the chains is ever run
ALSO = {"GET /jobs/{job_id}/results": {400}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address of a server, and a token."""
    folder = tmp_path_factory.mktemp("schemathesis")
    (folder / "TINY").mkdir()
    place = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_000_000, 10, 10)}
    profile = {"driver": "GTiff", "width": 4, "height": 3, "count": 1, "dtype": "uint16", "nodata": 0}
    with rasterio.open(folder / "TINY" / "TINY_20200601.tif", "w", **profile, **place) as file:
        file.write(np.arange(1, 13, dtype="uint16").reshape(1, 3, 4))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = load_settings(data_dir=folder / "data", port=port, threads=2, sync_timeout_s=5)
    backend = open_backend(options)
    for imported in import_folder(folder / "TINY"):
        backend.collections.put(imported.document, imported.items)
    backend.auth.basic.add_user("ann", "correct horse battery")
    running = uvicorn.Server(uvicorn.Config(create_app(options), port=port, log_level="critical"))
    thread = threading.Thread(target=running.run)
    thread.start()
    deadline = time.monotonic() + 30
    while not running.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running.started
    yield f"{options.public_base}/openeo/v1", backend.auth.basic.login("ann", "correct horse battery")
    running.should_exit = True
    thread.join(30)
    backend.database.dispose()


@pytest.fixture(scope="module")
def description(server):
    """The official description of what the server lists, with links."""
    if not DOCUMENT.exists():
        pytest.skip(f"{DOCUMENT} is missing: set OPENEO_SHARED to the folder with spec/api/openapi-1.3.0.yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(DOCUMENT.read_text(encoding="utf-8"), Loader=loader)
    listed = {entry["path"]: entry["methods"] for entry in requests.get(server[0], timeout=30).json()["endpoints"]}
    return _cut(document, {"/": ["GET"], **listed})


def _cut(document: dict[str, Any], listed: dict[str, list[str]]) -> dict[str, Any]:
    """The description of the listed endpoints, with valid bodies among the choices, and links from what is created."""
    kept: dict[str, Any] = {}
    for path, operations in document["paths"].items():
        known = {method.lower() for method in listed.get(path, [])} | {"parameters"}
        found = {name: copy.deepcopy(part) for name, part in operations.items() if name in known}
        if found.keys() - {"parameters"}:
            kept[path] = found
    for (path, method), (name, extra) in BODIES.items():
        content = kept[path][method]["requestBody"]["content"]["application/json"]
        body = {name: VALID, **extra} if name else {**VALID, **extra}
        content["schema"] = {"anyOf": [{"enum": [body]}, content["schema"]]}
        content.pop("examples", None)
    for (path, method, status), (variable, value) in MAKES.items():
        if path in kept and method in kept[path]:
            kept[path][method]["responses"][status]["links"] = {
                name: {"operationId": name, "parameters": {f"path.{variable}": value}}
                for name in _operations_with(kept, variable)
            }
    return {**document, "paths": kept, "servers": [{"url": "/"}]}


def _operations_with(paths: dict[str, Any], variable: str) -> list[str]:
    """Ids of the operations on what a variable of the path names."""
    return [
        operation["operationId"]
        for path, operations in paths.items()
        if f"{{{variable}}}" in path
        for method, operation in operations.items()
        if method != "parameters"
    ]


def _answer(case: Any, server: tuple[str, str]) -> Any:
    """Send a case and hold the answer against the description."""
    base, token = server
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer basic//{token}"}
    response = case.call(base_url=base, timeout=300)
    assert response.status_code < 500, response.text
    path = urlsplit(response.request.url).path.removeprefix(urlsplit(base).path) or "/"
    if response.status_code < 400 or official().template(path) is not None:
        headers = CaseInsensitiveDict({name: values[0] for name, values in response.headers.items()})
        official().check(case.method, path, response.status_code, headers, response.content)
    return response


def test_answers_to_single_requests_are_documented(description, server):
    schema = schemathesis.openapi.from_dict(description)
    answered: dict[str, set[int]] = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        statuses = answered.setdefault(operation.label, set())
        _send_many(operation, GenerationMode.POSITIVE, server, statuses)
        with suppress(Unsatisfiable):  # nothing can be wrong with a request without parameters and body
            _send_many(operation, GenerationMode.NEGATIVE, server, statuses)

    assert len(answered) > 30
    fruitless = {label for label, statuses in answered.items() if not any(status < 300 for status in statuses)}
    # these need the id of something that is there: the chains have it
    assert all("{" in label or "credentials" in label for label in fruitless), fruitless


def _send_many(operation: Any, mode: GenerationMode, server: tuple[str, str], statuses: set[int]) -> None:
    """Requests that follow the description, or that break it."""

    @QUIET
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        statuses.add(_answer(case, server).status_code)

    send()


@pytest.mark.parametrize("variable", sorted({variable for variable, _ in MAKES.values()}))
def test_what_was_made_answers_every_request_that_follows_by_a_link(description, server, variable):
    paths = {path: operations for path, operations in description["paths"].items() if path in _family(variable)}
    schema = schemathesis.openapi.from_dict({**description, "paths": paths})
    made: set[str] = set()
    followed: dict[str, set[int]] = {}

    class Chains(schema.as_state_machine()):  # type: ignore[misc]
        """Makes something, then asks all kinds of things of it."""

        def setup(self) -> None:
            """What one chain leaves behind must not be there for the next."""
            _remove_all(server)

        def call(self, case: Any, **options: Any) -> Any:
            response = _answer(case, server)
            id = (case.path_parameters or {}).get(variable)
            if id is not None and str(id) in made:
                followed.setdefault(case.operation.label, set()).add(response.status_code)
            made.update(_ids(case, response, variable))
            return response

        def validate_response(self, response: Any, case: Any, **options: Any) -> None:
            """Done when it came."""

    Chains.TestCase.settings = settings(QUIET, max_examples=CHAINS, stateful_step_count=12)
    Chains.TestCase().runTest()

    for path in paths:
        for method in description["paths"][path]:
            label = f"{method.upper()} {path}"
            if method != "parameters" and f"{{{variable}}}" in path:
                statuses = followed.get(label, set())
                assert any(status < 300 or status in ALSO.get(label, ()) for status in statuses), (label, followed)


def _remove_all(server: tuple[str, str]) -> None:
    base, token = server
    headers = {"Authorization": f"Bearer basic//{token}"}
    for path, key in (("jobs", "jobs"), ("services", "services"), ("process_graphs", "processes")):
        for one in requests.get(f"{base}/{path}", headers=headers, timeout=30).json()[key]:
            requests.delete(f"{base}/{path}/{quote(one['id'], safe='')}", headers=headers, timeout=30)


def _family(variable: str) -> set[str]:
    """The paths that make what a variable names, and those that need it."""
    makers = {path for (path, _, _), (made, _) in MAKES.items() if made == variable}
    return makers | {path for path in official().document["paths"] if f"{{{variable}}}" in path}


def _ids(case: Any, response: Any, variable: str) -> set[str]:
    """What the answer tells to be there."""
    if response.status_code >= 300:
        return set()
    if "openeo-identifier" in response.headers:
        return {response.headers["openeo-identifier"][0]}
    if case.operation.label == "GET /collections":
        return {one["id"] for one in response.json()["collections"]}
    return {str(case.path_parameters[variable])} if case.method == "PUT" else set()
