"""`apply_neighborhood`: sizes and overlaps as users write them, and the callback that gets a chunk as a cube."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import SpatialDimension
from openeo_plugin.engine.memory import MemoryCube
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators import along
from openeo_plugin.engine.operators import neighborhood as operators
from openeo_plugin.engine.operators.neighborhood import Chunking
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.definition import Parameter
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import SPATIAL, SpatialCube, callback

_DURATION = r"^(-?)P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)([DW]))?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$"
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
                {"type": "string", "subtype": "duration", "pattern": _DURATION},
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
        size: per dimension the number of pixels (`px`) or labels, or meters (`m`) for x and y; null, or a dimension
            that is left out, for everything.
        overlap: added on every side of a chunk, and cut off afterwards.
        context: handed on to the process.
    Returns: the same dimensions and labels.
    Raises: DimensionNotAvailable, DataCubePropertiesImmutable.
    Source: openeo-processes 2.0.0-rc.2, apply_neighborhood.
    """
    chunks = _chunkings(data.description, size, overlap or [])
    rows, columns = (chunks.get(axis, Chunking()) for axis in ("y", "x"))
    labels = tuple(chunks.get(d.name, Chunking()) for d in data.description.labelled)
    single = _single_dimension(data.description, rows, columns, labels)
    if single is not None:
        return _along(environment.node, data, process, single, context)

    def computed(cube: MemoryCube) -> Operator:
        value = process(data=cube, context=context)
        if not isinstance(value, Operator):
            raise OpenEOError("DataCubePropertiesImmutable")
        return value

    return operators.apply_neighborhood(environment.node, data, computed, rows, columns, labels)


def _chunkings(
    description: CubeDescription, sizes: list[dict[str, Any]], overlaps: list[dict[str, Any]]
) -> dict[str, Chunking]:
    """Per dimension (`y` and `x` for the spatial ones, whatever they are called)."""
    found: dict[str, Chunking] = {}
    around = {entry["dimension"]: entry for entry in overlaps}
    for entry in sizes:
        name = entry["dimension"]
        key, length = _key(description, name), _length(description, entry, "size")
        found[key] = Chunking(min(length, _count(description, name)), 0)
    for name, entry in around.items():
        key = _key(description, name)
        own = found.get(key, Chunking())
        if own.size:
            found[key] = Chunking(own.size, _length(description, entry, "overlap"))
    return found


def _key(description: CubeDescription, name: str) -> str:
    dimension = description.dimension(name)
    return dimension.axis if isinstance(dimension, SpatialDimension) else name


def _count(description: CubeDescription, name: str) -> int:
    return description.shape[description.names.index(name)]


def _length(description: CubeDescription, entry: dict[str, Any], parameter: str) -> int:
    """Pixels or labels; 0 for everything (or, as an overlap, for none)."""
    value, unit = entry.get("value"), entry.get("unit")
    dimension = description.dimension(entry["dimension"])
    if value is None:
        return 0
    if isinstance(value, str):
        reason = "durations are not supported here; give a number of labels."
        raise OpenEOError("FeatureUnsupported", reason=reason)
    if isinstance(dimension, SpatialDimension) and unit != "px":
        affine = description.grid.affine
        step = abs(affine.a if dimension.axis == "x" else affine.e)
        value = round(value / step, 6)
    if value != math.floor(value) or (value < 1 and parameter == "size"):
        reason = f"{entry['dimension']}: {entry['value']} is no whole number of pixels or labels."
        raise OpenEOError("ProcessParameterInvalid", process="apply_neighborhood", parameter=parameter, reason=reason)
    return int(value)


def _single_dimension(
    description: CubeDescription, rows: Chunking, columns: Chunking, labels: tuple[Chunking, ...]
) -> str | None:
    """The only dimension along which a chunk has more than one value, if a chunk is a single pixel."""
    if (rows.size, columns.size, rows.overlap, columns.overlap) != (1, 1, 0, 0):
        return None
    others = [(d.name, c) for d, c in zip(description.labelled, labels, strict=True)]
    left = [name for name, chunk in others if chunk.size != 1 or chunk.overlap]
    if len(left) != 1 or description.bands_dimension is not None:
        return None
    chunk = dict(others)[left[0]]
    return left[0] if chunk.size in (0, _count(description, left[0])) else None


def _along(node: str, data: Operator, process: Callable[..., Any], dimension: str, context: Any) -> Operator:
    made: Operator = along.apply_along(node, data, dimension, None, process, context)
    if made.description.shape != data.description.shape:
        raise OpenEOError("DataCubePropertiesImmutable")
    return made
