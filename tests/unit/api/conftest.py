from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeAuthentication, FakeDriver, item, source_collection
from flask import Flask
from flask.testing import FlaskClient
from openapi import DOCUMENT, official
from werkzeug.test import TestResponse

from config.settings import load_settings
from db.collections import CollectionStore
from db.jobs import JobStore
from db.processes import ProcessStore
from db.services import ServiceStore
from db.session import Database
from db.users import UserStore
from openeo_plugin.api.application import create_api
from openeo_plugin.backend import Backend


@dataclass(frozen=True)
class Api:
    """The API as one user sees it. Every answer is held against the official document, where that is there."""

    client: FlaskClient
    backend: Backend
    user: str | None = "ann"

    def __call__(self, method: str, path: str, **arguments: Any) -> TestResponse:
        headers = dict(arguments.pop("headers", {}))
        if self.user is not None:
            headers.setdefault("Authorization", f"Bearer basic//token-of-{self.user}")
        response = self.client.open(path, method=method, headers=headers, **arguments)
        if DOCUMENT.exists() and method not in ("OPTIONS", "HEAD"):
            path_only = path.split("?", maxsplit=1)[0]
            official().check(method, path_only, response.status_code, response.headers, response.get_data())
        return response

    def get(self, path: str, **arguments: Any) -> TestResponse:
        return self("GET", path, **arguments)

    def post(self, path: str, json: Any = None, **arguments: Any) -> TestResponse:
        return self("POST", path, json=json, **arguments) if json is not None else self("POST", path, **arguments)

    def as_user(self, user: str | None) -> Api:
        return replace(self, user=user)

    @property
    def driver(self) -> FakeDriver:
        return self.backend.driver  # type: ignore[return-value]


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    """A back-end with real stores, a fake driver, the users ann and bob, and one public collection of three items."""
    settings = load_settings(data_dir=tmp_path, port=8080, sync_max_bytes=1000, sync_timeout_s=0.2)
    database = Database(settings.database)
    database.migrate()
    collections = CollectionStore(database)
    items = [
        item("one", "2020-06-01T00:00:00Z", (14.0, 45.0, 14.5, 45.5), red={"href": "/data/secret/one.tif"}),
        item("two", "2020-06-06T00:00:00Z", (14.5, 45.5, 15.0, 46.0), red={"href": "https://example.org/two.tif"}),
        item("three", "2020-06-11T00:00:00Z", (14.5, 45.5, 15.0, 46.0)),
    ]
    collections.put(source_collection(), items)
    yield Backend(
        settings=settings,
        database=database,
        collections=collections,
        jobs=JobStore(database),
        services=ServiceStore(database),
        processes=ProcessStore(database),
        users=UserStore(database),
        auth=FakeAuthentication({"ann": "apple", "bob": "banana"}),  # type: ignore[arg-type]
        driver=FakeDriver(collections),  # type: ignore[arg-type]
        secret=b"0123456789abcdef0123456789abcdef",
    )
    database.dispose()


@pytest.fixture
def app(backend: Backend) -> Flask:
    return create_api(backend)


@pytest.fixture
def api(app: Flask, backend: Backend) -> Api:
    return Api(app.test_client(), backend)
