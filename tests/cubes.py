"""Small cubes in memory with known values, processes called on them, and what a cube holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from affine import Affine
from conformance.runner import EmptyEnvironment, Lookup
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import (
    BandsDimension,
    Dimension,
    OtherDimension,
    SpatialDimension,
    TemporalDimension,
)
from openeo_plugin.cube.grid import Grid, Window, whole
from openeo_plugin.cube.pixels import Array, Block, Mask, Palette, Pixels
from openeo_plugin.engine.memory import MemoryCube
from openeo_plugin.engine.operator import Operator, RunContext, everything
from openeo_plugin.engine.schedule import compute_all
from openeo_plugin.graph.parse import parse
from openeo_plugin.processes.evaluate import Callback, Scope, invoke
from openeo_plugin.processes.registry import predefined

Y, X = SpatialDimension("y", "y"), SpatialDimension("x", "x")
DAYS = ("2020-06-01T00:00:00Z", "2020-06-03T00:00:00Z", "2020-06-05T00:00:00Z", "2020-07-01T00:00:00Z")


def call(process_id: str, **arguments: Any) -> Any:
    """Call a process; process graphs among the arguments become callbacks."""
    given = {name: _given(value) for name, value in arguments.items()}
    return invoke(predefined()[process_id], given, Scope(Lookup(), EmptyEnvironment(), {}, "node"))


def _given(value: Any) -> Any:
    if isinstance(value, dict) and "process_graph" in value:
        return Callback(parse(value["process_graph"]), Scope(Lookup(), EmptyEnvironment(), {}, "node"))
    return value


def graph(process_id: str, **arguments: Any) -> dict[str, Any]:
    """A callback of one node; a parameter is written `$data`."""
    return chain((process_id, arguments))


def chain(*steps: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A callback of several nodes; the last one is the result. `#0` is the value of the first one."""
    nodes: dict[str, Any] = {}
    for place, (process_id, arguments) in enumerate(steps):
        nodes[f"n{place}"] = {"process_id": process_id, "arguments": _referring(arguments)}
    nodes[f"n{len(steps) - 1}"]["result"] = True
    return {"process_graph": nodes}


def _referring(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        return {"from_parameter": value[1:]}
    if isinstance(value, str) and value.startswith("#"):
        return {"from_node": f"n{value[1:]}"}
    if isinstance(value, dict):
        return {k: _referring(v) for k, v in value.items()}
    return [_referring(v) for v in value] if isinstance(value, list) else value


def grid(rows: int, columns: int, *, ascending: bool = False) -> GeoBox:
    """Pixels of 10 m in EPSG:32632; y descends unless told otherwise."""
    north = 5_000_000.0
    affine = Affine(10, 0, 500_000, 0, 10, north - 10 * rows) if ascending else Affine(10, 0, 500_000, 0, -10, north)
    return GeoBox((rows, columns), affine, "EPSG:32632")


def cube(
    dimensions: Sequence[Dimension],
    values: Any,
    *,
    nodata: float | None = None,
    dtype: Any = np.float32,
    where: Grid | None = None,
) -> MemoryCube:
    """A cube of nested lists: (bands if there are any, other labelled dimensions in order, rows, columns).

    None is null: the sentinel, if one is given, else a mask.
    """
    cells = np.array(values, object)
    null = np.array([c is None for c in cells.flat], bool).reshape(cells.shape)
    plain = np.where(null, 0 if nodata is None else nodata, cells).astype(dtype)
    bands_dimension = next((d for d in dimensions if isinstance(d, BandsDimension)), None)
    if bands_dimension is None:
        plain, null = plain[np.newaxis], null[np.newaxis]
    names = [str(label) for label in bands_dimension.labels] if bands_dimension else [""]
    masked = nodata is None and bool(null.any())
    bands = tuple(Band(name, plain.dtype, nodata, nullable=masked) for name in names)
    pixels = tuple(
        Pixels(own, nodata, None if nodata is not None or not masked else Mask(flags))
        for own, flags in zip(plain, null, strict=True)
    )
    box = where or grid(*plain.shape[-2:])
    return MemoryCube("cube", CubeDescription(tuple(dimensions), box, bands, free=False), pixels)


def series(values: Sequence[Any], labels: Sequence[str | int] = DAYS, *, dtype: Any = np.float64) -> MemoryCube:
    """One pixel along t."""
    t = TemporalDimension("t", tuple(labels))
    return cube([t, Y, X], [[[value]] for value in values], dtype=dtype)


def computed(operator: Operator, window: Window | None = None, *, exact: bool = True) -> Block:
    """The whole cube, or a window of it."""
    description = operator.description
    request = everything(description, window or whole(description.grid), exact=exact)
    return compute_all([(operator, request)], RunContext())[0]


def cells(pixels: Pixels) -> Any:
    """Nested lists; null is None."""
    plain = pixels.plain()
    found = plain.values.astype(object)
    null = plain.null()
    if null is not None:
        found[null] = None
    return found.tolist()


def values(operator: Operator) -> Any:
    """All values as nested lists: (bands if there are any, other labelled dimensions, rows, columns)."""
    found = [cells(p) for p in computed(operator).bands]
    return found if operator.description.bands_dimension is not None else found[0]


def along(operator: Operator) -> list[Any]:
    """The values of a cube of one pixel with one labelled dimension."""
    found: list[Any] = [plane[0][0] for plane in values(operator)]
    return found


# Cubes for what must hold of every operator. Their extents are no multiple of anything.


def nulls_and_nans() -> MemoryCube:
    """t, bands, y, x; float32. The first band has -1 for null and NaN besides, the second a mask and NaN."""
    rng = np.random.default_rng(1)
    box = grid(53, 41)
    shape = (4, *box.shape)
    first = rng.uniform(0, 100, shape).astype(np.float32)
    first[rng.random(shape) < 0.2] = -1
    second = rng.uniform(0, 100, shape).astype(np.float32)
    mask = rng.random(shape) < 0.2
    for band in (first, second):
        band[rng.random(shape) < 0.1] = np.nan
    f4 = np.dtype(np.float32)
    bands = (
        Band("B1", f4, -1.0, common_name="red", center_wavelength_um=0.66),
        Band("B2", f4, None, nullable=True, common_name="nir", center_wavelength_um=0.84),
    )
    dimensions = (TemporalDimension("t", DAYS), BandsDimension("bands", ("B1", "B2")), Y, X)
    pixels = (Pixels(first, -1.0), Pixels(second, mask=Mask(mask)))
    return MemoryCube("nulls", CubeDescription(dimensions, box, bands, free=False), pixels)


def two_times() -> MemoryCube:
    """t, t2, y, x; int16 with a sentinel; y ascends, and the labels of t2 descend."""
    rng = np.random.default_rng(2)
    box = grid(47, 59, ascending=True)
    numbers = rng.integers(-50, 50, (4, 2, *box.shape)).astype(np.int16)
    numbers[rng.random(numbers.shape) < 0.2] = -999
    dimensions = (TemporalDimension("t", DAYS), TemporalDimension("t2", ("2021-01-01", "2020-01-01")), Y, X)
    band = Band("", np.dtype(np.int16), -999)
    return MemoryCube("times", CubeDescription(dimensions, box, (band,), free=False), (Pixels(numbers, -999),))


def palettes() -> MemoryCube:
    """t, bands, y, x; 8-bit codes with a table, null among its entries."""
    rng = np.random.default_rng(3)
    box = grid(45, 50)
    null = np.zeros(256, bool)
    null[[0, 7]] = True
    palette = Palette(np.arange(256, dtype=np.uint8), null)
    made = tuple(Pixels(rng.integers(0, 12, (4, *box.shape)).astype(np.uint8), palette=palette) for _ in range(2))
    bands = tuple(Band(name, np.dtype(np.uint8), nullable=True) for name in ("S1", "S2"))
    dimensions = (TemporalDimension("t", DAYS), BandsDimension("bands", ("S1", "S2")), Y, X)
    return MemoryCube("palettes", CubeDescription(dimensions, box, bands, free=False), made)


def mixed_bands() -> MemoryCube:
    """x, y, level, bands in this order; every band of a type and sentinel of its own."""
    rng = np.random.default_rng(4)
    box = grid(38, 61)
    shape = (3, *box.shape)
    drawn = rng.integers(0, 100, shape)
    made: list[tuple[Array, float | int | None]] = [
        (drawn.astype(np.uint8), 0),
        (np.where(drawn < 20, -9999, drawn * 7).astype(np.int16), -9999),
        (np.where(drawn < 10, np.nan, drawn / 3).astype(np.float32), np.nan),
        (drawn.astype(np.float64) / 7, None),
        (drawn > 50, None),
    ]
    names = tuple(f"M{i}" for i in range(len(made)))
    bands = tuple(Band(n, own.dtype, nodata) for n, (own, nodata) in zip(names, made, strict=True))
    dimensions = (X, Y, OtherDimension("level", (10, 20, 30)), BandsDimension("bands", names))
    pixels = tuple(Pixels(own, nodata) for own, nodata in made)
    return MemoryCube("mixed", CubeDescription(dimensions, box, bands, free=False), pixels)


FACTORIES = (nulls_and_nans, two_times, palettes, mixed_bands)
