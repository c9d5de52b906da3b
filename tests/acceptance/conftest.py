"""A server as people run it: imported, started and stopped with the command line, talked to with the openeo client."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openeo
import pytest
import requests

from openeo_plugin.sources.synthetic import SENTINEL_2, make_collection

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("OPENEO_SHARED") or ROOT.parent / "shared")
USER, PASSWORD = "ann", "correct horse battery"
START_TIMEOUT_S = 90


@dataclass(frozen=True)
class Server:
    """A running server, its data folder and the log it writes."""

    url: str
    data_dir: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def api(self) -> str:
        return f"{self.url}/openeo/v1"

    def is_serving(self) -> bool:
        answer = requests.get(f"{self.api}/collections", timeout=10)
        return self.process.poll() is None and answer.status_code == 200


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "openeo_plugin.cli", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A command of the command line, to its end."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def synthetic_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 x 96 pixels, four dates."""
    return make_collection(tmp_path_factory.mktemp("synthetic") / SENTINEL_2, size=96, dates=4).parent


@pytest.fixture(scope="session")
def damaged_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection whose file B08 of the second date is damaged after the import."""
    return make_collection(tmp_path_factory.mktemp("damaged") / "damaged", size=96, dates=2).parent


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory, synthetic_folder: Path, damaged_folder: Path) -> Path:
    """A data folder with a user and collections, made with the command line."""
    folder = tmp_path_factory.mktemp("server") / "data"
    password = tmp_path_factory.mktemp("password") / "password"
    password.write_text(PASSWORD)
    commands: list[tuple[object, ...]] = [
        ("migrate",),
        ("user", "add", USER, "--password-file", password),
        ("import", synthetic_folder),
        ("import", damaged_folder, "--id", "damaged"),
    ]
    if (SHARED / "data").is_dir():
        commands.append(("import", SHARED / "data"))
    for arguments in commands:
        done = run(*arguments, "--data-dir", folder)
        assert done.returncode == 0, done.stderr
    damage(next(damaged_folder.glob("*20220612/B08.tif")))
    return folder


def damage(file: Path) -> None:
    """Overwrite the second half of a file, where its pixels lie; the head stays."""
    size = file.stat().st_size
    with file.open("r+b") as stream:
        stream.seek(size // 2)
        stream.write(b"\xaa" * (size - size // 2))


@pytest.fixture(scope="session")
def server(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    log = tmp_path_factory.mktemp("log") / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command("serve", "--port", port, "--data-dir", data_dir), cwd=ROOT, stdout=output, stderr=output
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process, log)
        yield Server(url, data_dir, log, process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            requests.get(f"{url}/.well-known/openeo", timeout=5)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the server did not answer within {START_TIMEOUT_S} s: {log.read_text()}")


@pytest.fixture(scope="session")
def connection(server: Server) -> openeo.Connection:
    return openeo.connect(server.url).authenticate_basic(USER, PASSWORD)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real collections; the server has them too."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"MISSING REAL DATA: {folder} does not exist; set OPENEO_SHARED to the folder that holds data/")
    return folder
