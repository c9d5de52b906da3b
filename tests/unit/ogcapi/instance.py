"""A small instance: real stores on SQLite, a cube of known pixels behind a driver in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from flask.testing import FlaskClient
from odc.geo.geobox import GeoBox

from config.settings import Settings
from db.collections import CollectionStore
from db.jobs import JobStore
from db.processes import ProcessStore
from db.services import ServiceStore
from db.session import Database
from db.users import UserStore
from openeo_plugin.auth.authentication import Authentication
from openeo_plugin.auth.basic import BasicAuthentication
from openeo_plugin.backend import Backend
from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, SpatialDimension, TemporalDimension
from openeo_plugin.cube.pixels import Block, Pixels
from openeo_plugin.engine.operator import Request, RunContext
from openeo_plugin.engine.plan import Plan
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset
from openeo_plugin.ogcapi.app import create_ogcapi

DATES = ("2020-06-01T10:00:00Z", "2020-06-11T10:00:00Z", "2020-07-01T10:00:00Z")
GRID = GeoBox((4, 5), Affine(10, 0, 500_000, 0, -10, 5_000_040), "EPSG:32633")
CUBE = CubeDescription(
    (
        TemporalDimension("t", DATES),
        BandsDimension("bands", ("red", "nir")),
        SpatialDimension("y", "y"),
        SpatialDimension("x", "x"),
    ),
    GRID,
    (Band("red", np.dtype("uint16"), 0), Band("nir", np.dtype("float32"), float("nan"))),
)
# red is 100 for the first date, 200 for the second, 300 for the third, plus ten for a row and one for a column;
# the very first pixel is nodata. nir is half of red, and NaN in the last pixel of the last date.
RED = np.fromfunction(lambda t, y, x: 100 * (t + 1) + 10 * y + x, (3, 4, 5)).astype("uint16")
RED[0, 0, 0] = 0
NIR = (RED / 2).astype("float32")
NIR[2, 3, 4] = np.nan
BOX = (15.0, 45.154, 15.0006, 45.1544)


@dataclass(eq=False)
class ArraySource:
    """The cube, cut out of memory. Counts what was asked for."""

    node: str = "load"
    inputs: tuple[Any, ...] = ()
    description: CubeDescription = CUBE
    requests: list[Request] = field(default_factory=list)

    def request(self, request: Request) -> tuple[Request | None, ...]:
        return ()

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        self.requests.append(request)
        rows = slice(request.window.y, request.window.y + request.window.height)
        columns = slice(request.window.x, request.window.x + request.window.width)
        cut = [((RED, NIR)[b][list(request.labels[0])][:, rows, columns], CUBE.bands[b].nodata) for b in request.bands]
        return Block(tuple(Pixels(values, nodata=nodata) for values, nodata in cut))


@dataclass
class ArrayDriver:
    """Knows load_collection (the cube), add (a value), save (a file) and crash."""

    store: CollectionStore
    source: ArraySource = field(default_factory=ArraySource)
    planned: list[str] = field(default_factory=list)

    def validate(self, process: dict[str, Any], user: str | None) -> list[OpenEOError]:
        known = ("load_collection", "add", "save", "crash")
        return [
            OpenEOError("ProcessUnsupported", node=node, process=call["process_id"], namespace="backend")
            for node, call in process["process_graph"].items()
            if call["process_id"] not in known
        ]

    def plan(self, process: dict[str, Any], user: str | None, parameters: dict[str, Any] | None = None) -> Plan:
        (call,) = process["process_graph"].values()
        self.planned.append(call["process_id"])
        if call["process_id"] == "crash":
            raise RuntimeError("/secret/path: SELECT * FROM users")
        if call["process_id"] == "add":
            return Plan(None, value=call["arguments"]["x"] + call["arguments"]["y"])
        if call["process_id"] == "load_collection":
            self.store.get(call["arguments"]["id"], user)
        return Plan(self.source)

    def plan_of_result(self, collection_id: str, user: str | None) -> Plan:
        self.store.get(collection_id, user)
        self.planned.append("result")
        return Plan(self.source)

    def run(self, plan: Plan, folder: Path, on_progress: Any, context: RunContext) -> list[Asset]:
        path = folder / "result.tif"
        path.write_bytes(b"II*\0 pixels")
        return [Asset(path, "image/tiff; application=geotiff", "result", path.stat().st_size)]


def settings_for(folder: Path, **overrides: Any) -> Settings:
    return Settings(data_dir=folder, public_url="https://eo.example/base", title="Test back-end", **overrides)


def make_backend(folder: Path, **overrides: Any) -> Backend:
    settings = settings_for(folder, **overrides)
    database = Database(f"sqlite:///{folder / 'openeo.sqlite'}")
    database.migrate()
    collections, users = CollectionStore(database), UserStore(database)
    driver: Any = ArrayDriver(collections)
    return Backend(
        settings=settings,
        database=database,
        collections=collections,
        jobs=JobStore(database),
        services=ServiceStore(database),
        processes=ProcessStore(database),
        users=users,
        auth=Authentication(BasicAuthentication(users, 3600)),
        driver=driver,
        secret=b"0" * 32,
    )


def document(name: str, **fields: Any) -> dict[str, Any]:
    """A STAC collection as the import writes it, for the cube."""
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "id": name,
        "title": f"Title of {name}",
        "description": f"Pixels of {name}",
        "license": "CC0-1.0",
        "extent": {"spatial": {"bbox": [list(BOX)]}, "temporal": {"interval": [[DATES[0], DATES[-1]]]}},
        "cube:dimensions": {
            "x": {
                "type": "spatial",
                "axis": "x",
                "extent": [500_000, 500_050],
                "step": 10,
                "reference_system": 32633,
            },
            "y": {
                "type": "spatial",
                "axis": "y",
                "extent": [5_000_000, 5_000_040],
                "step": 10,
                "reference_system": 32633,
            },
            "t": {"type": "temporal", "extent": [DATES[0], DATES[-1]], "values": list(DATES)},
            "bands": {"type": "bands", "values": ["red", "nir"]},
        },
        "openeo:grids": 1,
        "summaries": {"bands": [{"name": "red", "data_type": "uint16"}, {"name": "nir", "data_type": "float32"}]},
        "links": [
            {"rel": "license", "href": "https://example.org/license"},
            {"rel": "enclosure", "href": "http://10.0.0.1/"},
        ],
        **fields,
    }


def item(name: str, date: str, west: float, **properties: Any) -> dict[str, Any]:
    """One scene, a tenth of a degree wide, at 45 degrees north."""
    box = [west, 45.0, west + 0.1, 45.1]
    ring = [[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]], [box[0], box[1]]]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": name,
        "bbox": box,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"datetime": date, "openeo:secret": "/inside", **properties},
        "assets": {"B04": {"href": "/very/secret/path/B04.tif"}},
        "links": [{"rel": "self", "href": "file:///very/secret/path/item.json"}],
    }


ITEMS = [
    item("first", DATES[0], 15.0, cloud=10),
    item("second", DATES[1], 15.5, cloud=20),
    item("third", DATES[2], 16.0, cloud=10),
]


def client_of(backend: Backend) -> FlaskClient:
    return create_ogcapi(backend).test_client()


def login(backend: Backend, name: str) -> dict[str, str]:
    """The header that signs a user in."""
    if backend.users.get(name) is None:
        backend.users.create(name, None)
    return {"Authorization": f"Bearer basic//{backend.users.issue_token(name, 3600)}"}
