from __future__ import annotations

import pytest

from config.settings import load_settings
from db.collections import CollectionStore
from db.processes import ProcessStore
from db.session import Database
from openeo_plugin.driver.namespaces import Namespaces
from openeo_plugin.driver.windowed import WindowedDriver
from openeo_plugin.errors import OpenEOError

OWN = "https://geo.example/openeo/v1/processes"
TWICE = {
    "id": "twice",
    "parameters": [{"name": "x", "description": "A number.", "schema": {"type": "number"}}],
    "process_graph": {
        "add": {
            "process_id": "add",
            "arguments": {"x": {"from_parameter": "x"}, "y": {"from_parameter": "x"}},
            "result": True,
        }
    },
}


def public(owner, id):
    if (owner, id) != ("ann lee", "twice"):
        raise OpenEOError("ProcessGraphNotFound", identifier=id)
    return TWICE


def call(namespace, process_id="twice"):
    node = {"process_id": process_id, "namespace": namespace, "arguments": {"x": 4}, "result": True}
    return {"process_graph": {"node": node}}


@pytest.mark.parametrize(
    "namespace", ["u:ann lee", f"{OWN}/u:ann%20lee", f"{OWN}/u%3Aann%20lee/twice", f"{OWN}/u:ann%20lee/"]
)
def test_a_public_process_is_found_by_its_users_namespace_and_by_its_address(namespace):
    def fetch(url):
        raise AssertionError("what this back-end has itself is not fetched")

    assert Namespaces(public, OWN, fetch).find("twice", namespace) == TWICE


@pytest.mark.parametrize("document", [TWICE, {"processes": [{"id": "other"}, TWICE], "links": []}])
def test_a_definition_on_the_web_is_a_process_or_a_list_of_them(document):
    asked = []
    namespaces = Namespaces(public, OWN, lambda url: asked.append(url) or document)

    assert namespaces.find("twice", "https://example.org/twice.json") == TWICE
    assert asked == ["https://example.org/twice.json"]


@pytest.mark.parametrize(
    ("namespace", "document"),
    [
        ("u:bob", None),
        (f"{OWN}/u:ann%20lee/thrice", None),
        ("https://example.org/x", {"id": "thrice", "process_graph": {}}),
        ("https://example.org/x", {"id": "twice"}),
        ("https://example.org/x", {"processes": []}),
        ("https://example.org/x", [1]),
        ("https://example.org/x", None),
    ],
)
def test_a_namespace_without_the_process_is_invalid(namespace, document):
    with pytest.raises(OpenEOError) as caught:
        Namespaces(public, OWN, lambda url: document).find("twice", namespace)
    assert caught.value.code == "ProcessNamespaceInvalid"
    assert "twice" in caught.value.message


def test_the_reason_why_an_address_gave_nothing_is_told():
    def fetch(url):
        raise ValueError("the host is not known")

    with pytest.raises(OpenEOError, match="the host is not known"):
        Namespaces(public, OWN, fetch).find("twice", "https://example.org/x")
    with pytest.raises(OpenEOError, match="takes no definitions"):
        Namespaces(public, OWN).find("twice", "https://example.org/x")


@pytest.fixture
def driver(tmp_path):
    settings = load_settings(data_dir=tmp_path, egress=False)
    database = Database(settings.database)
    database.migrate()
    processes = ProcessStore(database)
    processes.put("ann", "twice", {**TWICE, "public": True})
    processes.put("ann", "mine", TWICE)
    yield WindowedDriver(settings, CollectionStore(database), processes)
    database.dispose()


@pytest.mark.requirement(9)
def test_another_user_computes_with_a_public_process(driver):
    assert driver.validate(call("u:ann"), "bob") == []
    assert driver.plan(call("u:ann"), "bob").value == 8
    assert driver.plan(call(f"{load_settings().public_base}/openeo/v1/processes/u:ann/twice"), None).value == 8


def test_a_private_process_and_an_address_out_of_reach_are_faults_of_their_node(driver):
    for namespace, process_id in (("u:ann", "mine"), ("https://example.org/x.json", "twice")):
        (fault,) = driver.validate(call(namespace, process_id), "bob")
        assert (fault.code, fault.node) == ("ProcessNamespaceInvalid", "node")


def test_a_misspelt_process_of_ones_own_is_guessed(driver):
    (fault,) = driver.validate(call(None, "twicee"), "ann")

    assert fault.code == "ProcessUnsupported"
    assert "Did you mean 'twice'?" in fault.message
