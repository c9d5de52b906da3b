"""Processes that keep a part of a cube."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from odc.geo.geobox import GeoBox

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, Label, SpatialDimension
from openeo_plugin.cube.extents import bounding_box, crop
from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.instants import interval, within
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.select import Crop, Select
from openeo_plugin.engine.operators.spatial import coordinates_along
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import (
    SPATIAL,
    BandsCube,
    BoundingBoxJson,
    LabelCondition,
    RasterCube,
    TemporalCube,
    TemporalInterval,
)
from openeo_plugin.processes.vectors import within_box

LocatedCube = Annotated[
    Any,
    Schema(
        [
            {"type": "object", "subtype": "datacube", "dimensions": [SPATIAL]},
            {"type": "object", "subtype": "datacube", "dimensions": [{"type": "geometry"}]},
        ]
    ),
]
"""An operator whose cube has x and y, or a vector cube."""

FilteredBands = Annotated[list[str], Schema({"type": "array", "items": {"type": "string", "subtype": "band-name"}})]
Wavelengths = Annotated[
    list[list[float]],
    Schema(
        {
            "type": "array",
            "items": {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "items": {"type": "number"},
                "examples": [[[0.45, 0.5], [0.6, 0.7]]],
            },
        }
    ),
]


def select_labels(node: str, cube: Operator, name: str, kept: Sequence[int]) -> Select:
    """Some labels of a dimension (bands included), in the order given."""
    description = cube.description
    dimension = description.dimension(name)
    if isinstance(dimension, SpatialDimension):
        raise OpenEOError("DimensionNotAvailable", dimension=name, available=_labelled_names(description))
    changed = description.with_dimension(name, replace(dimension, labels=tuple(dimension.labels[i] for i in kept)))
    bands = tuple(range(len(description.bands)))
    labels = [tuple(range(len(d.labels))) for d in description.labelled]
    if isinstance(dimension, BandsDimension):
        bands = tuple(kept)
        changed = replace(changed, bands=tuple(description.bands[i] for i in kept))
    else:
        labels[description.axis(name)] = tuple(kept)
    return Select(node, (cube,), changed, bands, tuple(labels))


def _labelled_names(description: CubeDescription) -> str:
    return ", ".join(d.name for d in description.dimensions if not isinstance(d, SpatialDimension)) or "none"


@process(level="L2", categories=["cubes", "filter"])
def filter_bbox(data: LocatedCube, extent: BoundingBoxJson, *, environment: Environment) -> LocatedCube:
    """Keep the pixels whose centre lies in a bounding box, or the geometries that lie in it as a whole.

    If there is none the cube is empty, and can't be stored.

    Args:
        data: a cube with x and y, or a vector cube.
        extent: the box, in any reference system; it is transformed to that of the cube.
    Returns: the same dimensions, fewer pixels or geometries.
    Source: openeo-processes 2.0.0-rc.2, filter_bbox.
    """
    box = bounding_box(extent, "filter_bbox", "extent")
    if isinstance(data, LazyVectorCube):
        return within_box(data, box, environment.node)
    description = data.description
    description.require_space()
    try:
        grid = crop(description.grid, box.bounds_in(description.grid.crs))
    except ValueError:
        grid = None
    if grid is None:
        grid = GeoBox((0, 0), description.grid.affine, description.grid.crs)
    return data if grid is description.grid else Crop(environment.node, (data,), replace(description, grid=grid))


@process(level="L2", categories=["cubes", "filter"])
def filter_temporal(
    data: TemporalCube, extent: TemporalInterval, dimension: str | None = None, *, environment: Environment
) -> TemporalCube:
    """Keep the labels of a temporal dimension that lie in a left-closed interval.

    Args:
        data: a cube with at least one temporal dimension.
        extent: start <= t < end; either end may be open.
        dimension: every temporal dimension if null.
    Returns: the same dimensions in the same order, fewer labels.
    Raises: DimensionNotAvailable, TemporalExtentEmpty.
    Source: openeo-processes 2.0.0-rc.2, filter_temporal.
    """
    description = data.description
    start, end = interval(extent, "filter_temporal", "extent")
    temporal = [d.name for d in description.temporal]
    if dimension is not None and dimension not in temporal:
        raise OpenEOError("DimensionNotAvailable", dimension=dimension, available=", ".join(temporal) or "none")
    if not temporal:
        raise OpenEOError("DimensionNotAvailable", dimension="temporal", available="none")
    cube: Operator = data
    for name in [dimension] if dimension else temporal:
        labels = next(d.labels for d in cube.description.labelled if d.name == name)
        kept = [i for i, label in enumerate(labels) if within(str(label), start, end)]
        cube = select_labels(environment.node, cube, name, kept)
    return cube


@process(level="L2A", categories=["cubes", "filter"])
def filter_bands(
    data: BandsCube,
    bands: FilteredBands = [],  # noqa: B006
    wavelengths: Wavelengths = [],  # noqa: B006
    *,
    environment: Environment,
) -> BandsCube:
    """Keep some bands of a cube, in the order in which they are asked for.

    A band is taken once, where it is named first; names come before wavelengths. A name that no band has is passed
    over; a cube without any band is empty, and can't be stored.

    Args:
        data: a cube with one bands dimension.
        bands: names; where no band is called so, a common name.
        wavelengths: [from, to] in micrometres; bands whose centre wavelength lies in one of them are taken.
    Returns: the same dimensions, fewer bands.
    Raises: BandFilterParameterMissing, DimensionMissing.
    Source: openeo-processes 2.0.0-rc.2, filter_bands.
    """
    if not bands and not wavelengths:
        raise OpenEOError("BandFilterParameterMissing")
    description = data.description
    dimension = description.bands_dimension
    if dimension is None:
        raise OpenEOError("DimensionMissing", type="bands")
    kept: list[int] = []
    for name in bands:
        kept += _bands_called(description, name)
    for low, high in wavelengths:
        if low > high:
            reason = f"the range {low} to {high} is empty."
            raise OpenEOError("ProcessParameterInvalid", process="filter_bands", parameter="wavelengths", reason=reason)
        kept += [
            i
            for i, band in enumerate(description.bands)
            if band.center_wavelength_um is not None and low <= band.center_wavelength_um <= high
        ]
    return select_labels(environment.node, data, dimension.name, list(dict.fromkeys(kept)))


def _bands_called(description: CubeDescription, name: str) -> list[int]:
    """Bands of that name; if there is none, of that common name."""
    found = [i for i, band in enumerate(description.bands) if band.name == name]
    return found or [i for i, band in enumerate(description.bands) if band.is_called(name)]


@process(level="L3", categories=["cubes", "filter"])
def filter_labels(
    data: RasterCube, condition: LabelCondition, dimension: str, context: Any = None, *, environment: Environment
) -> RasterCube:
    """Keep the labels of a dimension for which a condition holds.

    The labels of x and y are the coordinates of pixel centres; those that stay must lie side by side.

    Args:
        data: any cube.
        condition: called with every label.
        dimension: whose labels are asked.
        context: handed on to the condition.
    Returns: the same dimensions, fewer labels.
    Raises: DimensionNotAvailable.
    Source: openeo-processes 2.0.0-rc.2, filter_labels.
    """
    found = data.description.dimension(dimension)
    labels = found.labels if not isinstance(found, SpatialDimension) else _coordinates(data.description, found)
    kept = [i for i, label in enumerate(labels) if condition(value=label, context=context) is True]
    if isinstance(found, SpatialDimension):
        return _filter_pixels(environment.node, data, found, kept)
    return select_labels(environment.node, data, dimension, kept)


def _coordinates(description: CubeDescription, dimension: SpatialDimension) -> tuple[Label, ...]:
    return coordinates_along(description.grid, (dimension.axis,)) or ()


def _filter_pixels(node: str, data: Operator, dimension: SpatialDimension, kept: list[int]) -> Operator:
    """Some rows or columns, one beside the other."""
    grid = data.description.grid
    rows, columns = grid.shape
    count = rows if dimension.axis == "y" else columns
    if len(kept) == count:
        return data
    if not kept:
        part = GeoBox((0, 0), grid.affine, grid.crs)
    elif kept[-1] - kept[0] + 1 != len(kept):
        reason = f"the labels that stay along '{dimension.name}' don't lie side by side; a grid has no gaps."
        raise OpenEOError("ProcessGraphInvalid", reason=reason)
    elif dimension.axis == "y":
        part = Window(grid, kept[0], 0, len(kept), columns).geobox()
    else:
        part = Window(grid, 0, kept[0], rows, len(kept)).geobox()
    return Crop(node, (data,), replace(data.description, grid=part))
