from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from openeo_plugin.backend import Backend

from .instance import ITEMS, client_of, document, make_backend


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    """An instance with the public collection `scenes`."""
    opened = make_backend(tmp_path)
    opened.collections.put(document("scenes"), ITEMS)
    yield opened
    opened.database.dispose()


@pytest.fixture
def client(backend: Backend) -> FlaskClient:
    return client_of(backend)
