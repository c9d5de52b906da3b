"""Geometries made valid, unless they cross themselves so often that it would take minutes and gigabytes.

Two hundred vertices in any order are crossed by their edges six thousand times. What is drawn by people or cut out of
pixels crosses itself a few times, however many vertices it has.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CROSSINGS_MAX = 300
NEIGHBOURS_MAX = 200_000
_NEIGHBOURS_PER_EDGE = 20
_EDGES_AT_ONCE = 100
_LINES = (1, 2)
_POLYGON = 3


class TangledGeometryError(ValueError):
    """A geometry crosses itself too often."""

    def __init__(self, most: int) -> None:
        super().__init__(f"a geometry crosses itself more than {most} times, or has too many edges in one place")


def made_valid(geometry: Any) -> Any:
    """A geometry without crossings of its edges; itself if it has none.

    Raises: TangledGeometryError.
    """
    import shapely

    if shapely.is_valid(geometry):
        return geometry
    refuse_tangled(geometry)
    return shapely.make_valid(geometry)


def refuse_tangled(geometry: Any, most: int = CROSSINGS_MAX) -> None:
    """Look at the edges of a geometry, those of all its parts together.

    Raises: TangledGeometryError.
    """
    edges = _edges(geometry)
    if len(edges) * (len(edges) - 1) // 2 > most and _is_tangled(edges, most):
        raise TangledGeometryError(most)


def _is_tangled(edges: Any, most: int) -> bool:
    """Whether too many pairs of edges meet elsewhere than at their ends, or so many lie near that nobody can tell."""
    import shapely

    lines = shapely.linestrings(edges)
    tree = shapely.STRtree(lines)
    allowed, crossings = NEIGHBOURS_MAX + _NEIGHBOURS_PER_EDGE * len(edges), 0
    for first in range(0, len(edges), _EDGES_AT_ONCE):
        ours, theirs = tree.query(lines[first : first + _EDGES_AT_ONCE])
        ours = ours + first
        later = theirs > ours
        ours, theirs = ours[later], theirs[later]
        allowed -= len(ours)
        if allowed < 0:
            return True
        apart = ~_share_an_end(edges[ours], edges[theirs])
        crossings += int(shapely.intersects(lines[ours[apart]], lines[theirs[apart]]).sum())
        if crossings > most:
            return True
    return False


def _share_an_end(ours: Any, theirs: Any) -> Any:
    same = (ours[:, :, None, :] == theirs[:, None, :, :]).all(axis=-1)
    return same.any(axis=(1, 2))


def _edges(geometry: Any) -> Any:
    """Edges of lines and polygons, each once: (n, 2, 2), ends by x and y."""
    import shapely

    parts = shapely.get_parts(geometry)
    while (shapely.get_type_id(parts) > _POLYGON).any():
        parts = shapely.get_parts(parts)
    rings = shapely.get_rings(parts[shapely.get_type_id(parts) == _POLYGON])
    lines = parts[np.isin(shapely.get_type_id(parts), _LINES)]
    points, ring = shapely.get_coordinates(np.concatenate([rings, lines]), return_index=True)
    same = ring[1:] == ring[:-1]
    first, last = points[:-1][same], points[1:][same]
    turned = (first[:, 0] > last[:, 0]) | ((first[:, 0] == last[:, 0]) & (first[:, 1] > last[:, 1]))
    ends = np.where(turned[:, None, None], np.stack([last, first], axis=1), np.stack([first, last], axis=1))
    return np.unique(ends.reshape(-1, 4), axis=0).reshape(-1, 2, 2)
