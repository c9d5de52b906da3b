"""The servers of the benchmarks, on loopback ports of their own, and a client that costs little."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.tile_bound import tile_list

USER, PASSWORD = "bench", "a password for the benchmark"
_START_TIMEOUT_S = 90


class Client:
    """Keeps one connection."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str) -> bytes:
        """The body.

        Raises: RuntimeError for a status that is not 2xx.
        """
        return self.ask("GET", path)[0]

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[bytes, Any]:
        """(body, headers) of an answer."""
        content = None if body is None else json.dumps(body)
        sent = {**self._headers, **headers} | ({"Content-Type": "application/json"} if content else {})
        try:
            self._connection.request(method, path, content, sent)
            answer = self._connection.getresponse()
        except (BrokenPipeError, http.client.RemoteDisconnected):  # it was idle for long
            self._connection.close()
            self._connection.request(method, path, content, sent)
            answer = self._connection.getresponse()
        read = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {read[:500]!r}")
        return read, answer.headers


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serving(command: list[str], port: int, probe: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers `probe`; it is ended afterwards.

    Raises: RuntimeError if it ends or does not answer in time.
    """
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                Client(port).get(probe)
                break
            except (OSError, http.client.HTTPException):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{' '.join(command)} does not answer") from None
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def project_server(folder: Path, work: Path, tile_cache_bytes: int = 0) -> Iterator[Client]:
    """The back-end without workers, with the collection in its catalogue; its client is signed in.

    Args:
        tile_cache_bytes: 0 so that every tile is computed.
    """
    from benchmarks.data import open_driver
    from openeo_plugin.backend import open_backend

    settings, _ = open_driver(folder, work)
    backend = open_backend(settings)
    backend.auth.basic.add_user(USER, PASSWORD)
    port = free_port()
    command = [sys.executable, "-m", "openeo_plugin.cli", "serve", "--no-worker", "--port", str(port)]
    limits = {"OPENEO_TILE_CACHE_BYTES": str(tile_cache_bytes), "OPENEO_SERVICE_RATE_PER_S": "100000"}
    with serving([*command, "--data-dir", str(work)], port, "/openeo/v1/", **limits):
        secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        answer, _ = Client(port).ask("GET", "/openeo/v1/credentials/basic", Authorization=f"Basic {secret}")
        yield Client(port, f"basic//{json.loads(answer)['access_token']}")


@contextmanager
def bound_server(folder: Path, size: int) -> Iterator[int]:
    """The bound's tiles; gives the port."""
    port = free_port()
    code = (
        "import sys, uvicorn; from pathlib import Path; from benchmarks.tile_bound import create_app; "
        "uvicorn.run(create_app(Path(sys.argv[1]), int(sys.argv[2])), port=int(sys.argv[3]), log_level='warning', "
        "access_log=False)"
    )
    command = [sys.executable, "-c", code, str(folder), str(size), str(port)]
    probe = "/".join(map(str, tile_list(10, 1, size)[0]))
    with serving(command, port, f"/1/{probe}"):
        yield port
