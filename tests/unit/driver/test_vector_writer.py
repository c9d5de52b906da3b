"""Vector cubes that a run computes, on their way into a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from openeo_plugin.cube.dimensions import BandsDimension, LabelledDimension, TemporalDimension
from openeo_plugin.cube.geometries import geometries_of
from openeo_plugin.driver.vector_writer import VectorWriter
from openeo_plugin.engine.memory import MemoryCube
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.operators.vector import LazyVectorCube, values_description
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.registry import vector_format_named


def without_bands(*dimensions: LabelledDimension) -> LazyVectorCube:
    """Two points, no bands."""
    geometries = geometries_of([shapely.Point(0, 0), shapely.Point(1, 1)], "EPSG:4326")
    description = values_description((*dimensions, BandsDimension("bands", ())), (), 2)
    return LazyVectorCube("node", geometries, MemoryCube("node", description, ()))


@pytest.mark.parametrize("name", ["JSON", "GeoJSON", "CSV", "Parquet", "netCDF"])
def test_a_cube_without_labels_is_refused_as_empty(name: str, tmp_path: Path) -> None:
    with pytest.raises(OpenEOError) as error:
        VectorWriter(without_bands(), vector_format_named(name), tmp_path, "result", {})
    assert error.value.code == "DataCubeEmpty"


def test_a_cube_without_bands_has_no_values() -> None:
    made = without_bands(TemporalDimension("t", ("2020-01-01", "2020-01-02"))).compute(RunContext())
    assert made.values is not None
    assert made.values.shape == (2, 2, 0)
    assert np.size(made.values) == 0
