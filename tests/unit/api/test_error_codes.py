"""Every official error code that can occur here does, with its status, by a request that provokes it."""

from __future__ import annotations

import errno
import json
from dataclasses import replace

import pytest
from fakes import graph
from openapi import SHARED
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from config.settings import load_settings
from openeo_plugin.api.application import create_api
from openeo_plugin.app import create_app_of
from openeo_plugin.driver.windowed import WindowedDriver
from services.registry import service_types

LAYER = {"type": "xyz", "process": graph("load_collection", id="SYNTHETIC")}
FILES = graph("save_result", files={"a.tif": ""})
PLANS = {"a": {"description": "A."}, "b": {"description": "B.", "paid": True, "price_per_core_hour": 3600}}

CAN_NOT_OCCUR = {
    "PermissionsInsufficient": "there are no roles: what is another user's is not found",
    "ServiceConfigRequired": "no service type has a parameter that must be given",
    "StorageQuotaExceeded": "user files come with their own work",
    "FileOperationUnsupported": "user files come with their own work",
    "FolderOperationUnsupported": "user files come with their own work",
    "FileTypeInvalid": "user files come with their own work",
    "FileSizeExceeded": "user files come with their own work",
    "FileContentInvalid": "user files come with their own work",
    "FileLocked": "user files come with their own work",
}


def _job(api, process=FILES, **fields):
    return "/jobs/" + api.post("/jobs", {"process": process, **fields}).headers["OpenEO-Identifier"]


def _with(api, **settings):
    backend = replace(api.backend, settings=load_settings(data_dir=api.backend.settings.data_dir, **settings))
    return replace(api, client=create_api(backend).test_client(), backend=backend)


def _real(api, **node):
    """The answer to a node, from the driver that computes."""
    backend = api.backend
    driver = WindowedDriver(backend.settings, backend.collections, backend.processes)
    client = create_api(replace(backend, driver=driver)).test_client()
    process = {"process_graph": {"n": {**node, "result": True}}}
    return replace(api, client=client, backend=backend).post("/result", {"process": process})


def _raising(error):
    def fail(*arguments, **options):
        raise error

    return fail


def _internal(api, patch):
    return api.post("/result", {"process": graph("add", crash=True)})


def _busy(api, patch):
    patch.setattr(api.driver, "collections", _raising(OperationalError("SELECT", {}, Exception("gone"))), raising=False)
    return api.get("/collections")


def _maintenance(api, patch):
    return _with(api, maintenance=True).get("/jobs")


def _version(api, patch):
    return TestClient(create_app_of(api.backend, ())).get("/openeo/v2/jobs")


def _timeout(api, patch):
    return api.post("/result", {"process": graph("wait")})


def _estimate(api, patch):
    path = _job(api)
    patch.setattr("fakes.FakePlan.estimate", _raising(ZeroDivisionError()))
    return api.get(f"{path}/estimate")


def _storage(api, patch):
    patch.setattr(api.driver, "run", _raising(OSError(errno.ENOSPC, "No space left")), raising=False)
    return api.post("/result", {"process": FILES})


def _path(api, patch):
    workspace = api.post("/workspaces", {"intent": "create"}).headers["OpenEO-Identifier"]
    return api.get(f"/workspaces/{workspace}/files/.hidden")


def _complex(api, patch):
    api.driver.bytes_read = 10**9
    return api.post("/result", {"process": FILES})


def _locked(api, patch):
    path = _job(api)
    api.post(f"{path}/results")
    return api("PATCH", path, json={"title": "x"})


def _expired(api, patch):
    path = _finished(api)
    link = next(one["href"] for one in api.get(f"{path}/results").json["links"] if one["rel"] == "canonical")
    patch.setattr("time.time", lambda: 4e9)
    return api.as_user(None).get(link.split("/openeo/v1")[1])


def _finished(api):
    from fakes import source_collection

    path = _job(api)
    job_id = path.removeprefix("/jobs/")
    api.post(f"{path}/results")
    api.backend.jobs.claim("worker", 30)
    api.backend.collections.put(source_collection(job_id), [], owner="ann", kind="result", job_id=job_id)
    api.backend.jobs.finish(job_id, "worker", {})
    return path


def _unpaid(api, patch):
    shop = _with(api, billing_currency="EUR", billing_plans=PLANS)
    return shop.post(f"{_job(shop, plan='b', budget=0.1)}/results")


PROVOKED = {
    "Internal": _internal,
    "NotFound": lambda api, patch: api.get("/none"),
    "FeatureUnsupported": lambda api, patch: api.client.get("/udf_runtimes"),
    "InfrastructureMaintenance": _maintenance,
    "InfrastructureBusy": _busy,
    "UnsupportedApiVersion": _version,
    "RequestTimeout": _timeout,
    "BudgetInvalid": lambda api, patch: api.post("/jobs", {"process": FILES, "budget": -1}),
    "EstimateComplexity": _estimate,
    "NoDataForUpdate": lambda api, patch: api("PATCH", _job(api)),
    "PropertyNotEditable": lambda api, patch: api("PATCH", _job(api), json={"status": "finished"}),
    "CollectionNotFound": lambda api, patch: api.get("/collections/SYNTETIC"),
    "StorageFailure": _storage,
    "FileNotFound": lambda api, patch: api.get(f"{_finished(api)}/results/assets/none.tif"),
    "FilePathInvalid": _path,
    "ContentTypeInvalid": lambda api, patch: api.post("/jobs", data=b"{}", headers={"Content-Type": "text/plain"}),
    "ProcessGraphNotFound": lambda api, patch: api.get("/process_graphs/none"),
    "ProcessInvalid": lambda api, patch: api("PUT", "/process_graphs/x", json={**FILES, "parameters": {}}),
    "ProcessGraphMissing": lambda api, patch: api.post("/jobs", {"process": {}}),
    "ProcessGraphInvalid": lambda api, patch: api.post("/jobs", {"process": {"process_graph": {}}}),
    "PredefinedProcessExists": lambda api, patch: api("PUT", "/process_graphs/add", json=FILES),
    "ProcessGraphComplexity": _complex,
    "ProcessUnsupported": lambda api, patch: api.post("/jobs", {"process": graph("ad")}),
    "ProcessParameterUnsupported": lambda api, patch: _real(api, process_id="absolute", arguments={"x": 1, "y": 1}),
    "ProcessParameterInvalid": lambda api, patch: _real(api, process_id="absolute", arguments={"x": "one"}),
    "ProcessParameterRequired": lambda api, patch: _real(api, process_id="absolute", arguments={}),
    "JobNotFound": lambda api, patch: api.get("/jobs/none"),
    "JobLocked": _locked,
    "JobNotFinished": lambda api, patch: api.get(f"{_job(api)}/results"),
    "JobNotStarted": lambda api, patch: api.get(f"{_job(api)}/results?partial=true"),
    "ResultLinkExpired": _expired,
    "PaymentRequired": _unpaid,
    "BillingPlanInvalid": lambda api, patch: api.post("/jobs", {"process": FILES, "plan": "gold"}),
    "BillingPlanMissing": lambda api, patch: _with(api, billing_currency="EUR", billing_plans=PLANS).post(
        "/jobs", {"process": FILES}
    ),
    "AuthenticationRequired": lambda api, patch: api.as_user(None).get("/jobs"),
    "AuthenticationSchemeInvalid": lambda api, patch: api.get("/jobs", headers={"Authorization": "Digest x"}),
    "TokenInvalid": lambda api, patch: api.get("/jobs", headers={"Authorization": "Bearer basic//x"}),
    "CredentialsInvalid": lambda api, patch: api.get("/credentials/basic", headers={"Authorization": "Basic YTpi"}),
    "ServiceNotFound": lambda api, patch: api.get("/services/none"),
    "ServiceUnsupported": lambda api, patch: api.post("/services", {**LAYER, "type": "gopher"}),
    "ServiceConfigUnsupported": lambda api, patch: api.post("/services", {**LAYER, "configuration": {"none": 1}}),
    "ServiceConfigInvalid": lambda api, patch: api.post("/services", {**LAYER, "configuration": {"tile_size": 3}}),
}


@pytest.mark.parametrize("code", PROVOKED)
@pytest.mark.requirement(6, 7, 8, 826)
def test_a_request_provokes_the_code(api, monkeypatch, code):
    response = PROVOKED[code](api, monkeypatch)

    document = response.json() if callable(response.json) else response.json
    assert document["code"] == code
    assert set(document) == {"id", "code", "message", "links"}
    assert document["message"]
    assert response.status_code == official_codes().get(code, {}).get("http", response.status_code)
    assert "secret" not in document["message"]


def official_codes():
    file = SHARED / "spec" / "api" / "errors.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def test_every_official_code_is_provoked_or_said_why_not():
    if not official_codes():
        pytest.skip(f"the official error codes are missing: set OPENEO_SHARED to the folder with {SHARED}/spec/api")

    assert set(PROVOKED) | set(CAN_NOT_OCCUR) == set(official_codes())
    assert not set(PROVOKED) & set(CAN_NOT_OCCUR)


def test_no_service_type_has_a_parameter_that_must_be_given():
    configurations = [kind["configuration"] for kind in service_types().values()]
    assert not any(setting.get("required") for settings in configurations for setting in settings.values())


def test_a_misspelt_collection_is_guessed(api):
    assert "Did you mean 'SYNTHETIC'?" in api.get("/collections/SYNTETIC").json["message"]


def test_a_database_that_is_gone_is_busy_and_says_when_to_ask_again(api, monkeypatch):
    response = _busy(api, monkeypatch)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert "SELECT" not in response.get_data(as_text=True)


@pytest.mark.requirement(494, 495, 497)
def test_validation_tells_every_fault_with_its_node_what_is_allowed_and_what_was_probably_meant(api):
    backend = api.backend
    driver = WindowedDriver(backend.settings, backend.collections, backend.processes)
    extents = {"spatial_extent": None, "temporal_extent": None}
    nodes = {
        "process": {"process_id": "load_colection", "arguments": {}},
        "parameter": {"process_id": "round", "arguments": {"x": 1, "pp": 2}},
        "collection": {"process_id": "load_collection", "arguments": {"id": "SYNTETIC", **extents}},
        "band": {"process_id": "load_collection", "arguments": {"id": "SYNTHETIC", **extents, "bands": ["nirr"]}},
        "value": {"process_id": "absolute", "arguments": {"x": "one"}, "result": True},
    }

    def faults(*names):
        graph = {name: nodes[name] for name in (*names, "value")}
        graph["value"] = {**nodes["value"], "arguments": {"x": 1}} if "value" not in names else nodes["value"]
        client = replace(api, client=create_api(replace(backend, driver=driver)).test_client())
        return client.post("/validation", {"process_graph": graph}).json["errors"]

    form = faults("process", "parameter", "value")
    assert {fault["code"] for fault in form} == {
        "ProcessUnsupported",
        "ProcessParameterUnsupported",
        "ProcessParameterInvalid",
    }
    data = faults("collection", "band")
    assert {fault["code"] for fault in data} == {"CollectionNotFound", "ProcessParameterInvalid"}
    told = " ".join(fault["message"] for fault in form + data)
    for word in ("load_collection", "p", "SYNTHETIC", "nir"):
        assert f"Did you mean '{word}'?" in told
    for node in nodes:
        assert f"Node '{node}'" in told
    assert "Available: red, nir" in told
