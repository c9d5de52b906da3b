"""Spectral indices of bands that the back-end finds by their meaning."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from openeo_plugin.cube.dimensions import BandsDimension
from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.callbacks import reduce_dimension
from openeo_plugin.engine.operators.merging import merge_cubes
from openeo_plugin.engine.operators.select import Describe
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.elementwise import on_pixels
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import BandName, SpatialBandsCube, SpatialCube

TargetBand = Annotated[str | None, Schema([{"type": "string", "pattern": r"^\w+$"}, {"type": "null"}])]


class _NormalizedDifference:
    """(first - second) / (first + second) of two bands, as a callback of the engine."""

    tells_null = False

    def __init__(self, first: int, second: int) -> None:
        self.first = first
        self.second = second

    def __call__(self, data: Lanes, context: Any = None) -> Pixels:
        def compute(a: Any, b: Any) -> Any:
            with np.errstate(all="ignore"):
                return (a - b) / (a + b)

        return on_pixels(compute, [data.element(self.first), data.element(self.second)])


@process(level="L3", categories=["cubes", "math > indices", "vegetation indices"])
def ndvi(
    data: SpatialBandsCube,
    nir: BandName = "nir",
    red: BandName = "red",
    target_band: TargetBand = None,
    *,
    environment: Environment,
) -> SpatialCube:
    """Normalized difference vegetation index, (nir - red) / (nir + red).

    Args:
        data: a cube with x, y and bands.
        nir: name or common name of the near infrared band; a name counts before a common name.
        red: name or common name of the red band.
        target_band: null drops the bands dimension; a name keeps it and adds the index as a band of that name.
    Returns: the index; 0 / 0 is NaN.
    Raises: NirBandAmbiguous, RedBandAmbiguous, DimensionAmbiguous, BandExists.
    Source: openeo-processes 2.0.0-rc.2, ndvi.
    """
    description = data.description
    dimension = description.bands_dimension
    if dimension is None:
        raise OpenEOError("DimensionAmbiguous", type="bands", available="none")
    if target_band is not None and any(band.is_called(target_band) for band in description.bands):
        raise OpenEOError("BandExists", band=target_band)
    callback = _NormalizedDifference(_band(data, nir, "NirBandAmbiguous"), _band(data, red, "RedBandAmbiguous"))
    index = reduce_dimension(environment.node, data, dimension.name, callback, None)
    if target_band is None:
        return index
    return merge_cubes(environment.node, data, _as_band(index, dimension, target_band), None, None)


def _band(cube: Operator, name: str, code: str) -> int:
    bands = cube.description.bands
    named = [i for i, band in enumerate(bands) if band.name == name]
    named = named or [i for i, band in enumerate(bands) if band.is_called(name)]
    if len(named) != 1:
        raise OpenEOError(code)
    return named[0]


def _as_band(cube: Operator, dimension: BandsDimension, name: str) -> Describe:
    description = cube.description
    described = replace(
        description,
        dimensions=(replace(dimension, labels=(name,)), *description.dimensions),
        bands=(replace(description.bands[0], name=name),),
    )
    return Describe(cube.node, (cube,), described)
