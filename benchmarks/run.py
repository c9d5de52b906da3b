"""Run the workloads, project and bound in turn, each in a process of its own: `python -m benchmarks.run [W1 ...]`.

Prints a table and writes build/bench.json. Times are wall seconds of the work alone (imports and compilation are done
before); memory is the peak of the whole process. Quote the ratios: they hold when the machine's speed drifts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.data import open_driver, prepare, scenes
from benchmarks.workloads import GRAPHS, SIZES

LIMITS = {"W1": 1.12, "W1-COG": 0.8, "W2": 1.15, "W3": 1.15, "W4": 1.15, "W5": 0.6, "W7": 2.0, "W8": 1.5}
REPEATS = {"W7": 20, "W8": 5}


def measure_project(workload: str, folder: Path, size: int, work: Path) -> dict[str, Any]:
    """Compile and run the graph through the driver; one small run before, so that kernels are loaded."""
    from openeo_plugin.engine.operator import RunContext

    _, driver = open_driver(folder, work / "catalogue")
    out = work / "project"
    out.mkdir(parents=True, exist_ok=True)

    def once(pixels: int) -> float:
        process = {"process_graph": GRAPHS[workload](pixels)}
        started = time.perf_counter()
        driver.run(driver.plan(process, None), out, lambda _: None, RunContext())
        return time.perf_counter() - started

    once(min(size, 512))
    times = [once(size) for _ in range(REPEATS.get(workload, 1))]
    return {"wall_s": statistics.median(times)}


def measure_bound(workload: str, folder: Path, size: int, work: Path) -> dict[str, Any]:
    """Run the bound."""
    import rasterio

    from benchmarks import bound

    out = work / "bound"
    out.mkdir(parents=True, exist_ok=True)
    dates = scenes(folder)
    with rasterio.Env(**bound.GDAL):
        bound.warm_up()
        bound.WORKLOADS[workload](dates, min(size, 512), out)
        bound._LOCAL.__dict__.clear()
        times = []
        for _ in range(REPEATS.get(workload, 1)):
            started = time.perf_counter()
            bound.WORKLOADS[workload](dates, size, out)
            times.append(time.perf_counter() - started)
    return {"wall_s": statistics.median(times)}


def child(side: str, workload: str, folder: Path, size: int, work: Path) -> dict[str, Any]:
    """One measurement in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.run", "--child", side, workload, str(folder), str(size), str(work)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{side} of {workload} failed:\n{done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(workload: str, folder: Path, size: int, rounds: int, work: Path) -> dict[str, Any]:
    """Pairs of runs in turn; the median of the ratios of the pairs."""
    size = min(size, SIZES.get(workload, size))
    pairs = []
    for number in range(rounds):
        order = ("project", "bound") if number % 2 else ("bound", "project")
        pairs.append({side: child(side, workload, folder, size, work) for side in order})
    ratios = [pair["project"]["wall_s"] / pair["bound"]["wall_s"] for pair in pairs]
    return {
        "workload": workload,
        "project_s": round(statistics.median(p["project"]["wall_s"] for p in pairs), 4),
        "bound_s": round(statistics.median(p["bound"]["wall_s"] for p in pairs), 4),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
        "rss_mb": round(max(p["project"]["rss_mb"] for p in pairs)),
        "bound_rss_mb": round(max(p["bound"]["rss_mb"] for p in pairs)),
        "limit": LIMITS[workload],
    }


def main() -> None:
    """Print the table and write build/bench.json."""
    if sys.argv[1:2] == ["--child"]:
        side, workload, folder, size, work = sys.argv[2:]
        measure = measure_project if side == "project" else measure_bound
        result = measure(workload, Path(folder), int(size), Path(work))
        result["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(result))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", help="W1, W1-COG, W2 ... (default: all)")
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--dates", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("BENCH_DATA", "build/bench-data")))
    given = parser.parse_args()
    folder = prepare(given.data, given.size, given.dates).resolve()
    rows = []
    print(f"{'':8}{'project':>10}{'bound':>10}{'ratio':>8}{'(min - max)':>16}{'limit':>7}{'MB':>7}{'bound MB':>10}")
    with tempfile.TemporaryDirectory(dir=given.data) as scratch:
        for workload in given.workloads or GRAPHS:
            row = compare(workload, folder, given.size, given.rounds, Path(scratch).resolve())
            rows.append(row)
            spread = f"({row['ratio_min']:.2f} - {row['ratio_max']:.2f})"
            print(
                f"{workload:8}{row['project_s']:10.3f}{row['bound_s']:10.3f}{row['ratio']:8.2f}{spread:>16}"
                f"{row['limit']:7.2f}{row['rss_mb']:7}{row['bound_rss_mb']:10}",
                flush=True,
            )
    target = Path("build/bench.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
