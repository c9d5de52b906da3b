"""The dimensions of a data cube and their labels.

Spatial dimensions carry no labels here: their coordinates are those of the cube's grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Label = str | int | float


@dataclass(frozen=True)
class SpatialDimension:
    """`x` or `y`; the coordinates are the pixel centres of the cube's grid."""

    name: str
    axis: Literal["x", "y"]
    type: Literal["spatial"] = "spatial"


@dataclass(frozen=True)
class TemporalDimension:
    """Labels are RFC 3339 instants in UTC (`2020-06-01T00:00:00Z`), or period labels such as `2020-06`."""

    name: str
    labels: tuple[Label, ...]
    type: Literal["temporal"] = "temporal"


@dataclass(frozen=True)
class BandsDimension:
    """Labels are band names; what else is known of a band stands in `CubeDescription.bands`."""

    name: str
    labels: tuple[Label, ...]
    type: Literal["bands"] = "bands"


@dataclass(frozen=True)
class OtherDimension:
    """A dimension of any other meaning, with labels of its own."""

    name: str
    labels: tuple[Label, ...]
    type: Literal["other"] = "other"


@dataclass(frozen=True)
class GeometryDimension:
    """The geometries of a vector cube; labels are ids or WKT."""

    name: str
    labels: tuple[Label, ...]
    type: Literal["geometry"] = "geometry"


@dataclass(frozen=True)
class VerticalDimension:
    """`z`: heights or depths. It has labels of its own, since the grid knows x and y only."""

    name: str
    labels: tuple[Label, ...]
    axis: Literal["z"] = "z"
    type: Literal["spatial"] = "spatial"


LabelledDimension = TemporalDimension | BandsDimension | OtherDimension | GeometryDimension | VerticalDimension
Dimension = SpatialDimension | LabelledDimension
