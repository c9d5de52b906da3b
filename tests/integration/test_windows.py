"""A result does not depend on how its extent was cut: one window, or windows of 17 x 23 pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray

from config.settings import load_settings
from db.collections import CollectionStore
from db.processes import ProcessStore
from db.session import Database
from openeo_plugin.driver.windowed import WindowedDriver, run_plan
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.run import RunOptions
from openeo_plugin.sources.importing import import_folder
from openeo_plugin.sources.synthetic import SENTINEL_2, make_collection

CLOUDY = (3, 8, 9, 10)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WindowedDriver]:
    folder = tmp_path_factory.mktemp("windows")
    settings = load_settings(data_dir=folder / "data")
    settings.data_dir.mkdir()
    database = Database(settings.database)
    database.migrate()
    collections = CollectionStore(database)
    for collection in import_folder(make_collection(folder / "s2", size=150, dates=4).parent):
        collections.put(collection.document, collection.items)
    yield WindowedDriver(settings, collections, ProcessStore(database))
    database.dispose()


def node(process_id: str, /, **arguments: Any) -> dict[str, Any]:
    return {"process_id": process_id, "arguments": arguments}


def ref(name: str) -> dict[str, str]:
    return {"from_node": name}


def reducer(process_id: str) -> dict[str, Any]:
    call = node(process_id, data={"from_parameter": "data"}) | {"result": True}
    return {"process_graph": {"r": call}}


def cloud_mask() -> dict[str, Any]:
    graph: dict[str, Any] = {"scl": node("array_element", data={"from_parameter": "data"}, label="SCL")}
    for code in CLOUDY:
        graph[f"is{code}"] = node("eq", x=ref("scl"), y=code)
    graph["any"] = node("any", data=[ref(f"is{code}") for code in CLOUDY]) | {"result": True}
    return {"process_graph": graph}


def saved(graph: dict[str, Any], last: str, format_: str) -> dict[str, Any]:
    save = node("save_result", data=ref(last), format=format_, options={}) | {"result": True}
    return {"process_graph": {**graph, "save": save}}


def load(*bands: str) -> dict[str, Any]:
    return node("load_collection", id=SENTINEL_2, spatial_extent=None, temporal_extent=None, bands=list(bands))


def ndvi() -> dict[str, Any]:
    return {
        "load": load("B04", "B08", "SCL"),
        "clouds": node("reduce_dimension", data=ref("load"), dimension="bands", reducer=cloud_mask()),
        "mask": node("mask", data=ref("load"), mask=ref("clouds")),
        "median": node("reduce_dimension", data=ref("mask"), dimension="t", reducer=reducer("median")),
        "ndvi": node("ndvi", data=ref("median"), nir="B08", red="B04"),
    }


def warped() -> dict[str, Any]:
    return {
        "load": load("B04"),
        "kernel": node("apply_kernel", data=ref("load"), kernel=[[1, 1, 1], [1, 2, 1], [1, 1, 1]], border="reflect"),
        "warp": node("resample_spatial", data=ref("kernel"), resolution=17, projection=3035, method="cubic"),
    }


def run(driver: WindowedDriver, process: dict[str, Any], folder: Path, options: RunOptions) -> Path:
    folder.mkdir()
    (asset,) = run_plan(driver.plan(process, None), folder, options, lambda _: None, RunContext())
    return asset.path


@pytest.mark.parametrize("graph", [ndvi, warped], ids=["masked median ndvi", "kernel and warp"])
def test_a_result_is_the_same_in_one_window_and_in_many(driver: WindowedDriver, tmp_path: Path, graph: Any) -> None:
    process = saved(graph(), list(graph())[-1], "netCDF")
    one = run(driver, process, tmp_path / "one", RunOptions(threads=1))
    many = run(driver, process, tmp_path / "many", RunOptions(threads=2, window_px=(17, 23)))
    with xarray.open_dataset(one) as first, xarray.open_dataset(many) as second:
        xarray.testing.assert_identical(first, second)


def test_the_masked_median_equals_numpy_in_any_windows(driver: WindowedDriver, tmp_path: Path) -> None:
    path = run(driver, saved(ndvi(), "ndvi", "GTiff"), tmp_path / "out", RunOptions(window_px=(17, 23)))
    with rasterio.open(path) as file:
        found = file.read(1)
    items = driver._collections.items(SENTINEL_2)
    bands = {name: [] for name in ("B04", "B08", "SCL")}
    for item in items:
        for name, stack in bands.items():
            with rasterio.open(item["assets"][name]["href"]) as file:
                stack.append(file.read(1).astype(float))
    classes = np.stack(bands["SCL"])
    medians = []
    for name in ("B04", "B08"):
        values = np.stack(bands[name])
        values[(values == 0) | np.isin(classes, CLOUDY)] = np.nan
        with np.errstate(all="ignore"):
            medians.append(np.nanmedian(values, 0))
    red, nir = medians
    assert np.allclose(found, (nir - red) / (nir + red), rtol=0, atol=1e-6, equal_nan=True)
