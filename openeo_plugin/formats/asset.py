"""A file that a writer has finished: what a result says about it without opening it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.dimensions import Label
from openeo_plugin.cube.grid import Grid


@dataclass(frozen=True)
class Asset:
    """One file of a result.

    Args:
        path: where the file lies; its name is unique within the result.
        grid: of the pixels; None for what is no raster.
        bands: as *stored* (dtype and nodata of the file), in the file's order.
        datetime: RFC 3339 instant in UTC, where the file holds exactly one.
        start, end: RFC 3339 instants, start <= t < end, where the file holds a period or several instants.
        labels: per labelled dimension (bands left out) the labels that the file holds, in order.
        block: (rows, columns) of the blocks in the file; None where it has none.
        overviews: decimation factors of the overviews, ascending.
    """

    path: Path
    media_type: str
    title: str
    size_bytes: int
    roles: tuple[str, ...] = ("data",)
    grid: Grid | None = None
    bands: tuple[Band, ...] = ()
    datetime: str | None = None
    start: str | None = None
    end: str | None = None
    labels: Mapping[str, tuple[Label, ...]] = field(default_factory=dict)
    block: tuple[int, int] | None = None
    overviews: tuple[int, ...] = ()
