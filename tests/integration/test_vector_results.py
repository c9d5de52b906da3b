"""Vector cubes through the driver, on real scenes, against rasterio and numpy."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from rasterio.features import geometry_mask

from openeo_plugin.driver.compile import CompileEnvironment, Compiler
from openeo_plugin.driver.windowed import run_plan
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.plan import Plan
from openeo_plugin.engine.run import Progress, RunOptions
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.definition import ProcessDefinition
from openeo_plugin.graph.parse import GraphLimits
from openeo_plugin.processes.registry import predefined
from openeo_plugin.sources.importing import ImportedCollection, import_folder


class Predefined:
    def find(self, process_id: str, namespace: str | None) -> ProcessDefinition | None:
        return predefined().get(process_id)

    def known(self) -> list[str]:
        return list(predefined())


@pytest.fixture(scope="module")
def shared() -> Path:
    given = os.environ.get("OPENEO_SHARED")
    folder = (Path(given) if given else Path(__file__).parents[2] / ".." / "shared") / "data"
    if not folder.is_dir():
        pytest.skip(f"MISSING REAL DATA: {folder} does not exist; set OPENEO_SHARED to the folder that holds data/")
    return folder


@pytest.fixture(scope="module")
def ndvi(shared: Path) -> ImportedCollection:
    (collection,) = import_folder(shared / "ndvi-slovenia")
    return collection


@pytest.fixture(scope="module")
def fields(shared: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((shared / "vectors" / "landuse-slovenia.geojson").read_text())
    return document


@pytest.fixture
def compiler(ndvi: ImportedCollection) -> Compiler:
    def search(identifier: str, bbox: Any, start: str | None, end: str | None) -> list[dict[str, Any]]:
        return [i for i in ndvi.items if (end is None or i["properties"]["datetime"] < end)]

    environment = CompileEnvironment("", lambda identifier: ndvi.document, search)
    return Compiler(Predefined(), environment, GraphLimits(nodes=100, callbacks=10))


def graph(ndvi: ImportedCollection, fields: Any, reducer: str, save: dict[str, Any] | None, **more: Any) -> Any:
    name = ndvi.document["cube:dimensions"]["bands"]["values"][0]
    load = {"id": ndvi.document["id"], "spatial_extent": None, "temporal_extent": [None, "2015-10-01"], "bands": [name]}
    callback = {"r": {"process_id": reducer, "arguments": {"data": {"from_parameter": "data"}}, "result": True}}
    arguments = {"data": {"from_node": "load"}, "geometries": fields, "reducer": {"process_graph": callback}, **more}
    nodes: dict[str, Any] = {
        "load": {"process_id": "load_collection", "arguments": load},
        "zones": {"process_id": "aggregate_spatial", "arguments": arguments},
    }
    if save is not None:
        nodes["save"] = {"process_id": "save_result", "arguments": {"data": {"from_node": "zones"}, **save}}
    nodes[list(nodes)[-1]]["result"] = True
    return {"process_graph": nodes}


def computed(plan: Plan, folder: Path) -> tuple[list[Path], list[Progress]]:
    seen: list[Progress] = []
    assets = run_plan(plan, folder, RunOptions(threads=2), seen.append, RunContext())
    return [asset.path for asset in assets], seen


def expected(ndvi: ImportedCollection, fields: Any, plan: Plan, reducer: Any) -> dict[str, list[float | None]]:
    """What numpy makes of the pixels that GDAL finds, date by date."""
    found: dict[str, list[float | None]] = {}
    masks: list[Any] = []
    for item in sorted(ndvi.items, key=lambda i: i["properties"]["datetime"]):
        if item["properties"]["datetime"] >= "2015-10-01" or item["properties"]["datetime"] in found:
            continue
        with rasterio.open(path_of(item, ndvi)) as source:
            pixels = source.read(1)
            shapes = geopandas.GeoDataFrame.from_features(fields, crs=4326).to_crs(source.crs).geometry
            masks = masks or [geometry_mask([s], pixels.shape, source.transform, invert=True) for s in shapes]
            values = [pixels[m & (pixels != source.nodata)] for m in masks]
        found[item["properties"]["datetime"]] = [reducer(v) if v.size else None for v in values]
    return found


def path_of(item: dict[str, Any], collection: ImportedCollection) -> str:
    from openeo_plugin.sources.layers import layers_of

    return layers_of(item)[collection.document["cube:dimensions"]["bands"]["values"][0]].path


@pytest.mark.parametrize(("reducer", "reference"), [("mean", np.mean), ("median", np.median), ("max", np.max)])
def test_zonal_statistics_of_real_fields_are_those_of_numpy(compiler, ndvi, fields, tmp_path, reducer, reference):
    plan = compiler.plan(graph(ndvi, fields, reducer, {"format": "JSON"}), {})
    (path,), seen = computed(plan, tmp_path)
    wanted = expected(ndvi, fields, plan, reference)
    found = json.loads(path.read_text())
    assert list(found) == list(wanted)
    assert seen[-1].windows_done == seen[-1].windows_total > 1
    for date, values in wanted.items():
        got = [bands[0] for bands in found[date]]
        assert [v is None for v in got] == [v is None for v in values]
        assert [v for v in got if v is not None] == pytest.approx([v for v in values if v is not None], rel=1e-6)


def test_a_vector_cube_that_is_not_saved_becomes_geojson(compiler, ndvi, fields, tmp_path):
    (path,), _ = computed(compiler.plan(graph(ndvi, fields, "mean", None), {}), tmp_path)
    frame = geopandas.read_file(path)
    assert path.name == "result.geojson"
    assert len(frame) == len(fields["features"])
    assert "LULC_NAME" in frame.columns


def test_a_vector_cube_is_saved_in_several_formats(compiler, ndvi, fields, tmp_path):
    process = graph(ndvi, fields, "count", {"format": "csv"}, target_dimension="counts")
    process["process_graph"]["more"] = {
        "process_id": "save_result",
        "arguments": {"data": {"from_node": "zones"}, "format": "GeoParquet"},
    }
    paths, _ = computed(compiler.plan(process, {}), tmp_path)
    assert sorted(p.suffix for p in paths) == [".csv", ".parquet"]
    table = next(p for p in paths if p.suffix == ".csv")
    with table.open() as file:
        assert next(csv.reader(file))[:2] == ["feature_index", "t"]


def test_an_unsuitable_format_is_refused_at_its_node_before_any_pixel_is_read(compiler, ndvi, fields):
    with pytest.raises(OpenEOError) as error:
        compiler.plan(graph(ndvi, fields, "mean", {"format": "GTiff"}), {})
    assert (error.value.code, error.value.node) == ("FormatUnsuitable", "save")


def test_the_estimate_counts_what_the_barrier_reads(compiler, ndvi, fields, tmp_path):
    plan = compiler.plan(graph(ndvi, fields, "mean", {"format": "JSON"}), {})
    estimated = plan.estimate().bytes_read
    context = RunContext()
    run_plan(plan, tmp_path, RunOptions(threads=1), lambda _progress: None, context)
    assert context.bytes_read / 2 < estimated < context.bytes_read * 2


def test_a_canceled_run_leaves_no_file(compiler, ndvi, fields, tmp_path):
    from openeo_plugin.engine.operator import Canceled

    context = RunContext()
    context.cancel.set()
    plan = compiler.plan(graph(ndvi, fields, "mean", {"format": "JSON"}), {})
    with pytest.raises(Canceled):
        run_plan(plan, tmp_path, RunOptions(threads=1), lambda _progress: None, context)
    assert list(tmp_path.iterdir()) == []
