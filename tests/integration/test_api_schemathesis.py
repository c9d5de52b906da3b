"""Requests made up from the official description, one by one and in chains, against a server on a real port.

The description is cut down to the endpoints that the server lists. Whatever is sent, no answer may be a server error,
and each must have a status and a body that the description allows. The examples are the same in every run.
"""

from __future__ import annotations

import copy
import json
import socket
import threading
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

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
CHAINS = 25
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
CREATED = {"/jobs": ("job_id", "/jobs/{job_id}"), "/services": ("service_id", "/services/{service_id}")}


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
def schema(server):
    """The official description of what the server lists."""
    if not DOCUMENT.exists():
        pytest.skip(f"{DOCUMENT} is missing: set OPENEO_SHARED to the folder with spec/api/openapi-1.3.0.yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(DOCUMENT.read_text(encoding="utf-8"), Loader=loader)
    listed = {entry["path"]: entry["methods"] for entry in requests.get(server[0], timeout=30).json()["endpoints"]}
    return schemathesis.openapi.from_dict(_cut(document, {"/": ["GET"], **listed}))


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
    for path, (variable, single) in CREATED.items():
        responses = kept[path]["post"]["responses"]["201"]
        followers = [
            operation["operationId"]
            for other, operations in kept.items()
            if other.startswith(single)
            for name, operation in operations.items()
            if name != "parameters"
        ]
        responses["links"] = {
            follower: {
                "operationId": follower,
                "parameters": {f"path.{variable}": "$response.header.OpenEO-Identifier"},
            }
            for follower in followers
        }
    return {**document, "paths": kept, "servers": [{"url": "/"}]}


def _answer(case: Any, server: tuple[str, str]) -> Any:
    """Send a case and hold the answer against the description."""
    base, token = server
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer basic//{token}"}
    response = case.call(base_url=base, timeout=60)
    assert response.status_code < 500 or response.json()["code"] == "FeatureUnsupported", response.text
    path = urlsplit(response.request.url).path.removeprefix(urlsplit(base).path) or "/"
    if response.status_code < 400 or official().template(path) is not None:
        headers = CaseInsensitiveDict({name: values[0] for name, values in response.headers.items()})
        official().check(case.method, path, response.status_code, headers, response.content)
    return response


def test_answers_to_single_requests_are_documented(schema, server):
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


def test_answers_in_chains_of_requests_are_documented(schema, server):
    statuses: dict[str, set[int]] = {}

    class Chains(schema.as_state_machine()):  # type: ignore[misc]
        """Creates, then uses what was created."""

        def call(self, case: Any, **options: Any) -> Any:
            response = _answer(case, server)
            statuses.setdefault(case.operation.label, set()).add(response.status_code)
            return response

        def validate_response(self, response: Any, case: Any, **options: Any) -> None:
            """Done when it came."""

    Chains.TestCase.settings = settings(QUIET, max_examples=CHAINS, stateful_step_count=8)
    Chains.TestCase().runTest()

    for label in ("GET /jobs/{job_id}", "POST /jobs/{job_id}/results", "GET /services/{service_id}"):
        assert any(status < 300 for status in statuses.get(label, ())), (
            label,
            json.dumps({k: sorted(v) for k, v in statuses.items()}),
        )
