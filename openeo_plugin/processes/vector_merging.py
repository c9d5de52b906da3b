"""`merge_cubes` of vector cubes whose geometries differ: those of the second cube follow those of the first.

Values lie in a row with a column for each geometry, so cubes are merged like rasters side by side: the columns are
ordered such that what both have lies in the middle, and put back into order afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.geometries import Geometries
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.pinned import pin
from openeo_plugin.engine.operators.select import Move
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.geometry_dimension import folded, spread

_POINT, _LINE, _POLYGON = range(3)
_BASE = {0: _POINT, 1: _LINE, 2: _LINE, 3: _POLYGON, 4: _POINT, 5: _LINE, 6: _POLYGON}


@dataclass(frozen=True)
class _Union:
    """Places of geometries: of the first cube those it has alone, pairs of what both have, of the second the rest."""

    first: tuple[int, ...]
    both: tuple[tuple[int, int], ...]
    second: tuple[int, ...]


def merge_geometries(
    node: str, cube1: LazyVectorCube, cube2: LazyVectorCube, merge: Callable[[Operator, Operator], Operator]
) -> LazyVectorCube:
    """Two vector cubes as one; where a cube lacks a geometry, its values don't count.

    merge: of the values, whose geometry dimension is x.
    Raises: IncompatibleGeometryTypes, IncompatibleDataCubes, and what `merge` raises.
    """
    if cube1.geometries.dimension != cube2.geometries.dimension:
        raise OpenEOError("IncompatibleDataCubes", reason="the geometry dimensions have different names.")
    if _base_types(cube1.geometries) | _base_types(cube2.geometries) not in [set(), {_POINT}, {_LINE}, {_POLYGON}]:
        raise OpenEOError("IncompatibleGeometryTypes")
    try:
        cube2 = replace(cube2, geometries=cube2.geometries.in_crs(cube1.geometries.crs))
    except ValueError as error:
        raise OpenEOError("IncompatibleDataCubes", reason=str(error)) from None
    found = _union(cube1.geometries, cube2.geometries)
    order = (*found.first, *(a for a, _ in found.both))
    left = pin(spread(node, cube1.taken(node, order), "merge_cubes"))
    right = pin(spread(node, cube2.taken(node, (*(b for _, b in found.both), *found.second)), "merge_cubes"))
    values = merge(left, _moved(node, right, len(found.first)))
    geometries = _joined(cube1.geometries.taken(order), cube2.geometries.taken(found.second))
    made = LazyVectorCube(node, geometries, folded(node, values, geometries.dimension))
    places = {place: at for at, place in enumerate(order)}
    back = (*(places[i] for i in range(len(order))), *range(len(order), len(geometries)))
    return made.taken(node, back)


def _base_types(geometries: Geometries) -> set[int]:
    kinds = shapely.get_type_id(geometries.shapes[~shapely.is_empty(geometries.shapes)])
    return {_BASE.get(int(kind), -1) for kind in kinds}


def _union(first: Geometries, second: Geometries) -> _Union:
    """Geometries are the same if they cover the same points; each has one partner at most."""
    waiting: dict[bytes, list[int]] = {}
    for place, key in reversed(list(enumerate(_keys(first)))):
        waiting.setdefault(key, []).append(place)
    both, rest = [], []
    for place, key in enumerate(_keys(second)):
        partners = waiting.get(key)
        if partners:
            both.append((partners.pop(), place))
        else:
            rest.append(place)
    shared = {a for a, _ in both}
    return _Union(tuple(i for i in range(len(first)) if i not in shared), tuple(both), tuple(rest))


def _keys(geometries: Geometries) -> list[bytes]:
    keys: list[bytes] = shapely.to_wkb(shapely.normalize(geometries.shapes)).tolist()
    return keys


def _moved(node: str, values: Operator, columns: int) -> Operator:
    grid = GeoBox(values.description.grid.shape, Affine.translation(columns, 0), None)
    return Move(node, (values,), replace(values.description, grid=grid))


def _joined(first: Geometries, second: Geometries) -> Geometries:
    return replace(
        first,
        shapes=np.concatenate([first.shapes, second.shapes]),
        properties=(*first.properties, *second.properties),
        ids=(*first.ids, *second.ids),
    )
