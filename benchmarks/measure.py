"""One side of one workload in a process of its own: `python -m benchmarks.measure project W1 FOLDER SIZE WORK`."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import open_driver, scenes
from benchmarks.workloads import GRAPHS

REPEATS = {"W7": 20, "W8": 5}


def measured(side: str, workload: str, folder: Path, size: int, work: Path) -> dict[str, Any]:
    """Wall seconds and peak memory of one side, measured in a fresh process.

    Raises: SystemExit if it fails.
    """
    command = [sys.executable, "-m", "benchmarks.measure", side, workload, str(folder), str(size), str(work)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{side} of {workload} failed:\n{done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def project(workload: str, folder: Path, size: int, work: Path, **options: Any) -> dict[str, Any]:
    """Compile and run the graph through the driver; one small run before, so that kernels are loaded."""
    from openeo_plugin.engine.operator import RunContext

    _, driver = open_driver(folder, work / f"catalogue-{folder.name}", **options)
    out = work / "project"
    out.mkdir(parents=True, exist_ok=True)
    context, cpu_s = RunContext(), list[float]()

    def once(pixels: int) -> float:
        nonlocal context
        process, context = {"process_graph": GRAPHS[workload](pixels)}, RunContext()
        started, cpu = time.perf_counter(), time.process_time()
        driver.run(driver.plan(process, None), out, lambda _: None, context)
        cpu_s.append(time.process_time() - cpu)
        return time.perf_counter() - started

    once(size if "dask_address" in options else min(size, 512))
    times = [once(size) for _ in range(REPEATS.get(workload, 1))]
    cost = driver.plan({"process_graph": GRAPHS[workload](size)}, None).estimate()
    driver.close()
    return {
        "wall_s": statistics.median(times),
        "cpu_s": statistics.median(cpu_s[1:]),
        "read_bytes": context.bytes_read,
        "estimated_read_bytes": cost.bytes_read,
        "estimated_peak_bytes": cost.peak_bytes,
        "estimated_duration_s": cost.duration_s,
    }


def dask(workload: str, folder: Path, size: int, work: Path) -> dict[str, Any]:
    """The same with two worker processes of Dask, and one thread that writes; the cluster has run before."""
    return project(workload, folder, size, work, dask_address="local", dask_workers=2)


def bound(workload: str, folder: Path, size: int, work: Path) -> dict[str, Any]:
    """Run the bound; values that it gives without a file are stored after the clock has stopped."""
    import rasterio

    from benchmarks import bound as hand_tuned

    out = work / "bound"
    out.mkdir(parents=True, exist_ok=True)
    dates = scenes(folder)
    with rasterio.Env(**hand_tuned.GDAL):
        hand_tuned.warm_up()
        hand_tuned.WORKLOADS[workload](dates, min(size, 512), out)
        hand_tuned._LOCAL.__dict__.clear()
        times, cpu_s = [], []
        for _ in range(REPEATS.get(workload, 1)):
            started, cpu = time.perf_counter(), time.process_time()
            value = hand_tuned.WORKLOADS[workload](dates, size, out)
            times.append(time.perf_counter() - started)
            cpu_s.append(time.process_time() - cpu)
    if isinstance(value, bytes):
        (out / "value.tif").write_bytes(value)
    elif isinstance(value, np.ndarray):
        np.save(out / "value.npy", value)
    return {"wall_s": statistics.median(times), "cpu_s": statistics.median(cpu_s)}


def peak_mb() -> float:
    """Peak memory of this process. Not `ru_maxrss`, which begins with that of the process it was forked from."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


SIDES = {"project": project, "bound": bound, "dask": dask}


if __name__ == "__main__":
    side_, workload_, folder_, size_, work_ = sys.argv[1:]
    found = SIDES[side_](workload_, Path(folder_), int(size_), Path(work_))
    print(json.dumps({**found, "rss_mb": peak_mb()}))
