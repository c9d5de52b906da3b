"""The official openeo-test-suite against a running server, signed in through OpenID Connect.

It is not part of this project: OPENEO_TEST_SUITE names a checkout of it with its submodules, whose environment lies in
`venv/`. If it has a folder `schemas/` with `<host>/<path>` for each JSON schema of STAC, what downloads schemas
finds them there. Every test of the suite that does not pass stands in `tests/official_suite.py` with its reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from acceptance.conftest import command, free_port, run, wait_until_ready
from official_suite import PARTS
from oidc_provider import AUDIENCE, OidcProvider, serving

from openeo_plugin.sources.synthetic import SENTINEL_2, SOIL_MOISTURE, make_collection, make_soil_moisture

TESTS = "src/openeo_test_suite/tests"
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def suite() -> Path:
    folder = os.environ.get("OPENEO_TEST_SUITE")
    if not folder:
        pytest.skip("the official openeo-test-suite is not run: OPENEO_TEST_SUITE names no checkout of it")
    return Path(folder)


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with serving() as provider:
        yield provider


@pytest.fixture(scope="module")
def suite_server(suite: Path, provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the collections that the suite asks for, and without users of its own."""
    folder = tmp_path_factory.mktemp("suite")
    _fit(make_collection(folder / "collections" / SENTINEL_2, size=512, dates=6))
    make_soil_moisture(folder / "collections" / SOIL_MOISTURE)
    data = folder / "data"
    for arguments in (("migrate",), ("import", folder / "collections")):
        done = run(*arguments, "--data-dir", data)
        assert done.returncode == 0, done.stderr
    port, log = free_port(), folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command("serve", "--port", port, "--data-dir", data),
            stdout=output,
            stderr=output,
            env={**os.environ, **_options(provider)},
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process, log)
        yield f"{url}/openeo/v1/"
    finally:
        process.terminate()
        process.wait(30)


def _options(provider: OidcProvider) -> dict[str, str]:
    trusted = {"test": {"issuer": provider.issuer, "title": "Test", "audience": [AUDIENCE]}}
    return {
        "OPENEO_OIDC_PROVIDERS": json.dumps(trusted),
        "OPENEO_BASIC_AUTHENTICATION": "false",
        "OPENEO_BILLING_CURRENCY": "EUR",  # the suite does not know that it may be null
    }


def _fit(catalogue: Path) -> None:
    """Make the collection what the suite expects: a scene in each week of June 2022, no ranges among the summaries.

    The fourth scene, of 2 July, is dated back to 27 June. Ranges (of cloud cover) are ambiguous to the suite.
    """
    for file in catalogue.parent.glob("*/*.json"):
        text = file.read_text().replace("2022-07-02", "2022-06-27")
        item = json.loads(text)
        item["properties"].pop("eo:cloud_cover", None)
        file.write_text(json.dumps(item))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PARTS)
def test_the_official_suite_passes_but_for_what_is_named(
    name: str, suite: Path, suite_server: str, provider: OidcProvider, tmp_path: Path
):
    part, schemas = PARTS[name], suite / "schemas"
    report = tmp_path / "report.xml"
    sign_in = {
        "OPENEO_AUTH_METHOD": "client_credentials",
        "OPENEO_AUTH_CLIENT_ID": "suite",
        "OPENEO_AUTH_CLIENT_SECRET": provider.add_client("suite"),
    }
    from_folder = {"PYTHONPATH": str(HERE), "OPENEO_TEST_SCHEMAS": str(schemas)}
    plugin = ["-p", "official_suite_plugin"] if schemas.is_dir() else []
    arguments = ["-q", f"--junitxml={report}", "-U", suite_server, *part.options, *plugin]
    subprocess.run(
        [suite / "venv" / "bin" / "python", "-m", "pytest", *arguments, f"{TESTS}/{part.path}"],
        cwd=suite,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **from_folder, **sign_in},
        capture_output=True,
        timeout=900,
        check=False,
    )
    passed, others = _results(report)

    assert {test: why for test, why in others.items() if test not in part.known} == {}
    assert len(passed) + len(others) == part.count


def _results(report: Path) -> tuple[list[str], dict[str, str]]:
    """Names of tests that passed, and of all others with what they said."""
    passed, others = [], {}
    for case in ET.parse(report).iter("testcase"):
        name, faults = case.get("name", ""), [child for child in case if child.tag in ("failure", "error", "skipped")]
        if faults:
            others[name] = (faults[0].get("message") or faults[0].text or "")[:500]
        else:
            passed.append(name)
    return passed, others
