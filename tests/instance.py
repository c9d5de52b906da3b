"""A running instance for tests: web and worker processes on one database and one folder, as an operator starts them."""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from config.settings import load_settings
from openeo_plugin.backend import Backend, open_backend
from openeo_plugin.sources.importing import import_folder
from openeo_plugin.sources.synthetic import SENTINEL_2, make_collection

ROOT = Path(__file__).parents[1]
PASSWORD = "correct horse battery"


def until(holds: Callable[[], Any], within_s: float = 150, every_s: float = 0.02) -> float:
    """Wait until something holds; how long it took, in s."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < within_s, "it did not happen in time"
        time.sleep(every_s)
    return time.monotonic() - start


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def graph(**nodes: dict[str, Any]) -> dict[str, Any]:
    """A process of nodes (process_id, arguments); the last is its result."""
    last = list(nodes)[-1]
    return {"process_graph": {name: node | ({"result": True} if name == last else {}) for name, node in nodes.items()}}


def node(process_id: str, **arguments: Any) -> dict[str, Any]:
    return {"process_id": process_id, "arguments": arguments}


def mean_over_time(format: str = "GTiff", bands: tuple[str, ...] = ("B04",), id: str = SENTINEL_2) -> dict[str, Any]:
    """The mean of all dates, saved."""
    mean = {"process_graph": {"mean1": node("mean", data={"from_parameter": "data"}) | {"result": True}}}
    return graph(
        load=node("load_collection", id=id, spatial_extent=None, temporal_extent=None, bands=list(bands)),
        mean=node("reduce_dimension", data={"from_node": "load"}, dimension="t", reducer=mean),
        save=node("save_result", data={"from_node": "mean"}, format=format),
    )


class Instance:
    """Settings by their environment variables; every process started here is ended by `close`."""

    def __init__(self, folder: Path, database_url: str | None = None, **environment: str) -> None:
        self.folder = folder
        self.environment = {f"OPENEO_{name.upper()}": value for name, value in environment.items()}
        self.environment["OPENEO_DATA_DIR"] = str(folder / "data")
        if database_url:
            self.environment["OPENEO_DATABASE_URL"] = database_url
        self.settings = load_settings(data_dir=folder / "data", database_url=database_url)
        self.processes: list[subprocess.Popen[bytes]] = []
        self._backend: Backend | None = None

    @property
    def backend(self) -> Backend:
        """The stores of the instance, opened in this process."""
        if self._backend is None:
            self._backend = open_backend(self.settings)
        return self._backend

    def prepare(self, *users: str, size: int = 96, dates: int = 3) -> None:
        """A small collection, and users."""
        make_collection(self.folder / "scenes", size=size, dates=dates)
        for imported in import_folder(self.folder / "scenes"):
            self.backend.collections.put(imported.document, imported.items)
        for user in users:
            self.backend.auth.basic.add_user(user, PASSWORD)

    def token(self, user: str) -> str:
        """A bearer token of a user."""
        return f"basic//{self.backend.users.issue_token(user, 3600)}"

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a command of the project."""
        return self._start([sys.executable, "-m", "openeo_plugin.cli", *arguments], environment)

    def start_code(self, code: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a command of the project by code that changes it first."""
        return self._start([sys.executable, "-c", code], environment)

    def start_command(self, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        """Start any program beside the instance."""
        return self._start(command, environment)

    def _start(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **self.environment, **environment}, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def start_web(self, port: int) -> subprocess.Popen[bytes]:
        """A web process without a worker; `wait_for_web` waits until it answers."""
        return self.start("serve", "--no-worker", "--port", str(port))

    def start_worker(self, slots: int = 1, **environment: str) -> subprocess.Popen[bytes]:
        return self.start("worker", "--slots", str(slots), **environment)

    def client(self, port: int, user: str) -> httpx.Client:
        """A client of the openEO API, signed in."""
        headers = {"Authorization": f"Bearer {self.token(user)}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{port}/openeo/v1", headers=headers, timeout=60, trust_env=False)

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._backend is not None:
            self._backend.database.dispose()


def wait_for_web(*ports: int) -> None:
    """Until servers answer at these ports."""
    for port in ports:
        until(functools.partial(_answers, port))


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/.well-known/openeo", trust_env=False, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
