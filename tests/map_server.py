"""A server in a thread over a pattern whose pixels tell where they lie, for tests with real clients of its maps."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import rasterio
import uvicorn
from rasterio.transform import from_origin

from config.settings import load_settings
from openeo_plugin.app import create_app_of, faces
from openeo_plugin.backend import open_backend
from openeo_plugin.sources.importing import import_folder

# 200 rows and 240 columns of 100 m in UTM 33; the band B04 holds row + 1, B08 column + 1, B11 what differs by date
ROWS, COLUMNS, PIXEL_M, WEST, NORTH = 200, 240, 100, 500_000, 5_000_000
DATES = ("2020-06-01", "2020-06-11", "2020-06-21")
POSITION = {"bands": ["B04", "B08", "B11"], "rescale": [0, 255]}
INNER_UTM = (504_000, 4_984_000, 520_000, 4_996_000)


@contextmanager
def running_server(data_dir: Path, *folders: Path, **settings: Any) -> Iterator[SimpleNamespace]:
    """A server with the collections of some folders: `backend`, and `base`, its address."""
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:  # so named, asyncio sends without delay
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        options = load_settings(data_dir=data_dir, port=port, embedded_worker=False, **settings)
        backend = open_backend(options)
        for folder in folders:
            for collection in import_folder(folder):
                backend.collections.put(collection.document, collection.items)
        app = create_app_of(backend, faces(backend))
        running = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        deadline = time.monotonic() + 60
        while not running.started and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            yield SimpleNamespace(backend=backend, base=options.public_base)
        finally:
            running.should_exit = True
            thread.join(30)


def write_pattern(folder: Path, crs: str = "EPSG:32633", west: float = WEST, north: float = NORTH, pixel: float = 100):
    """GeoTIFFs of three dates; null in the upper left 20 x 20 pixels."""
    folder.mkdir()
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    for number, date in enumerate(DATES):
        bands = np.stack([rows + 1, columns + 1, np.full_like(rows, 10 * (number + 1))]).astype("uint16")
        bands[:, :20, :20] = 0
        profile = {
            "driver": "GTiff",
            "height": ROWS,
            "width": COLUMNS,
            "count": 3,
            "dtype": "uint16",
            "nodata": 0,
            "crs": crs,
            "transform": from_origin(west, north, pixel, pixel),
            "tiled": True,
            "blockxsize": 64,
            "blockysize": 64,
        }
        with rasterio.open(folder / f"{folder.name}_{date.replace('-', '')}.tif", "w", **profile) as target:
            target.write(bands)
            target.descriptions = ("B04", "B08", "B11")
    return folder


def load(collection: str = "pattern") -> dict[str, Any]:
    """A node that loads a collection."""
    arguments = {"id": collection, "spatial_extent": None, "temporal_extent": None}
    return {"process_id": "load_collection", "arguments": arguments}


def graph(collection: str = "pattern") -> dict[str, Any]:
    """A process that loads a collection."""
    return {"process_graph": {"load": {**load(collection), "result": True}}}


def publish(server: SimpleNamespace, kind: str = "WMTS", process: Any = None, configuration: Any = None, **more: Any):
    """A service of ann, of the pattern's position unless told otherwise."""
    shown = POSITION if configuration is None else configuration
    return server.backend.services.create("ann", kind, process or graph(), configuration=shown, **more)
