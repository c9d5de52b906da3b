"""A client that closes its connection stops what it has asked for, on a real socket."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import replace

import pytest
import uvicorn
from fakes import FakeDriver, graph

from config.settings import load_settings
from openeo_plugin.app import create_app_of, faces
from openeo_plugin.backend import open_backend


@pytest.fixture
def backend(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    backend = open_backend(load_settings(data_dir=tmp_path, port=port, sync_timeout_s=60))
    backend.auth.basic.add_user("ann", "correct horse battery")
    return replace(backend, driver=FakeDriver(backend.collections))


@pytest.fixture
def server(backend):
    app = create_app_of(backend, faces(backend))
    server = uvicorn.Server(uvicorn.Config(app, port=backend.settings.port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started
    yield server
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def test_a_synchronous_run_stops_when_its_client_leaves(server, backend):
    body = json.dumps({"process": graph("wait")}).encode()
    token = backend.auth.basic.login("ann", "correct horse battery")
    head = (
        "POST /openeo/v1/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nAuthorization: Bearer basic//{token}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", backend.settings.port), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        deadline = time.monotonic() + 30
        while not backend.driver.folders and time.monotonic() < deadline:
            time.sleep(0.01)
        assert backend.driver.folders
        assert not backend.driver.canceled.is_set()

    assert backend.driver.canceled.wait(10)
