"""What is said of a plan before it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from instance import graph, mean_over_time, node

from benchmarks import workloads
from benchmarks.data import open_driver
from openeo_plugin.cli import main
from openeo_plugin.driver.windowed import WindowedDriver
from openeo_plugin.engine.explain import as_text, explanation
from openeo_plugin.sources.synthetic import SENTINEL_2, make_collection

SIZE = 600
BUDGET = 1 << 30


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> tuple[WindowedDriver, Path]:
    folder, work = tmp_path_factory.mktemp("scenes"), tmp_path_factory.mktemp("catalogue")
    make_collection(folder, size=SIZE, dates=2)
    return open_driver(folder, work)[1], work


def explained(catalogue: tuple[WindowedDriver, Path], process: Any) -> dict[str, Any]:
    return explanation(catalogue[0].plan(process, None), 2, BUDGET)


def test_a_tree_shows_every_operator_once_with_its_node_dimensions_and_grid(catalogue: Any) -> None:
    text = as_text(explained(catalogue, {"process_graph": workloads.w1(SIZE)}))
    lines = text.splitlines()
    assert lines[0] == "save: GTiff"
    assert lines[1].startswith("#5 ReduceBands of ndvi: (y 600, x 600); EPSG:32632 10 x 10; float32; windows of 512 x")
    assert text.count("of load: (t 2, bands 3, y 600, x 600)") == 1
    assert "└─ #1 ItemCube of load (see above)" in text
    # two dates of B04, B08 (two bytes) and SCL (one) for 600 x 600 pixels
    assert f"reads {600 * 600 * 2 * 5 / 1e6:.1f} MB" in lines[-1]


def test_json_tells_the_same_and_has_no_value_that_json_lacks(catalogue: Any) -> None:
    found = json.loads(json.dumps(explained(catalogue, {"process_graph": workloads.w1(SIZE)}), allow_nan=False))
    assert found["results"] == [{"node": "save", "format": "GTiff", "operator": 5}]
    load, *_, ndvi = found["operators"]
    assert (load["node"], load["inputs"], load["bands"][0]) == (
        "load",
        [],
        {"name": "B04", "type": "uint16", "nodata": 0},
    )
    assert load["dimensions"] == {"t": 2, "bands": 3, "y": SIZE, "x": SIZE}
    assert ndvi["window"]["written"] == [512, 512]
    assert found["estimate"]["bytes_read"] == 600 * 600 * 2 * 5


def test_barriers_and_pinned_grids_are_named_as_what_holds_the_plan_up(catalogue: Any) -> None:
    zones = explained(catalogue, {"process_graph": workloads.w3(SIZE, 5)})
    (zonal,) = [o for o in zones["operators"] if o["node"] == "zonal" and o["blockers"]]
    assert "of its input are folded before the first of its own" in zonal["blockers"][0]
    warped = explained(catalogue, {"process_graph": workloads.w5(SIZE)})
    assert [o["node"] for o in warped["operators"] if o["blockers"]] == ["kernel"]


def test_a_plan_that_does_not_fit_the_memory_says_so_without_failing(catalogue: Any) -> None:
    plan = catalogue[0].plan({"process_graph": workloads.w1(SIZE)}, None)
    (message,) = explanation(plan, 1, 1000)["operators"][-1]["blockers"]
    assert "even a window of" in message


def test_a_graph_that_gives_a_value_is_explained_too(catalogue: Any) -> None:
    assert as_text(explained(catalogue, graph(sum=node("add", x=1, y=2)))).splitlines()[0] == "result: not saved = 3"


@pytest.mark.parametrize("whole", [True, False], ids=["process", "bare graph"])
def test_the_command_explains_a_file(
    whole: bool, catalogue: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = mean_over_time(id=SENTINEL_2)
    file = tmp_path / "process.json"
    file.write_text(json.dumps(process if whole else process["process_graph"]))
    assert main(["explain", str(file), "--data-dir", str(catalogue[1])]) == 0
    assert "ItemCube of load" in capsys.readouterr().out
    assert main(["explain", str(file), "--json", "--data-dir", str(catalogue[1])]) == 0
    assert json.loads(capsys.readouterr().out)["operators"][0]["node"] == "load"


def test_the_command_tells_what_is_wrong_with_a_file(
    catalogue: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "process.json"
    file.write_text("{")
    assert main(["explain", str(file), "--data-dir", str(catalogue[1])]) == 1
    assert "is no JSON" in capsys.readouterr().err
