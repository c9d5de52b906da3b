"""`apply_neighborhood`: sizes and overlaps as users write them, and the callback that gets a chunk as a cube."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import Dimension, LabelledDimension, SpatialDimension
from openeo_plugin.cube.geometries import metres_per_unit
from openeo_plugin.engine.memory import MemoryCube
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators import along
from openeo_plugin.engine.operators import neighborhood as operators
from openeo_plugin.engine.operators.neighborhood import Chunking, LabelChunk
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.definition import Parameter
from openeo_plugin.processes.durations import DURATION, Duration, instants_of, parse_duration, temporal_chunks
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import SPATIAL, SpatialCube, callback

MOST_OVERLAP_PX = 4096
_CHUNK: dict[str, Any] = {
    "type": "object",
    "subtype": "chunk-size",
    "required": ["dimension", "value"],
    "properties": {
        "dimension": {"type": "string"},
        "value": {
            "default": None,
            "anyOf": [
                {"type": "null"},
                {"type": "number", "minimum": 0},
                {"type": "string", "subtype": "duration", "pattern": DURATION},
            ],
        },
        "unit": {"default": None, "anyOf": [{"type": "null"}, {"type": "string", "enum": ["px", "m"]}]},
    },
}
_CUBE: dict[str, Any] = {"type": "object", "subtype": "datacube", "dimensions": [SPATIAL]}
Size = Annotated[list[dict[str, Any]], Schema({"type": "array", "items": _CHUNK})]
Overlap = Annotated[Any, Schema([{"type": "null"}, {"type": "array", "items": _CHUNK}])]
ChunkProcess = Annotated[
    Callable[..., Any],
    callback(
        Parameter("data", "A chunk with its overlap.", [_CUBE, {"type": "array", "subtype": "labeled-array"}]),
        returns=[_CUBE, {"type": "array"}],
    ),
]


@process(level="L3", categories=["cubes"])
def apply_neighborhood(
    data: SpatialCube,
    process: ChunkProcess,
    size: Size,
    overlap: Overlap = None,
    context: Any = None,
    *,
    environment: Environment,
) -> SpatialCube:
    """Apply a process to chunks of a cube.

    Chunks begin at the first pixel and the first label of the cube; what sticks out at its end is no data. A chunk of
    a single pixel is handed over as an array along the dimension that is left.

    Args:
        data: a cube with x and y.
        process: gives a cube of the same dimensions and labels.
        size: per dimension the number of pixels (`px`) or labels, or metres (`m`) for x and y, or for temporal
            dimensions a duration; null, or a dimension that is left out, for everything. Without unit, x and y are
            measured in that of the reference system. A duration is counted from the earliest label on; stretches
            without labels are left out.
        overlap: added on every side of a chunk, and cut off afterwards. In x and y what sticks out of the cube is no
            data, along other dimensions there is nothing beyond the first and the last label.
        context: handed on to the process.
    Returns: the same dimensions and labels.
    Raises: DimensionNotAvailable, DataCubePropertiesImmutable.
    Source: openeo-processes 2.0.0-rc.2, apply_neighborhood.
    """
    description = data.description
    description.require_space()
    lengths = _lengths(description, size, overlap or [])
    rows, columns = (_pixel_chunks(description, lengths, axis) for axis in ("y", "x"))
    labels = tuple(_label_chunks(d, *lengths.get(d.name, (0, 0))) for d in description.labelled)
    bands = _band_chunks(description, lengths)
    single = _single_dimension(description, rows, columns, labels)
    if single is not None:
        return _along(environment.node, data, process, single, context)

    def computed(cube: MemoryCube) -> Operator:
        value = process(data=cube, context=context)
        if not isinstance(value, Operator):
            raise OpenEOError("DataCubePropertiesImmutable")
        return value

    return operators.apply_neighborhood(environment.node, data, computed, rows, columns, labels, bands)


Length = int | Duration
"""Pixels or labels, 0 for everything (or, as an overlap, for none); or a span of time."""


def _lengths(
    description: CubeDescription, sizes: list[dict[str, Any]], overlaps: list[dict[str, Any]]
) -> dict[str, tuple[Length, Length]]:
    """Size and overlap of every dimension that is named."""
    found: dict[str, tuple[Length, Length]] = {}
    for entry in sizes:
        found[entry["dimension"]] = (_length(description, entry, "size"), 0)
    for entry in overlaps:
        name = entry["dimension"]
        found[name] = (found.get(name, (0, 0))[0], _length(description, entry, "overlap"))
    return found


def _pixel_chunks(description: CubeDescription, lengths: dict[str, tuple[Length, Length]], axis: str) -> Chunking:
    name = next(d.name for d in description.dimensions if isinstance(d, SpatialDimension) and d.axis == axis)
    size, overlap = lengths.get(name, (0, 0))
    assert isinstance(size, int)  # durations along x and y are refused
    assert isinstance(overlap, int)
    count = description.shape[description.names.index(name)]
    if overlap > MOST_OVERLAP_PX:
        raise _refused("overlap", f"{name}: {overlap} pixels are more than {MOST_OVERLAP_PX}.")
    return Chunking(min(size, count) or (count if overlap else 0), overlap)


def _label_chunks(dimension: LabelledDimension, size: Length, overlap: Length) -> tuple[LabelChunk, ...]:
    if isinstance(size, int) and isinstance(overlap, int):
        return Chunking(size, overlap).labels(len(dimension.labels))
    try:
        return temporal_chunks(instants_of(dimension.labels), size, overlap)
    except ValueError:
        reason = f"the labels of the dimension '{dimension.name}' are no instants; give numbers of labels."
        raise _refused("data", reason) from None


def _band_chunks(description: CubeDescription, lengths: dict[str, tuple[Length, Length]]) -> tuple[LabelChunk, ...]:
    dimension = description.bands_dimension
    size, overlap = lengths.get(dimension.name, (0, 0)) if dimension is not None else (0, 0)
    assert isinstance(size, int)  # durations along bands are refused
    assert isinstance(overlap, int)
    return Chunking(size, overlap).labels(len(description.bands))


def _refused(parameter: str, reason: str) -> OpenEOError:
    return OpenEOError("ProcessParameterInvalid", process="apply_neighborhood", parameter=parameter, reason=reason)


def _length(description: CubeDescription, entry: dict[str, Any], parameter: str) -> Length:
    """How long a chunk or an overlap is.

    Raises: DimensionNotAvailable, ProcessParameterInvalid.
    """
    value, unit, name = entry.get("value"), entry.get("unit"), entry["dimension"]
    dimension = description.dimension(name)
    if value is None:
        return 0
    if isinstance(value, str):
        return _duration(dimension, value, parameter)
    if isinstance(dimension, SpatialDimension):
        value = _pixels(description, dimension, value, unit, parameter)
    elif unit == "m":
        raise _refused(parameter, f"{name}: metres are a measure of x and y only.")
    if value != math.floor(value) or (value < 1 and parameter == "size"):
        raise _refused(parameter, f"{name}: {entry['value']} is no whole number of pixels or labels.")
    return int(value)


def _duration(dimension: Dimension, text: str, parameter: str) -> Length:
    if dimension.type != "temporal":
        raise _refused(parameter, f"{dimension.name}: a duration is a measure of temporal dimensions only.")
    try:
        duration = parse_duration(text)
    except ValueError as error:
        raise _refused(parameter, f"{dimension.name}: {error}") from None
    if not duration and parameter == "size":
        raise _refused(parameter, f"{dimension.name}: '{text}' has no length.")
    return duration or 0


def _pixels(
    description: CubeDescription, dimension: SpatialDimension, value: float, unit: str | None, parameter: str
) -> float:
    """Pixels of a length in pixels, in metres, or (without unit) in units of the reference system."""
    if unit == "px":
        return value
    grid = description.grid
    step = abs(grid.affine.a if dimension.axis == "x" else grid.affine.e)
    if unit == "m":
        metres = metres_per_unit(str(grid.crs)) if grid.crs is not None else None
        if metres is None:
            raise _refused(parameter, f"{dimension.name}: coordinates are not in a unit of length; give pixels (px).")
        step *= metres
    return round(value / step, 6)


def _single_dimension(
    description: CubeDescription, rows: Chunking, columns: Chunking, labels: tuple[tuple[LabelChunk, ...], ...]
) -> str | None:
    """The only dimension along which a chunk has more than one value, if a chunk is a single pixel."""
    if (rows.size, columns.size, rows.overlap, columns.overlap) != (1, 1, 0, 0):
        return None
    left = [
        (d.name, chunks)
        for d, chunks in zip(description.labelled, labels, strict=True)
        if any(len(chunk.held) != 1 for chunk in chunks)
    ]
    if len(left) != 1 or description.bands_dimension is not None:
        return None
    name, chunks = left[0]
    return name if len(chunks) == 1 else None


def _along(node: str, data: Operator, process: Callable[..., Any], dimension: str, context: Any) -> Operator:
    made: Operator = along.apply_along(node, data, dimension, None, process, context)
    if made.description.shape != data.description.shape:
        raise OpenEOError("DataCubePropertiesImmutable")
    return made
