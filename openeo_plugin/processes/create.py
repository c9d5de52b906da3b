"""Cubes that come from nowhere."""

from __future__ import annotations

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.pixels import null_pixels
from openeo_plugin.engine.memory import MemoryCube
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import process
from openeo_plugin.processes.types import RasterCube


@process(level="L3", categories=["cubes"])
def create_data_cube(*, environment: Environment) -> RasterCube:
    """Make a cube without dimensions, to which dimensions can be added.

    Its only value is null.

    Returns: a cube without dimensions.
    Source: openeo-processes 2.0.0-rc.2, create_data_cube.
    """
    dtype = np.dtype(np.float32)
    grid = GeoBox((1, 1), Affine(1, 0, 0, 0, -1, 0), None)
    description = CubeDescription((), grid, (Band("", dtype, np.nan),), free=False)
    return MemoryCube(environment.node, description, (null_pixels((1, 1), dtype, np.nan),))
