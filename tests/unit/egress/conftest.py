from __future__ import annotations

from collections.abc import Iterator

import pytest
from unit.egress.canary import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started
