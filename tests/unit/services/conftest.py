"""A plan whose pixels tell where they lie, and a back-end of one driver and one store in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.warp import transform

from db.services import ServiceState
from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, SpatialDimension, TemporalDimension
from openeo_plugin.cube.pixels import Block, Pixels
from openeo_plugin.errors import OpenEOError

# 40 x 50 pixels of 100 m in UTM 33: 4 km x 5 km
GRID = GeoBox((40, 50), Affine(100, 0, 500_000, 0, -100, 5_000_000), "EPSG:32633")
DATES = ("2020-06-01T10:00:00Z", "2020-06-11T10:00:00Z", "2020-06-21T10:00:00Z")
SPATIAL = (SpatialDimension("y", "y"), SpatialDimension("x", "x"))


def cube(bands=("row", "column", "date"), dates=DATES, dtype="float32", nodata=None):
    dimensions = (TemporalDimension("t", dates),) if dates else ()
    if bands:
        dimensions = (*dimensions, BandsDimension("bands", tuple(bands)))
    described = tuple(Band(name, np.dtype(dtype), nodata) for name in (bands or ("",)))
    return CubeDescription((*dimensions, *SPATIAL), GRID, described)


@dataclass
class PositionPlan:
    """Band 0 holds the row, band 1 the column, band 2 the index of the date; NaN or `nodata` outside the grid."""

    description: CubeDescription | None = field(default_factory=cube)
    reads: list = field(default_factory=list)
    collections: tuple = ()

    def read(self, geobox, *, bands=None, labels=None, exact=False, context=None):
        self.reads.append((geobox, tuple(bands), dict(labels)))
        rows, columns = positions(geobox)
        inside = (rows >= 0) & (rows < GRID.shape.y) & (columns >= 0) & (columns < GRID.shape.x)
        shape = tuple(len(labels[d.name]) for d in self.description.labelled)
        date = labels["t"][0] if "t" in labels else 0
        layers = (rows, columns, np.full(rows.shape, date))
        return Block(tuple(self._pixels(layers[i], inside, shape, self.description.bands[i]) for i in bands))

    def _pixels(self, layer, inside, shape, band):
        null = np.nan if band.nodata is None else band.nodata
        values = np.where(inside, layer, null).astype(band.dtype)
        return Pixels(np.broadcast_to(values, (*shape, *values.shape)).copy(), band.nodata)


def positions(geobox):
    """Row and column of `GRID` under each pixel's centre."""
    height, width = geobox.shape
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    world_x, world_y = geobox.affine @ (x.ravel(), y.ravel())
    own_x, own_y = transform(str(geobox.crs), "EPSG:32633", world_x, world_y)
    columns, rows = ~GRID.affine @ (np.array(own_x), np.array(own_y))
    return (np.floor(v).reshape(height, width).astype(int) for v in (rows, columns))


@dataclass(frozen=True)
class StoredService:
    id: str = "abc"
    owner: str = "ann"
    type: str = "XYZ"
    title: str | None = "Rows"
    description: str | None = None
    process: dict = field(default_factory=lambda: {"process_graph": {}})
    configuration: dict = field(default_factory=dict)
    enabled: bool = True
    version: int = 1


class Store(dict):
    def find(self, service_id):
        if service_id not in self:
            raise OpenEOError("ServiceNotFound", identifier=service_id)
        return self[service_id]

    def state(self, service_id):
        return ServiceState(self.find(service_id).version, self.revision())

    def log(self, service_id, level, message, **fields):
        self.__dict__.setdefault("entries", []).append((service_id, level, message, fields))
        return True

    def add_use(self, service_id, use):
        uses = self.__dict__.setdefault("uses", {})
        uses[service_id] = uses[service_id] + use if service_id in uses else use
        return True

    def put(self, service):
        old = self.get(service.id)
        self[service.id] = replace(service, version=old.version + 1) if old else service
        return self[service.id]


@dataclass
class FakeBackend:
    plan: PositionPlan
    services: Store = field(default_factory=Store)
    settings: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(threads=2, tile_max_zoom=20, public_base="http://maps.test")
    )
    planned: list = field(default_factory=list)
    changed: dict = field(default_factory=dict)
    revision: int = 1

    def __post_init__(self):
        self.services.revision = self.catalogue_revision

    def catalogue_revision(self):
        return self.collections.revision()

    @property
    def collections(self):
        return SimpleNamespace(
            revision=lambda: (self.revision, repr(self.changed)), changed=lambda ids: dict(self.changed)
        )

    @property
    def driver(self):
        def plan(process, user, parameters=None):
            self.planned.append((process, user, parameters))
            return self.plan

        return SimpleNamespace(plan=plan)


@pytest.fixture
def make_backend() -> Callable:
    def make(plan=None, **service):
        backend = FakeBackend(plan or PositionPlan())
        backend.services.put(StoredService(**service))
        return backend

    return make


@pytest.fixture
def fakes():
    return SimpleNamespace(
        cube=cube, PositionPlan=PositionPlan, StoredService=StoredService, GRID=GRID, DATES=DATES, positions=positions
    )
