"""The JavaScript client in Node against a running server: what the Web Editor and other web applications stand on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from acceptance.conftest import PASSWORD, ROOT, USER, Server

from openeo_plugin.sources.synthetic import SENTINEL_2

SCRIPT = Path(__file__).with_name("js_client.cjs")
MODULES = Path(os.environ.get("OPENEO_TEST_NODE_MODULES") or ROOT / "build" / "node" / "node_modules")


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("the JavaScript client is not tested: there is no `node`")
    if not (MODULES / "@openeo" / "js-client").is_dir():
        pytest.skip(
            f"the JavaScript client is not tested: {MODULES} has no @openeo/js-client "
            "(`npm install --prefix build/node @openeo/js-client`, or OPENEO_TEST_NODE_MODULES)"
        )
    return found


@pytest.fixture(scope="module")
def found(node: str, server: Server) -> dict:
    """What the client has seen."""
    done = subprocess.run(
        [node, SCRIPT, server.url, USER, PASSWORD, SENTINEL_2],
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_finds_the_api_and_signs_in(found, server):
    assert (found["url"], found["version"], found["user"]) == (server.url, "1.3.0", USER)
    assert found["features"] == ["createJob", "listServices", "computeResult", "estimateJob", "debugJob"]


def test_it_lists_what_there_is(found):
    assert SENTINEL_2 in found["collections"]
    assert found["bands"][:4] == ["B02", "B03", "B04", "B08"]
    assert found["items"] == 2
    assert found["processes"] > 100
    assert "GTIFF" in found["formats"]
    assert {"XYZ", "WMTS"} <= set(found["serviceTypes"])


def test_it_validates_and_runs_a_job(found):
    assert (found["faults"], found["status"], found["jobs"][0], found["logs"]) == ([], "finished", "NDVI", True)
    assert {"duration", "size"} <= set(found["estimate"])
    assert found["assets"][0][0].startswith("image/tiff")
    assert all(of_this_server for _, of_this_server in found["assets"])
    assert found["firstBytes"] in ("49492a00", "49492b00")  # a little-endian TIFF, or BigTIFF


def test_it_computes_at_once_and_reads_the_log(found):
    assert (found["sum"], found["type"]) == ("3", "application/json")
    assert found["syncLogs"] == 1


def test_it_stores_processes_and_publishes_services(found):
    assert "from_js" in found["userProcesses"]
    assert ["XYZ", "NDVI map", True] in [[kind.upper(), title, enabled] for kind, title, enabled in found["services"]]
