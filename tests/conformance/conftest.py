"""One Dask cluster for all cases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conformance.cluster import CubeCluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[CubeCluster]:
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed: no case runs through a cluster")
    made = CubeCluster()
    yield made
    made.close()
