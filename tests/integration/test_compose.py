"""docker-compose.yml without a container engine: each service's command as a plain process with its environment."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from compose_file import ROOT, command, here, services
from distributed import Client
from instance import free_port, mean_over_time, until, wait_for_web
from postgres import PostgresServer
from sqlalchemy import make_url

from openeo_plugin.sources.synthetic import make_collection

GIVEN = {"POSTGRES_PASSWORD": "not-needed-here", "OPENEO_SECRET_KEY": 40 * "k"}
PASSWORD = "correct horse battery"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def interpolated(value: Any) -> Any:
    """As compose fills in variables; one that must be given and is not fails."""
    if isinstance(value, dict):
        return {name: interpolated(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner) for inner in value]

    def fill(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        assert name in GIVEN or kind == "-", f"{name}: {rest}"
        return GIVEN.get(name, rest or "")

    return _VARIABLE.sub(fill, value) if isinstance(value, str) else value


def image_environment() -> dict[str, str]:
    """What the Dockerfile sets."""
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    pairs = [pair for line in lines if line.startswith("ENV ") for pair in line.split()[1:]]
    return dict(pair.split("=", 1) for pair in pairs)


class Composition:
    """The services of the file as processes; what is a host name or a path there is mapped to this machine."""

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self.services = interpolated(services())
        self.server = server
        self.folder = folder
        self.port = free_port()
        self.scheduler_port = free_port()
        self.processes: dict[str, list[subprocess.Popen[bytes]]] = {}

    def environment(self, name: str) -> dict[str, str]:
        found = image_environment() | self.services[name].get("environment", {})
        url = make_url(found["OPENEO_DATABASE_URL"])
        assert url.host == "database"
        socket = make_url(self.server.url).query["host"]
        found["OPENEO_DATABASE_URL"] = url.set(host=None, query={"host": socket}).render_as_string(hide_password=False)
        mapped = {
            "OPENEO_HOST": "127.0.0.1",
            "OPENEO_PORT": str(self.port),
            "OPENEO_DATA_DIR": str(self.folder),
            "OPENEO_DASK_ADDRESS": here(found["OPENEO_DASK_ADDRESS"], self.scheduler_port),
        }
        return {**os.environ, **found, **mapped}

    def command(self, name: str) -> list[str]:
        """As `compose_file.command`."""
        return command(self.services[name], self.scheduler_port)

    def up(self) -> None:
        """Start all but the database, in the order of their conditions."""
        waiting = [name for name in self.services if name != "database"]
        while waiting:
            name = next(name for name in waiting if self._may_start(name))
            waiting.remove(name)
            count = self.services[name].get("deploy", {}).get("replicas", 1)
            self.processes[name] = [self._start(self.command(name), name) for _ in range(count)]

    def _may_start(self, name: str) -> bool:
        for other, wanted in self.services[name].get("depends_on", {}).items():
            if other != "database" and other not in self.processes:
                return False
            if wanted["condition"] == "service_completed_successfully":
                assert [process.wait(150) for process in self.processes[other]] == [0]
        return True

    def _start(self, command: list[str], name: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, cwd=ROOT, env=self.environment(name), stdin=subprocess.DEVNULL)

    def run(self, *arguments: str) -> None:
        """A command in the environment of the web service."""
        command = [sys.executable, "-m", "openeo_plugin.cli", *arguments]
        subprocess.run(command, cwd=ROOT, env=self.environment("web"), check=True, stdin=subprocess.DEVNULL)

    def down(self) -> list[int]:
        """Stop those first that need others, as Compose does. The exit statuses of what was still running."""
        statuses = []
        for group in reversed(self.processes.values()):
            alive = [process for process in group if process.poll() is None]
            for process in alive:
                process.send_signal(signal.SIGTERM)
            statuses += [process.wait(60) for process in alive]
        return statuses

    def computed_by_dask(self) -> list[str]:
        """What the scheduler has had its workers do."""
        with Client(f"tcp://127.0.0.1:{self.scheduler_port}", timeout=20, set_as_default=False) as client:
            return client.run_on_scheduler(lambda dask_scheduler: sorted(dask_scheduler.task_prefixes))


@pytest.fixture
def composition(postgis_server: PostgresServer, tmp_path: Path) -> Iterator[Composition]:
    for statement in ("CREATE ROLE openeo LOGIN SUPERUSER", "CREATE DATABASE openeo OWNER openeo"):
        postgis_server.execute(statement)
    composition = Composition(postgis_server, tmp_path / "data")
    yield composition
    composition.down()
    for statement in ("DROP DATABASE openeo WITH (FORCE)", "DROP ROLE openeo"):
        postgis_server.execute(statement)


def test_the_composition_runs_a_job_and_shows_its_result_as_tiles(composition: Composition, tmp_path: Path) -> None:
    composition.up()
    wait_for_web(composition.port)
    make_collection(tmp_path / "collections", size=64, dates=2)
    (tmp_path / "password").write_text(PASSWORD)
    composition.run("import", str(tmp_path / "collections"))
    composition.run("user", "add", "ada", "--password-file", str(tmp_path / "password"))
    base = f"http://127.0.0.1:{composition.port}/openeo/v1"
    signed_in = httpx.get(f"{base}/credentials/basic", auth=("ada", PASSWORD), trust_env=False)
    headers = {"Authorization": f"Bearer basic//{signed_in.json()['access_token']}"}
    with httpx.Client(headers=headers, base_url=base, timeout=60, trust_env=False) as client:
        id = client.post("/jobs", json={"process": mean_over_time()}).headers["OpenEO-Identifier"]
        assert client.post(f"/jobs/{id}/results").status_code == 202
        until(lambda: client.get(f"/jobs/{id}").json()["status"] == "finished")
        (asset,) = client.get(f"/jobs/{id}/results").json()["assets"].values()
        file = client.get(asset["href"].replace("http://localhost:8080/openeo/v1", ""))
        assert file.content[:2] == b"II"
        load = {"process_id": "load_collection", "arguments": {"id": id, "spatial_extent": None,
                "temporal_extent": None}, "result": True}  # fmt: skip
        service = client.post("/services", json={"type": "XYZ", "process": {"process_graph": {"load": load}}})
        assert service.status_code == 201, service.text
        shown = client.get(f"/services/{service.headers['OpenEO-Identifier']}").json()
        messages = [entry["message"] for entry in client.get(f"/jobs/{id}/logs").json()["logs"]]
    assert shown["url"].startswith("http://localhost:8080/tiles/")
    assert not [message for message in messages if "cluster" in message]  # it has not had to do without
    assert composition.computed_by_dask() == ["compute_strip"]
    for name, count in {"worker": 2, "dask-scheduler": 1, "dask-worker": 2}.items():
        assert [process.poll() for process in composition.processes[name]] == [None] * count
    assert set(composition.down()) <= {0, -signal.SIGTERM}  # uvicorn ends by the signal that it was stopped with
