from __future__ import annotations

from dataclasses import replace

import pytest

from openeo_plugin.api.application import MICROSERVICES, create_api
from openeo_plugin.api.capabilities import well_known


def _endpoints(api):
    return {entry["path"]: entry["methods"] for entry in api.get("/").json["endpoints"]}


@pytest.mark.requirement(30, 33, 34)
def test_capabilities_name_version_type_and_whether_to_rely_on_them(api):
    document = api.as_user(None).get("/").json

    assert document["api_version"] == "1.3.0"
    assert document["stac_version"] == "1.1.0"
    assert document["type"] == "Catalog"
    assert document["production"] is False
    assert "https://api.openeo.org/1.3.0" in document["conformsTo"]


@pytest.mark.requirement(31, 701, 702)
def test_endpoints_are_listed_as_openeo_templates_each_once_and_without_the_root(api):
    listed = [entry["path"] for entry in api.get("/").json["endpoints"]]

    assert len(listed) == len(set(listed))
    assert "/" not in listed
    assert _endpoints(api)["/jobs/{job_id}/results"] == ["GET", "POST", "DELETE"]
    assert _endpoints(api)["/collections/{collection_id}"] == ["GET"]
    assert _endpoints(api)["/process_graphs/{process_graph_id}"] == ["GET", "PUT", "DELETE"]
    assert _endpoints(api)["/services/{service_id}"] == ["GET", "PATCH", "DELETE"]


@pytest.mark.requirement(32)
def test_every_listed_endpoint_exists_and_answers_in_openeo_words(api):
    for path, methods in _endpoints(api).items():
        concrete = path.replace("{", "").replace("}", "")
        for method in methods:
            response = api(method, concrete, json={} if method in ("POST", "PUT", "PATCH") else None)
            assert response.status_code != 405, (method, path)
            assert response.status_code < 500, (method, path)
            if response.status_code >= 400:
                assert response.json["message"] != "There is no resource at this address.", (method, path)


def test_a_microservice_that_is_switched_off_is_neither_listed_nor_answered(backend):
    off = {**backend.settings.microservices, "services": False}
    quieter = replace(backend, settings=backend.settings.model_copy(update={"microservices": off}))
    client = create_api(quieter).test_client()

    paths = {entry["path"] for entry in client.get("/").json["endpoints"]}

    assert "/services" not in paths
    assert "/jobs" in paths
    assert client.get("/service_types").json["code"] == "FeatureUnsupported"


def test_udf_runtimes_are_off_until_there_is_one(api):
    assert "/udf_runtimes" not in _endpoints(api)


def test_capabilities_do_not_look_at_tokens(api):
    assert api.get("/", headers={"Authorization": "Bearer basic//nonsense"}).status_code == 200


@pytest.mark.requirement(60, 61, 304)
def test_conformance_lists_the_classes_of_the_capabilities(api):
    assert api.get("/conformance").json["conformsTo"] == api.get("/").json["conformsTo"]


@pytest.mark.requirement(41, 42)
def test_file_formats_work_with_and_without_a_token(api):
    with_token, without = api.get("/file_formats"), api.as_user(None).get("/file_formats")

    assert with_token.json == without.json
    assert without.json["output"]["GTiff"]["gis_data_types"] == ["raster"]


@pytest.mark.requirement(20, 21)
def test_the_well_known_document_names_the_public_address(backend):
    settings = backend.settings.model_copy(update={"public_url": "https://geo.example/base/", "demo": False})

    version = {"url": "https://geo.example/base/openeo/v1", "api_version": "1.3.0", "production": True}
    assert well_known(settings) == {"versions": [version]}


def test_processing_parameters_name_what_may_stand_beside_the_process(api):
    found = api.as_user(None).get("/processing_parameters").json

    assert [parameter["name"] for parameter in found["create_job_parameters"]] == ["webhook"]
    assert all(parameter["optional"] for parameter in found["create_job_parameters"])
    assert found["create_service_parameters"] == found["create_synchronous_parameters"] == []
    assert any("/processing-parameters/" in name for name in api.get("/").json["conformsTo"])


def test_under_maintenance_only_the_capabilities_answer(backend):
    settings = backend.settings.model_copy(update={"maintenance": True})
    client = create_api(replace(backend, settings=settings)).test_client()

    assert (client.get("/").status_code, client.options("/jobs").status_code) == (200, 204)
    refused = client.get("/collections")
    assert (refused.status_code, refused.json["code"]) == (503, "InfrastructureMaintenance")


@pytest.mark.parametrize("microservice", sorted(set(MICROSERVICES) - {"capabilities", "udf_runtimes"}))
def test_every_microservice_can_be_switched_off(backend, microservice):
    off = {**backend.settings.microservices, microservice: False}
    client = create_api(
        replace(backend, settings=backend.settings.model_copy(update={"microservices": off}))
    ).test_client()

    listed = {(entry["path"], method) for entry in client.get("/").json["endpoints"] for method in entry["methods"]}
    gone = {(route.path.replace("path:", ""), route.method) for route in MICROSERVICES[microservice]}
    assert gone.isdisjoint(listed)
    assert len(listed) > 20
    for path, method in gone:
        assert client.open(path.replace("{", "").replace("}", ""), method=method).status_code in (404, 405, 501), path
