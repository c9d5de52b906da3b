"""Plans are asked for pixels on any grid."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, SpatialDimension, TemporalDimension
from openeo_plugin.cube.pixels import Pixels
from openeo_plugin.engine.exports import Export
from openeo_plugin.engine.memory import MemoryCube
from openeo_plugin.engine.plan import Plan, SavedCube, SavedValue
from openeo_plugin.errors import OpenEOError

DATES = ("2020-06-01T00:00:00Z", "2020-06-11T00:00:00Z", "2020-06-21T00:00:00Z")
GRID = GeoBox((4, 5), Affine(10, 0, 500_000, 0, -10, 5_000_000), "EPSG:32632")
# band red is 100 for the first date, 200 for the second, 300 for the third, plus ten for a row and one for a column
RED = np.fromfunction(lambda t, y, x: 100 * (t + 1) + 10 * y + x, (3, 4, 5)).astype("uint16")


def cube(dates: tuple[str, ...] = DATES) -> MemoryCube:
    dimensions = (
        TemporalDimension("t", dates),
        BandsDimension("bands", ("red", "nir")),
        SpatialDimension("y", "y"),
        SpatialDimension("x", "x"),
    )
    bands = (Band("red", np.dtype("uint16"), 0), Band("nir", np.dtype("float32"), float("nan")))
    red = RED[: len(dates)]
    pixels = (Pixels(red, 0), Pixels((red / 2).astype("float32"), np.nan))
    return MemoryCube("load", CubeDescription(dimensions, GRID, bands), pixels)


def test_a_part_of_the_plan_s_own_grid_is_read_exactly() -> None:
    (red, nir) = Plan(cube()).read(GRID[1:3, 2:5]).bands
    np.testing.assert_array_equal(red.values, RED[:, 1:3, 2:5])
    np.testing.assert_array_equal(nir.values, RED[:, 1:3, 2:5] / 2)


def test_bands_and_labels_may_be_chosen() -> None:
    (nir,) = Plan(cube()).read(GRID, bands=[1], labels={"t": [2, 0]}).bands
    np.testing.assert_array_equal(nir.values, RED[[2, 0]] / 2)


def test_another_grid_takes_the_nearest_pixel_and_null_outside() -> None:
    coarse = GeoBox((3, 3), Affine(20, 0, 500_000, 0, -20, 5_000_000), "EPSG:32632")
    (red,) = Plan(cube()).read(coarse, bands=[0], labels={"t": [0]}).bands
    # centres lie on corners of pixels, where the pixel below and to the right counts; three columns are 60 m, of 50 m
    np.testing.assert_array_equal(red.plain().values[0, :2, :2], RED[0][[1, 3]][:, [1, 3]])
    null = red.null()
    assert null is not None
    assert null[0].tolist() == [[False, False, True], [False, False, True], [True, True, True]]


def test_a_plan_without_a_cube_has_no_pixels() -> None:
    with pytest.raises(OpenEOError, match="gives no data cube"):
        Plan(None, 3).read(GRID)


def test_an_empty_cube_has_no_pixels() -> None:
    with pytest.raises(OpenEOError) as refused:
        Plan(cube(())).read(GRID)
    assert refused.value.code == "DataCubeEmpty"


def test_a_run_computes_what_is_saved_else_the_cube_itself() -> None:
    first, second = cube(), cube()
    saved = (SavedCube("s1", "GTiff", {}, first), SavedValue("s2", "JSON", {}, 3), SavedCube("s3", "PNG", {}, second))
    assert Plan(second, results=saved).operators == (first, second)
    assert Plan(second).operators == (second,)
    assert Plan(None, 3).operators == ()


def test_only_batch_jobs_export() -> None:
    Plan(cube()).refuse_exports()
    export = Export("export", 0, "workspace", "mine", None, ())
    with pytest.raises(OpenEOError) as refused:
        Plan(cube(), exports=(export,)).refuse_exports()
    assert (refused.value.code, refused.value.node) == ("ProcessGraphInvalid", "export")
