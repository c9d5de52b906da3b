"""Run the workloads, project and bound in turn, each in a process of its own: `python -m benchmarks.run [W1 ...]`.

Prints a table and writes build/bench.json. Times are wall seconds of the work alone (imports and compilation are done
before); memory is the peak of the whole process. Quote the ratios: they hold when the machine's speed drifts. The ratio
of CPU seconds holds even when others use the machine (not told for Dask, whose workers are other processes).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__" and not __package__:  # run as a file: modules here must not stand for those of Python
    sys.path[0] = str(ROOT)

from benchmarks import overheads, tiles  # noqa: E402
from benchmarks.data import prepare, scenes  # noqa: E402
from benchmarks.measure import measured  # noqa: E402
from benchmarks.results import agreement  # noqa: E402
from benchmarks.workloads import GRAPHS, SIZES  # noqa: E402

LIMITS = {"W1": 1.12, "W1-COG": 0.8, "W2": 1.15, "W3": 1.15, "W4": 1.15, "W5": 0.6, "W7": 2.0, "W8": 1.5}
DASK_LIMITS = {"W1": 1.4}
Row = dict[str, Any]


def compared(workload: str, folder: Path, size: int, rounds: int, work: Path, side: str = "project") -> Row:
    """Pairs of runs in turn; the median of the ratios of the pairs; whether the results are the same."""
    size = min(size, SIZES.get(workload, size))
    pairs = []
    for number in range(rounds):
        order = (side, "bound") if number % 2 else ("bound", side)
        pairs.append({own: measured(own, workload, folder, size, work) for own in order})
    agrees = agreement(workload, work, scenes(folder), size)
    ratios = [pair[side]["wall_s"] / pair["bound"]["wall_s"] for pair in pairs]
    cpu = [pair[side]["cpu_s"] / pair["bound"]["cpu_s"] for pair in pairs]
    last = pairs[-1][side]
    is_dask = side == "dask"
    return {
        "workload": f"{workload}-DASK" if is_dask else workload,
        "project_s": round(statistics.median(p[side]["wall_s"] for p in pairs), 4),
        "bound_s": round(statistics.median(p["bound"]["wall_s"] for p in pairs), 4),
        **ratio_of(ratios),
        "cpu_ratio": None if is_dask else round(statistics.median(cpu), 3),
        "rss_mb": round(max(p[side]["rss_mb"] for p in pairs)),
        "bound_rss_mb": round(max(p["bound"]["rss_mb"] for p in pairs)),
        "limit": DASK_LIMITS[workload] if is_dask else LIMITS[workload],
        "size": size,
        "results": str(agrees),
        "results_agree": agrees.holds,
        "estimate": {
            "read": round(last["estimated_read_bytes"] / max(1, last["read_bytes"]), 2),
            "peak_mb": round(last["estimated_peak_bytes"] / 1e6, 1),
            "duration_s": round(last["estimated_duration_s"], 2),
        },
    }


def ratio_of(ratios: list[float]) -> Row:
    """Median and range."""
    return {
        "ratio": round(statistics.median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
    }


def rows(given: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    """Every row that was asked for."""
    folder = prepare(given.data, given.size, given.dates).resolve()
    wanted = given.workloads or [*GRAPHS, "W1-DASK", "W1-SIZES", "W6", "W7-HTTP", "OVERHEADS"]
    for workload in wanted:
        if workload == "W1-DASK":
            yield compared("W1", folder, given.size, given.rounds, scratch, "dask")
        elif workload == "W1-SIZES":
            for size in (2048, *([8192] if given.large else [])):
                other = prepare(given.data, size, given.dates).resolve()
                yield {
                    **compared("W1", other, size, 1 if size > 4096 else given.rounds, scratch),
                    "workload": f"W1-{size}",
                }
        elif workload == "W6":
            yield from tiles.rows(folder, given.size, scratch)
        elif workload == "W7-HTTP":
            yield from tiles.request_rows(folder, given.size, scratch)
        elif workload == "OVERHEADS":
            yield from overheads.rows(scratch)
        else:
            yield compared(workload, folder, given.size, given.rounds, scratch)


def line(row: Row) -> str:
    """A row of the table; what was not measured is left blank."""

    def cell(name: str, form: str, width: int) -> str:
        value = row.get(name)
        return " " * width if value is None else f"{value:{form}}".rjust(width)

    spread = f"({row['ratio_min']:.2f} - {row['ratio_max']:.2f})" if "ratio_min" in row else ""
    numbers = cell("project_s", ".4f", 11) + cell("bound_s", ".4f", 11) + cell("ratio", ".2f", 8) + spread.rjust(16)
    numbers += cell("cpu_ratio", ".2f", 7)
    limits = cell("limit", "g", 8) + cell("rss_mb", "d", 7) + cell("bound_rss_mb", "d", 10)
    return f"{row['workload']:24}{numbers}{limits}  {row.get('results', '')}"


def main() -> None:
    """Print the table and write build/bench.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "workloads", nargs="*", help="W1, W1-COG, W2 ... W8, W1-DASK, W1-SIZES, OVERHEADS (default: all)"
    )
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--dates", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="W1 at 8192 pixels too; makes four times the data")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("BENCH_DATA", "build/bench-data")))
    given = parser.parse_args()
    given.data.mkdir(parents=True, exist_ok=True)
    names = (
        ("project", 11),
        ("bound", 11),
        ("ratio", 8),
        ("(min - max)", 16),
        ("CPU", 7),
        ("limit", 8),
        ("MB", 7),
        ("bound MB", 10),
    )
    print(" " * 24 + "".join(name.rjust(width) for name, width in names) + "  results", flush=True)
    found: list[Row] = []
    with tempfile.TemporaryDirectory(dir=given.data) as scratch:
        for row in rows(given, Path(scratch).resolve()):
            found.append(row)
            print(line(row), flush=True)
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
