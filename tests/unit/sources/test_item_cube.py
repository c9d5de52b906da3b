"""Pixels from files: mosaics, offsets, other grids, missing dates and broken blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.shutil import copy

from openeo_plugin.cube.extents import BoundingBox
from openeo_plugin.cube.grid import Window, whole
from openeo_plugin.engine.operator import Canceled, RunContext, everything
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.load import item_cube
from openeo_plugin.sources import item_cube as source
from openeo_plugin.sources.item_cube import ItemCube

CRS = "EPSG:32632"
DAY = "2020-06-01T00:00:00Z"


def grid(rows: int, columns: int, *, west: float = 500_000, north: float = 5_000_000, step: float = 10) -> GeoBox:
    return GeoBox((rows, columns), Affine(step, 0, west, 0, -step, north), CRS)


def item(
    folder: Path,
    name: str,
    bands: Mapping[str, Any],
    where: GeoBox,
    *,
    day: str = DAY,
    nodata: float | None = 0,
    dtype: str = "uint16",
) -> dict[str, Any]:
    assets = {}
    for band, values in bands.items():
        path = folder / f"{name}_{band}.tif"
        profile = {"driver": "GTiff", "height": where.shape[0], "width": where.shape[1], "count": 1, "dtype": dtype}
        with rasterio.open(path, "w", crs=CRS, transform=where.affine, nodata=nodata, **profile) as file:
            file.write(np.asarray(values, dtype), 1)
        fields: dict[str, Any] = {"name": band, "data_type": dtype}
        if nodata is not None:
            fields["nodata"] = nodata
        assets[band] = {
            "href": str(path),
            "proj:code": CRS,
            "proj:shape": list(where.shape),
            "proj:transform": list(where.affine)[:6],
            "bands": [fields],
        }
    return {"id": name, "properties": {"datetime": day}, "assets": assets}


def read(cube: ItemCube, window: Window | None = None, context: RunContext | None = None) -> list[Any]:
    request = everything(cube.description, window or whole(cube.description.grid))
    block = cube.compute(request, (), context or RunContext())
    found = []
    for pixels in block.bands:
        plain = pixels.plain()
        cells = plain.values.astype(object)
        null = plain.null()
        if null is not None:
            cells[null] = None
        found.append(cells.tolist())
    return found


def opened(items: Sequence[dict[str, Any]], *names: str) -> ItemCube:
    return item_cube("load", items, names, None)


def test_pixels_are_those_of_the_file_and_nodata_is_null(tmp_path: Path) -> None:
    cube = opened([item(tmp_path, "a", {"B1": [[1, 0], [3, 4]]}, grid(2, 2))], "B1")
    assert read(cube) == [[[[1, None], [3, 4]]]]


def test_a_window_beyond_the_edge_is_null_there(tmp_path: Path) -> None:
    cube = opened([item(tmp_path, "a", {"B1": [[1, 2], [3, 4]]}, grid(2, 2))], "B1")
    assert read(cube, Window(cube.description.grid, -1, 1, 2, 2)) == [[[[None, None], [2, None]]]]


def test_without_nodata_what_lies_outside_is_null_all_the_same(tmp_path: Path) -> None:
    cube = opened([item(tmp_path, "a", {"B1": [[0, 7]]}, grid(1, 2), nodata=None)], "B1")
    assert read(cube, Window(cube.description.grid, 0, 0, 1, 3)) == [[[[0, 7, None]]]]


def test_the_first_scene_with_a_value_is_on_top(tmp_path: Path) -> None:
    first = item(tmp_path, "a", {"B1": [[1, 0]]}, grid(1, 2))
    second = item(tmp_path, "b", {"B1": [[8, 9, 9]]}, grid(1, 3))
    assert read(opened([first, second], "B1")) == [[[[1, 9, 9]]]]


def test_a_scene_on_a_shifted_lattice_is_sampled_at_the_centres(tmp_path: Path) -> None:
    left = item(tmp_path, "a", {"B1": [[1, 2]]}, grid(1, 2))
    right = item(tmp_path, "b", {"B1": [[5, 6]]}, grid(1, 2, west=500_000 + 24))
    assert read(opened([left, right], "B1")) == [[[[1, 2, 5, 6, None]]]]


def test_dates_ascend_and_a_band_that_a_date_lacks_is_null(tmp_path: Path) -> None:
    late = item(tmp_path, "a", {"B1": [[1]], "B2": [[2]]}, grid(1, 1), day="2020-06-03T00:00:00Z")
    early = item(tmp_path, "b", {"B1": [[3]]}, grid(1, 1), day="2020-06-01T12:00:00.5Z")
    cube = opened([late, early], "B1", "B2")
    assert cube.description.labelled[0].labels == ("2020-06-01T12:00:00.5Z", "2020-06-03T00:00:00Z")
    assert read(cube) == [[[[3]], [[1]]], [[[None]], [[2]]]]


def test_bands_keep_types_and_nodata_of_their_own(tmp_path: Path) -> None:
    reflectance = item(tmp_path, "a", {"B1": [[0, 300]]}, grid(1, 2))
    classes = item(tmp_path, "a2", {"CLM": [[255, 0]]}, grid(1, 2), nodata=255, dtype="uint8")
    cube = opened([{**reflectance, "assets": {**reflectance["assets"], **classes["assets"]}}], "B1", "CLM")
    assert [str(band.dtype) for band in cube.description.bands] == ["uint16", "uint8"]
    assert read(cube) == [[[[None, 300]]], [[[None, 0]]]]


def test_a_band_that_no_scene_has_is_no_data(tmp_path: Path) -> None:
    with pytest.raises(OpenEOError) as error:
        opened([item(tmp_path, "a", {"B1": [[1]]}, grid(1, 1))], "B2")
    assert error.value.code == "NoDataAvailable"


def test_a_broken_file_is_named_with_its_window_but_not_its_folder(tmp_path: Path) -> None:
    cube = opened([item(tmp_path, "a", {"B1": np.ones((64, 64))}, grid(64, 64))], "B1")
    file = tmp_path / "a_B1.tif"
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(OpenEOError) as error:
        read(cube)
    assert error.value.code == "SourceUnreadable"
    assert "a_B1.tif" in error.value.message
    assert str(tmp_path) not in error.value.message


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    cube = opened([item(tmp_path, "a", {"B1": [[1]]}, grid(1, 1))], "B1")
    assert read(cube) == [[[[1]]]]
    (tmp_path / "a_B1.tif").unlink()
    item(tmp_path, "a", {"B1": [[2]]}, grid(1, 1))
    assert read(cube) == [[[[2]]]]


def test_a_canceled_run_reads_no_further(tmp_path: Path) -> None:
    cube = opened([item(tmp_path, "a", {"B1": [[1]]}, grid(1, 1))], "B1")
    context = RunContext()
    context.cancel.set()
    with pytest.raises(Canceled):
        read(cube, context=context)


def test_another_grid_takes_the_nearest_pixel_and_null_outside(tmp_path: Path) -> None:
    cube = opened([item(tmp_path, "a", {"B1": [[1, 2], [3, 4]]}, grid(2, 2))], "B1")
    other = grid(2, 3, west=500_004, north=4_999_999, step=8)
    assert read(cube, whole(other)) == [[[[1, 2, None], [3, 4, None]]]]


def test_a_scene_turned_by_90_degrees_is_read_upright(tmp_path: Path) -> None:
    turned = GeoBox((2, 3), Affine(0, 10, 500_000, 10, 0, 5_000_000), CRS)  # rows run east, columns north
    cube = opened([item(tmp_path, "a", {"B1": [[1, 2, 3], [4, 5, 6]]}, turned)], "B1")
    assert read(cube) == [[[[3, 6], [2, 5], [1, 4]]]]


@pytest.mark.parametrize("others", [None, 255])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_value_that_is_nodata_in_another_scene_only_stays_a_value(
    others: float | None, dtype: str, tmp_path: Path
) -> None:
    items = [
        item(tmp_path, "a", {"B1": [[0, 7]]}, grid(1, 2), nodata=0, dtype=dtype),
        item(tmp_path, "b", {"B1": [[0, 255]]}, grid(1, 2), nodata=others, dtype=dtype, day="2020-06-02T00:00:00Z"),
    ]
    assert read(opened(items, "B1")) == [[[[None, 7]], [[0, 255 if others is None else None]]]]


def odd_overviews(folder: Path, rounded: str) -> dict[str, Any]:
    """301 x 333 pixels that hold 1000 * row + column + 1, and overviews of single pixels of them."""
    rows, columns = np.mgrid[0:301, 0:333]
    found = item(folder, "a", {"B1": 1000 * rows + columns + 1}, grid(301, 333), dtype="uint32")
    asset = found["assets"]["B1"]
    if rounded == "up":
        with rasterio.open(asset["href"], "r+") as file:
            file.build_overviews([2, 4])
    else:
        plain, asset["href"] = asset["href"], str(folder / "cog.tif")
        copy(plain, asset["href"], driver="COG", BLOCKSIZE=128, RESAMPLING="NEAREST")
    with rasterio.open(asset["href"], overview_level=0) as file:
        assert file.shape == ((151, 167) if rounded == "up" else (150, 166))
    asset["openeo:overviews"] = [2, 4]
    return found


@pytest.mark.parametrize(("rounded", "factor"), [("up", 2), ("down", 2), ("down", 4)])
@pytest.mark.parametrize("strips", [False, True])
def test_overviews_of_odd_sizes_are_read_to_their_edges_without_a_shift(
    rounded: str, factor: int, strips: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if strips:
        monkeypatch.setattr(source, "MAX_READ_PX", 2000)
    cube = opened([odd_overviews(tmp_path, rounded)], "B1")
    # a pixel of the window holds one of the pixels of the file around its centre; the last row and column lie outside
    height, width, shift = 302 // factor, 334 // factor, 0.7 * factor
    window = grid(height, width, west=500_000 + 10 * shift, north=5_000_000 - 10 * shift, step=10 * factor)
    coarse = read(cube, whole(window))[0][0]
    for row, column in np.ndindex(height, width):
        at_row, at_column = (row + 0.5) * factor + shift, (column + 0.5) * factor + shift
        value = coarse[row][column]
        if at_row >= 301 or at_column >= 333:
            assert value is None
        else:
            assert abs((value - 1) // 1000 + 0.5 - at_row) <= factor
            assert abs((value - 1) % 1000 + 0.5 - at_column) <= factor


@pytest.mark.parametrize(
    ("west", "east", "values"),
    [(-180, 180, [1, 2, 3, 4]), (-80, -10, [4]), (-100, 100, [4, 1]), (100, 170, [2]), (200, 350, [3, 4])],
)
def test_a_box_is_found_on_a_grid_of_0_to_360_degrees(
    west: float, east: float, values: list[int], tmp_path: Path
) -> None:
    around = GeoBox((1, 4), Affine(90, 0, 0, 0, -180, 90), "EPSG:4326")
    stored = item(tmp_path, "a", {"B1": [[1, 2, 3, 4]]}, around)
    stored["assets"]["B1"]["proj:code"] = "EPSG:4326"
    cube = item_cube("load", [stored], ["B1"], BoundingBox(west, -90, east, 90, "EPSG:4326"))
    assert read(cube) == [[[values]]]
