"""What a plan says it will cost, beside what its run costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from instance import graph, node

from benchmarks import workloads
from benchmarks.data import NORTH, STEP, WEST, open_driver
from openeo_plugin.driver.windowed import WindowedDriver
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.run import Progress
from openeo_plugin.sources.synthetic import SENTINEL_2, make_collection

SIZE, DATES = 1000, 3  # not a multiple of a tile: files are padded to 1024
Run = Callable[[Any], tuple[Any, RunContext, int, int]]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> WindowedDriver:
    folder = tmp_path_factory.mktemp("scenes")
    make_collection(folder, size=SIZE, dates=DATES)
    return open_driver(folder, tmp_path_factory.mktemp("catalogue"))[1]


@pytest.fixture
def run(driver: WindowedDriver, tmp_path: Path) -> Run:
    """Runs a process: (its estimate, the context, windows, bytes stored)."""

    def once(process: Any) -> tuple[Any, RunContext, int, int]:
        plan, context, told = driver.plan(process, None), RunContext(), list[Progress]()
        cost = plan.estimate()
        assets = driver.run(plan, tmp_path, told.append, context)
        return cost, context, told[-1].windows_total, sum(asset.size_bytes for asset in assets)

    return once


def near(estimated: float, measured: float, factor: float = 2.0) -> bool:
    return measured / factor <= estimated <= measured * factor


@pytest.mark.parametrize("name", ["W1", "W1-COG", "W2", "W4", "W5", "W7", "W8"])
def test_bytes_windows_and_output_of_the_workloads_are_estimated_within_a_factor_of_two(name: str, run: Run) -> None:
    cost, context, windows, stored = run({"process_graph": workloads.GRAPHS[name](SIZE)})
    assert near(cost.bytes_read, context.bytes_read), (cost.bytes_read, context.bytes_read)
    assert near(cost.windows, windows)
    uncompressed = name in ("W2", "W4")
    assert near(cost.output_bytes, stored) or not uncompressed


def test_zones_are_estimated_by_the_windows_that_hold_them(run: Run) -> None:
    cost, context, windows, _ = run({"process_graph": workloads.w3(SIZE, 20)})
    assert near(cost.bytes_read, context.bytes_read), (cost.bytes_read, context.bytes_read)
    assert near(cost.windows, windows)


def load(west: float, south: float, east: float, north: float, crs: Any) -> dict[str, Any]:
    box = {"west": west, "south": south, "east": east, "north": north, "crs": crs}
    return node("load_collection", id=SENTINEL_2, spatial_extent=box, temporal_extent=None, bands=["B04"])


def test_a_box_of_a_few_pixels_is_estimated_to_the_byte(run: Run) -> None:
    # 7 columns and 5 rows of three dates, two bytes each
    process = graph(load=load(WEST + 100 * STEP, NORTH - 25 * STEP, WEST + 107 * STEP, NORTH - 20 * STEP, 32632))
    cost, context, _, _ = run(process)
    assert cost.bytes_read == context.bytes_read == 7 * 5 * 3 * 2


def test_a_coarser_foreign_grid_is_estimated_by_the_overview_it_reads(run: Run) -> None:
    whole = load(WEST, NORTH - SIZE * STEP, WEST + SIZE * STEP, NORTH, 32632)
    process = graph(
        load=whole,
        coarse=node("resample_spatial", data={"from_node": "load"}, resolution=50, projection=3035, method="near"),
    )
    cost, context, _, _ = run(process)
    assert near(cost.bytes_read, context.bytes_read), (cost.bytes_read, context.bytes_read)


def test_an_estimate_says_what_memory_a_process_needs(driver: WindowedDriver) -> None:
    cost = driver.plan({"process_graph": workloads.w2(SIZE)}, None).estimate()
    # a window of 512 x 512 pixels holds three dates of June of four 16-bit bands and their float32 means
    assert cost.peak_bytes >= 512 * 512 * 4 * (3 * 2 + 4)
    assert cost.memory_bytes(2) - cost.memory_bytes(1) == cost.peak_bytes
