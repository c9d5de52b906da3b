from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from openeo_plugin.api import health
from openeo_plugin.app import create_app_of


@pytest.fixture
def client(backend):
    with TestClient(create_app_of(backend, ())) as client:
        yield client


def asked(client) -> tuple[int, str]:
    answer = client.get("/healthz")
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.json().get("reason", answer.json()["status"])


def test_a_server_that_can_work_says_so(client):
    assert asked(client) == (200, "ok")


def test_a_database_that_is_away_is_told_and_nothing_else_of_it(backend, client, monkeypatch):
    def fails(self):
        raise OperationalError("SELECT secret", {}, Exception("host=10.0.0.1"))

    monkeypatch.setattr(type(backend.database), "is_current", fails)
    assert asked(client) == (503, "the database can't be reached")


def test_a_database_of_another_version_is_told(backend, client, monkeypatch):
    monkeypatch.setattr(type(backend.database), "is_current", lambda self: False)
    assert asked(client) == (503, "the tables of the database are not those of this version")


def test_a_data_folder_that_is_gone_is_told(backend, client, monkeypatch):
    monkeypatch.setattr(health.os, "access", lambda path, mode: False)
    assert asked(client) == (503, "the data folder can't be written to")


def test_those_who_ask_a_database_that_hangs_wait_for_one_look(backend, client, monkeypatch):
    over, looks = threading.Event(), []

    def hangs(self):
        looks.append(1)
        return over.wait(30)

    monkeypatch.setattr(type(backend.database), "is_current", hangs)
    monkeypatch.setattr(health, "PATIENCE_S", 0.2)
    try:
        for _ in range(3):
            assert asked(client) == (503, "the database does not answer")
        assert looks == [1]
    finally:
        over.set()
    deadline = time.monotonic() + 30
    while asked(client)[0] != 200:
        assert time.monotonic() < deadline
