"""Files of what was kept: every format, several results, and windows of attempts with other settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import rasterio
from cubes import X, Y, cube, grid
from PIL import Image

from openeo_plugin.driver.partial_files import disjoint, plan_mark, write_partial
from openeo_plugin.engine.kept_windows import KeptPlace, KeptWindows, write_blocks
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.plan import Plan, SavedCube, SavedValue
from openeo_plugin.engine.window import compute_window
from openeo_plugin.errors import OpenEOError


def numbers(rows: int = 40, columns: int = 600, dtype: Any = np.uint8, nodata: Any = None) -> Any:
    """Row plus column, cut to what 8 bits hold."""
    values = (np.add.outer(np.arange(rows), np.arange(columns)) % 200).astype(dtype)
    return cube([Y, X], values, nodata=nodata, dtype=dtype)


def kept(folder: Path, plan: Plan, groups: list[list[Any]], *places: KeptPlace) -> Path:
    windows = KeptWindows(folder / "kept", after_s=0)
    windows.belong_to(plan_mark(plan))
    windows.put_aside("nothing", b"")
    for place in places:
        operators = groups[place.group]
        window = place.window(operators[0].description.grid)
        write_blocks(windows.folder, place.key, compute_window(operators, window, window.shape, RunContext()))
    return windows.folder


def saved(operator: Any, format: str = "GTiff", node: str = "save", **options: Any) -> SavedCube:
    return SavedCube(node, format, options, operator)


LEFT = KeptPlace(0, 0, 0, 40, 512)
EXPECTED = (np.add.outer(np.arange(40), np.arange(600)) % 200).astype(float)
EXPECTED[:, 512:] = np.nan


def values_of(path: Path) -> Any:
    if path.suffix == ".nc":
        with netCDF4.Dataset(path) as file:
            assert file.partial == "yes"
            (name,) = [n for n, v in file.variables.items() if v.ndim == 2]
            return np.ma.filled(file.variables[name][:].astype(float), np.nan)
    if path.suffix == ".json":
        document = json.loads(path.read_text())
        assert document["attrs"]["partial"] == "yes"
        return np.array(document["data"], float)
    if path.suffix == ".png":
        with Image.open(path) as picture:
            assert picture.text["partial"] == "yes"  # type: ignore[attr-defined]
            pixels = np.asarray(picture.convert("LA")).astype(float)
        return np.where(pixels[..., 1] == 255, pixels[..., 0], np.nan)
    with rasterio.open(path) as file:
        assert file.tags()["PARTIAL"] == "yes"
        return file.read(1, masked=True).astype(float).filled(np.nan)


@pytest.mark.parametrize("format", ["GTiff", "COG", "netCDF", "JSON", "PNG"])
def test_a_file_holds_what_was_kept_and_null_elsewhere(tmp_path: Path, format: str) -> None:
    """uint8 without nodata: 512 of 600 columns were kept."""
    operator = numbers()
    plan = Plan(operator, results=(saved(operator, format),))
    files = write_partial(plan, kept(tmp_path, plan, [[operator]], LEFT), tmp_path)
    (asset,) = files.assets
    assert asset.path.stem == "partial_result"
    assert files.covered == {asset.path.name: pytest.approx(512 / 600)}
    np.testing.assert_array_equal(values_of(asset.path), EXPECTED)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [asset.path.name]


def test_each_result_gets_its_own_file_and_values_are_left_out(tmp_path: Path) -> None:
    """Two cubes on one grid, a value, and a cube on another grid of which nothing was kept."""
    first, second, other = numbers(), numbers(), numbers(rows=20, columns=20)
    second = replace(second, description=replace(second.description, grid=first.description.grid))
    results = (
        saved(first, filename_prefix="mine"),
        SavedValue("v", "JSON", {}, 3),
        saved(second, "netCDF"),
        saved(other),
    )
    plan = Plan(first, results=results)
    groups = [[first, second], [other]]
    files = write_partial(plan, kept(tmp_path, plan, groups, LEFT), tmp_path)
    assert sorted(files.covered) == ["partial_mine.tif", "partial_result-3.nc"]
    for asset in files.assets:
        np.testing.assert_array_equal(values_of(asset.path), EXPECTED)


def test_nothing_is_made_of_windows_of_another_plan(tmp_path: Path) -> None:
    operator = numbers()
    plan = Plan(operator, results=(saved(operator),))
    folder = kept(tmp_path, plan, [[operator]], LEFT)
    changed = numbers(columns=601)
    assert write_partial(Plan(changed, results=(saved(changed),)), folder, tmp_path).assets == ()


def test_a_window_that_can_not_be_read_is_null(tmp_path: Path) -> None:
    operator = numbers()
    plan = Plan(operator, results=(saved(operator),))
    folder = kept(tmp_path, plan, [[operator]], LEFT, KeptPlace(0, 0, 512, 40, 88))
    (folder / f"{LEFT.key}.npz").write_bytes(b"rubbish")
    (asset,) = write_partial(plan, folder, tmp_path).assets
    values = values_of(asset.path)
    assert np.isnan(values[:, :512]).all()
    assert not np.isnan(values[:, 512:]).any()


def test_a_failure_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = numbers()
    plan = Plan(operator, results=(saved(operator), saved(operator, "netCDF", "again")))
    folder = kept(tmp_path, plan, [[operator, operator]], LEFT)

    def fail(self: Any) -> Any:
        raise OpenEOError("StorageFailure", reason="full")

    monkeypatch.setattr("openeo_plugin.formats.netcdf.NetCDFWriter.finish", fail)
    with pytest.raises(OpenEOError):
        write_partial(plan, folder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_windows_that_overlap_are_used_once_the_large_ones_first() -> None:
    """A window of 4 x 4 hides two of 2 x 2; a third lies beside it: 16 + 4 of 48 pixels."""
    large, inside, across, beside = (
        KeptPlace(0, 0, 0, 4, 4), KeptPlace(0, 0, 0, 2, 2), KeptPlace(0, 2, 2, 2, 4), KeptPlace(0, 4, 6, 2, 2),
    )  # fmt: skip
    chosen, share = disjoint([inside, large, across, beside], grid(6, 8))
    assert chosen == [large, beside]
    assert share == pytest.approx(20 / 48)
