"""A small driver in memory: enough of a back-end for the HTTP door to be tested without computing anything."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, SpatialDimension, TemporalDimension
from openeo_plugin.engine.operator import Canceled, RunContext
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset

GRID = GeoBox((4, 5), Affine(10, 0, 500_000, 0, -10, 5_000_000), "EPSG:32633")
CUBE = CubeDescription(
    (
        TemporalDimension("t", ("2020-06-01T00:00:00Z", "2020-06-11T00:00:00Z")),
        BandsDimension("bands", ("red", "nir")),
        SpatialDimension("y", "y"),
        SpatialDimension("x", "x"),
    ),
    GRID,
    (Band("red", np.dtype("uint16"), 0), Band("nir", np.dtype("float32"), float("nan"))),
)
PROCESSES = [
    {
        "id": name,
        "summary": f"Fake {name}",
        "description": f"Stands for {name}.",
        "categories": ["fake"],
        "parameters": [],
        "returns": {"description": "Whatever comes.", "schema": {}},
    }
    for name in ("add", "load_collection", "save_result", "wait")
]


@dataclass(frozen=True)
class FakeEstimate:
    bytes_read: int
    output_bytes: int = 240
    duration_s: float = 1.25


@dataclass(frozen=True)
class FakeSavedResult:
    format: str
    options: dict[str, Any]
    description: CubeDescription
    node: str


@dataclass(frozen=True)
class FakePlan:
    """A plan that gives a value or writes files of given content."""

    value: Any = None
    description: CubeDescription | None = None
    results: tuple[FakeSavedResult, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    bytes_read: int = 0
    waits: bool = False

    def refuse_exports(self) -> None:
        pass

    def estimate(self) -> FakeEstimate:
        return FakeEstimate(self.bytes_read)


@dataclass
class FakeDriver:
    """Understands four processes.

    add: x + y as a value. load_collection, save_result: files named by the argument `files` of save_result.
    wait: runs until it is canceled. `folders` are those runs were given; `bytes_read` is every plan's estimate.
    """

    collections_store: Any
    bytes_read: int = 0
    folders: list[Path] = field(default_factory=list)
    canceled: threading.Event = field(default_factory=threading.Event)

    def collections(
        self, user: str | None, *, after: str | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        found = self.collections_store.list(user, kind="source")
        return [one for one in found if after is None or one["id"] > after][:limit]

    def collection(self, id: str, user: str | None) -> dict[str, Any]:
        return self.collections_store.get(id, user)

    def processes(self) -> list[dict[str, Any]]:
        return PROCESSES

    def file_formats(self) -> dict[str, Any]:
        gtiff = {"title": "GeoTIFF", "description": "A fake.", "gis_data_types": ["raster"], "parameters": {}}
        return {"input": {}, "output": {"GTiff": gtiff}}

    def validate(self, process: dict[str, Any], user: str | None) -> list[OpenEOError]:
        graph = process.get("process_graph")
        if not isinstance(graph, dict) or not graph:
            return [OpenEOError("ProcessGraphInvalid", reason="it holds no nodes.")]
        known = {known["id"] for known in PROCESSES}
        return [
            OpenEOError("ProcessUnsupported", node=node, process=call.get("process_id"), namespace="backend")
            for node, call in graph.items()
            if call.get("process_id") not in known
        ]

    def plan(self, process: dict[str, Any], user: str | None, parameters: dict[str, Any] | None = None) -> FakePlan:
        for fault in self.validate(process, user):
            raise fault
        calls = {call["process_id"]: call.get("arguments", {}) for call in process["process_graph"].values()}
        if "crash" in calls.get("add", {}):
            raise RuntimeError("/secret/path: SELECT * FROM users")
        if "save_result" in calls:
            saved = FakeSavedResult("GTiff", {}, CUBE, "save")
            files = tuple((name, text.encode()) for name, text in calls["save_result"]["files"].items())
            return FakePlan(description=CUBE, results=(saved,), files=files, bytes_read=self.bytes_read)
        if "wait" in calls or "load_collection" in calls:
            return FakePlan(description=CUBE, waits="wait" in calls, bytes_read=self.bytes_read)
        return FakePlan(value=_sum(**calls["add"]))

    def run(self, plan: FakePlan, folder: Path, on_progress: Callable[[Any], None], context: RunContext) -> list[Asset]:
        self.folders.append(folder)
        if plan.waits:
            if context.cancel.wait(timeout=30):
                self.canceled.set()
                raise Canceled
            raise AssertionError("nobody stopped the run")
        return [_written(folder / name, content) for name, content in plan.files]


def _sum(x: Any, y: Any) -> Any:
    return x + y


def _written(path: Path, content: bytes) -> Asset:
    path.write_bytes(content)
    media_type = "image/tiff; application=geotiff" if path.suffix == ".tif" else "application/json"
    return Asset(path, media_type, path.stem, len(content), grid=GRID, datetime="2020-06-01T00:00:00Z")


def graph(process_id: str, **arguments: Any) -> dict[str, Any]:
    """A process of one node that is its result."""
    return {"process_graph": {"node1": {"process_id": process_id, "arguments": arguments, "result": True}}}


def source_collection(id: str = "SYNTHETIC") -> dict[str, Any]:
    """A STAC collection as import stores it."""
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "stac_extensions": ["https://stac-extensions.github.io/datacube/v2.2.0/schema.json"],
        "id": id,
        "title": "Synthetic",
        "description": "Ten pixels.",
        "license": "CC0-1.0",
        "keywords": ["test"],
        "extent": {
            "spatial": {"bbox": [[14.0, 45.0, 15.0, 46.0]]},
            "temporal": {"interval": [["2020-06-01T00:00:00Z", "2020-06-11T00:00:00Z"]]},
        },
        "cube:dimensions": {
            "x": {"type": "spatial", "axis": "x", "extent": [500000, 500050], "reference_system": 32633},
            "y": {"type": "spatial", "axis": "y", "extent": [4999960, 5000000], "reference_system": 32633},
            "t": {"type": "temporal", "extent": ["2020-06-01T00:00:00Z", "2020-06-11T00:00:00Z"]},
            "bands": {"type": "bands", "values": ["red", "nir"]},
        },
        "summaries": {"platform": ["sentinel-2a"], "eo:cloud_cover": {"minimum": 0, "maximum": 80}},
        "links": [{"rel": "license", "href": "https://creativecommons.org/publicdomain/zero/1.0/"}],
    }


def item(id: str, datetime: str, bbox: tuple[float, float, float, float], **assets: dict[str, Any]) -> dict[str, Any]:
    """A STAC item with a rectangle as footprint."""
    west, south, east, north = bbox
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": id,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": list(bbox),
        "properties": {"datetime": datetime},
        "links": [],
        "assets": assets,
    }


@dataclass(frozen=True)
class FakeUser:
    name: str
    title: str | None = None


class FakeAuthentication:
    """Whoever is in `passwords` gets the token `token-of-<name>`."""

    def __init__(self, passwords: dict[str, str]) -> None:
        self.passwords = passwords
        self.basic = self

    def login(self, name: str, password: str) -> str:
        if self.passwords.get(name) != password:
            raise OpenEOError("CredentialsInvalid")
        return f"token-of-{name}"

    def user_of(self, bearer: str) -> FakeUser:
        method, _, token = bearer.partition("//")
        if method != "basic":
            raise OpenEOError("AuthenticationSchemeInvalid")
        name = token.removeprefix("token-of-")
        if name not in self.passwords or token == name:
            raise OpenEOError("TokenInvalid")
        return FakeUser(name)
