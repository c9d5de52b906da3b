"""Geometries with their properties, ids and reference system: what a vector cube has along its geometry dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from db.validity import refuse_tangled
from openeo_plugin.cube.dimensions import Label
from openeo_plugin.cube.pixels import Array
from openeo_plugin.cube.reference_system import reference_system

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

LON_LAT = "EPSG:4326"
GEOMETRY = "geometry"
NO_GEOMETRY = shapely.GeometryCollection()
_EDGE_DEGREES = 0.01
_EDGE_M = 1000.0
_MOST_EDGES = 20_000
_MOST_VERTICES = 5_000_000
_MOST_CROSSINGS = 20_000


@dataclass(frozen=True, eq=False)
class Geometries:
    """Some geometries, in order.

    Args:
        shapes: object (n,) of shapely geometries, x before y; an empty geometry where a feature has none.
        properties: one mapping per geometry.
        ids: as the features have them; None where a feature has none.
        crs: `EPSG:<code>`, or WKT2 where there is no code.
        dimension: name of the geometry dimension.
    """

    shapes: Array
    properties: tuple[Mapping[str, Any], ...]
    ids: tuple[Label | None, ...]
    crs: str = LON_LAT
    dimension: str = GEOMETRY

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def labels(self) -> tuple[Label, ...]:
        """The ids if all have one of their own, else the positions from 0."""
        if all(i is not None for i in self.ids) and len(set(self.ids)) == len(self.ids):
            return tuple(i for i in self.ids if i is not None)
        return tuple(range(len(self)))

    def taken(self, places: Sequence[int]) -> Geometries:
        """Some of the geometries, in the order given."""
        return replace(
            self,
            shapes=self.shapes[list(places)] if len(places) else self.shapes[:0],
            properties=tuple(self.properties[i] for i in places),
            ids=tuple(self.ids[i] for i in places),
        )

    def with_shapes(self, shapes: Array, crs: str | None = None) -> Geometries:
        """The same features with other shapes, place by place."""
        return replace(self, shapes=shapes, crs=crs or self.crs)

    def in_crs(self, crs: str, *, follow_edges: bool = False) -> Geometries:
        """In another reference system.

        Args:
            crs: the target.
            follow_edges: long edges get more vertices first, so that they stay where they are straight now.
        Raises: ValueError if a geometry can't be expressed in it.
        """
        if same_crs(self.crs, crs):
            return replace(self, crs=crs)
        shapes = _denser(self.shapes, self.crs) if follow_edges else self.shapes
        return replace(self, shapes=transformed(shapes, self.crs, crs), crs=crs)

    def frame(self) -> GeoDataFrame:
        """A GeoDataFrame: properties as columns, `geometry`, and the labels as index."""
        from geopandas import GeoDataFrame

        names = list(dict.fromkeys(name for own in self.properties for name in own if name != GEOMETRY))
        columns = {name: [own.get(name) for own in self.properties] for name in names}
        return GeoDataFrame(columns, geometry=list(self.shapes), crs=self.crs, index=list(self.labels))


def geometries_of(
    shapes: Sequence[Any] | Array,
    crs: str = LON_LAT,
    properties: Sequence[Mapping[str, Any]] | None = None,
    ids: Sequence[Label | None] | None = None,
) -> Geometries:
    """Geometries from a list of shapely ones; None stands for an empty one."""
    array = np.empty(len(shapes), object)
    for place, shape in enumerate(shapes):
        array[place] = NO_GEOMETRY if shape is None else shape
    return Geometries(
        array,
        tuple(properties) if properties is not None else ({},) * len(array),
        tuple(ids) if ids is not None else (None,) * len(array),
        crs,
    )


def crs_name(code: Any) -> str:
    """`EPSG:<code>` of a code, a WKT or a pyproj CRS; WKT2 where there is no code.

    Raises: ValueError.
    """
    try:
        crs = reference_system(code) if isinstance(code, int | str) else CRS.from_user_input(code)
    except CRSError:
        raise ValueError(f"'{str(code)[:100]}' is no coordinate reference system") from None
    epsg = crs.to_epsg()
    return f"EPSG:{epsg}" if epsg else crs.to_wkt()


def same_crs(first: str, second: str) -> bool:
    """Whether two reference systems are the same, axis order left aside."""
    return first == second or CRS.from_user_input(first).equals(CRS.from_user_input(second), ignore_axis_order=True)


def is_metric(crs: str) -> bool:
    """Whether coordinates are in metres."""
    units = {axis.unit_name for axis in CRS.from_user_input(crs).axis_info[:2]}
    return units == {"metre"}


def metres_per_unit(crs: str) -> float | None:
    """Length of a unit of both coordinates; None if they are angles."""
    axes = CRS.from_user_input(crs).axis_info[:2]
    factors = {axis.unit_conversion_factor for axis in axes}
    angles = any(axis.unit_name in ("degree", "radian", "grad", "gon") for axis in axes)
    return None if angles or len(factors) != 1 else factors.pop()


def transformed(shapes: Array, source: str, target: str) -> Array:
    """Shapes in another reference system, vertex by vertex.

    Raises: ValueError if a vertex can't be expressed in it.
    """
    transformer = Transformer.from_crs(source, target, always_xy=True)

    def change(coordinates: Array) -> Array:
        x, y = transformer.transform(coordinates[:, 0], coordinates[:, 1])
        return np.column_stack([x, y])

    try:
        moved: Array = shapely.transform(shapes, change)
    except (ProjError, shapely.errors.GEOSException):
        raise ValueError(f"a geometry can't be expressed in {target[:60]}") from None
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise ValueError(f"a geometry can't be expressed in {target[:60]}")
    return moved


def _denser(shapes: Array, crs: str) -> Array:
    """More vertices on long edges: 0.01 degrees or 1 km apart, which bends away by less than 0.1 m.

    Raises: ValueError, for edges that are too long or too tangled.
    """
    bounds = shapely.bounds(shapes)
    spans = np.nan_to_num(np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1]))
    step = _EDGE_DEGREES if CRS.from_user_input(crs).is_geographic else _EDGE_M
    long = spans > step
    if not long.any():
        return shapes
    steps = np.maximum(step, spans[long] / _MOST_EDGES)
    if (shapely.length(shapes[long]) / steps).sum() > _MOST_VERTICES:
        raise ValueError(f"the edges of the geometries are too long: they need more than {_MOST_VERTICES:,} vertices")
    for shape in shapes[long][~shapely.is_valid(shapes[long])]:
        refuse_tangled(shape, _MOST_CROSSINGS)  # GEOS makes them valid on the way
    denser = shapes.copy()
    denser[long] = shapely.segmentize(shapes[long], steps)
    return denser
