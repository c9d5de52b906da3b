"""What is no pixel: planning many windows, validating a large graph, tasks of a cluster, the time a cancel takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.data import open_driver
from benchmarks.workloads import COLLECTION, extent, load, node, reducer, ref, saved

Row = dict[str, Any]
SIZE = 1024


def rows(work: Path) -> Iterator[Row]:
    """Each beside the limit it must hold, in seconds."""
    from openeo_plugin.sources.synthetic import make_collection

    made = make_collection(work / "small", size=SIZE, dates=2).parent
    _, driver = open_driver(made, work / "overheads")
    yield _row("plan 10,000 windows", _best(lambda: _plan_windows(driver)), 1.0)
    for shape, graph in (("a chain of", chain(500)), ("a callback of", long_callback(500))):
        process = {"process_graph": graph}
        yield _row(f"validate {shape} 500", _best(lambda process=process: _valid(driver, process)), 0.2)  # type: ignore[misc]
    yield _row("Dask, a window of 10,000", _cluster_window(made, work / "cluster"), 0.005)


def _row(name: str, seconds: float, limit: float) -> Row:
    return {"workload": name, "project_s": round(seconds, 5), "limit": limit, "results": f"{seconds * 1000:.2f} ms"}


def _best(work: Callable[[], object], times: int = 5) -> float:
    found = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def _plan_windows(driver: Any) -> int:
    """Compile a graph, and cut its cube into 10,000 windows with the tasks of each."""
    from openeo_plugin.cube.grid import tiled
    from openeo_plugin.engine.operator import everything
    from openeo_plugin.engine.schedule import schedule

    (operator,) = driver.plan({"process_graph": mean_graph()}, None).operators
    grid = operator.description.grid
    step = SIZE // 100
    windows = [w for w in tiled(grid, step, step) if w.height == step and w.width == step][:10_000]
    return sum(len(schedule([(operator, everything(operator.description, window))])[0]) for window in windows)


def mean_graph() -> Row:
    """The mean of two dates of one band."""
    graph = {
        "load": load(("B04",), extent(SIZE)),
        "mean": node("reduce_dimension", data=ref("load"), dimension="t", reducer=reducer("mean")),
    }
    return saved(graph, "mean", "GTiff", {"overviews": False})


def long_callback(count: int) -> Row:
    """A callback that adds one after the other."""
    inner: Row = {"add0": node("add", x={"from_parameter": "x"}, y=0)}
    for number in range(1, count - 3):
        inner[f"add{number}"] = node("add", x=ref(f"add{number - 1}"), y=number)
    inner[f"add{count - 4}"]["result"] = True
    graph = {
        "load": load(("B04",), extent(SIZE)),
        "apply": node("apply", data=ref("load"), process={"process_graph": inner}),
    }
    return saved(graph, "apply", "GTiff")


def chain(count: int) -> Row:
    """`count` nodes, callbacks included: sums of a constant, one after the other."""
    x = {"from_parameter": "x"}
    graph: Row = {"load": node("load_collection", id=COLLECTION, spatial_extent=None, temporal_extent=None)}
    last = "load"
    for number in range((count - 2) // 2):
        process = {"process_graph": {"a": node("add", x=x, y=number, result=True)}}
        graph[f"apply{number}"] = node("apply", data=ref(last), process=process)
        last = f"apply{number}"
    return saved(graph, last, "GTiff")


def _valid(driver: Any, process: Row) -> None:
    faults = driver.validate(process, None)
    if faults:
        raise RuntimeError(faults[0].message)


def _cluster_window(made: Path, work: Path) -> float:
    """Seconds for each of 10,000 windows of 10 x 10 pixels on a cluster of two workers, pixels included."""
    from openeo_plugin.cube.grid import Window
    from openeo_plugin.driver.cluster_task import compute_strip, shared_folder
    from openeo_plugin.engine.ahead import AheadWork
    from openeo_plugin.engine.cluster import Cluster
    from openeo_plugin.engine.cluster_windows import ClusterWindows
    from openeo_plugin.engine.operator import RunContext
    from openeo_plugin.engine.window import window_key

    settings, driver = open_driver(made, work)
    plan = driver.plan({"process_graph": mean_graph()}, None)
    assert plan.origin is not None
    operators = plan.operators
    grid = operators[0].description.grid
    places = [(y, x) for y in range(0, 1000, 10) for x in range(0, 1000, 10)]
    windows = [Window(grid, y, x, 10, 10) for y, x in places]
    cluster = Cluster("local", 2)
    try:
        with shared_folder(settings, plan.origin, operators) as folder:
            ahead = ClusterWindows(cluster, compute_strip, folder)
            for number, some in enumerate((windows[:50], windows)):  # the first time workers compile
                work_ = AheadWork(number, operators, (0,), (10, 10), len(some))
                started = time.perf_counter()
                for window in ahead.windows(work_, iter(some), RunContext()):
                    if ahead.take(window_key(number, window)) is None:
                        raise RuntimeError("a window was not computed by the cluster")
                spent = time.perf_counter() - started
    finally:
        cluster.close()
    return spent / len(windows)
