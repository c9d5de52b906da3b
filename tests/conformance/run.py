"""Run every official case, print a table, write `build/conformance.json`.

    python tests/conformance/run.py [process ...]

Ends with 1 if a case fails that is not known to be wrong itself. A case that can't be run has failed.
Defective cases are run once more in a corrected form, which must pass; they are not added to those that passed.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conformance import official  # noqa: E402
from conformance.cluster import WINDOW_PX, CubeCluster  # noqa: E402
from conformance.corrections import summary  # noqa: E402
from conformance.cubes import in_windows  # noqa: E402
from conformance.defective import DEFECTIVE  # noqa: E402
from conformance.runner import Case, Outcome, cases, gives_cube, run  # noqa: E402


def counted(outcomes: Iterable[Outcome]) -> dict[str, int]:
    results = [o.why is None for o in outcomes]
    passed = sum(results)
    return {"passed": passed, "failed": len(results) - passed, "skipped": 0, "total": len(results)}


def grouped(outcomes: Iterable[Outcome], key: str) -> dict[str, dict[str, int]]:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[getattr(outcome.case, key)].append(outcome)
    return {name: counted(group) for name, group in sorted(groups.items())}


def failure(outcome: Outcome) -> dict[str, str | None]:
    return {"id": outcome.case.id, "why": outcome.why, "defective": DEFECTIVE.get(outcome.case.id)}


def elsewhere(outcomes: list[Outcome], again: list[Outcome]) -> dict[str, Any]:
    """Cube cases computed in another way: how many pass, and which have another outcome than at once."""
    at_once = {o.case.id: o.why for o in outcomes}
    different = [failure(o) for o in again if o.why != at_once[o.case.id]]
    return {**counted(again), "different": different}


def through_dask(own: list[Case]) -> list[Outcome]:
    """The cases, their cubes computed by the workers of a cluster."""
    cluster = CubeCluster()
    try:
        return [run(case, cluster.of(case)) for case in own]
    finally:
        cluster.close()


def report(outcomes: list[Outcome]) -> dict[str, Any]:
    """What goes into `build/conformance.json`."""
    own = [o.case for o in outcomes if gives_cube(o.case)]
    return {
        **counted(outcomes),
        "windows": elsewhere(outcomes, [run(case, lambda cube: in_windows(cube, WINDOW_PX)) for case in own]),
        "dask": elsewhere(outcomes, through_dask(own)),
        "stable": counted(o for o in outcomes if not o.case.experimental),
        "experimental": counted(o for o in outcomes if o.case.experimental),
        "levels": grouped(outcomes, "level"),
        "processes": grouped(outcomes, "process"),
        "failures": [failure(o) for o in outcomes if o.why is not None],
    }


def table(found: dict[str, Any]) -> None:
    for title in ("processes", "levels"):
        print(f"\n{title:<36}passed  total")
        for name, counts in found[title].items():
            print(f"{name:<36}{counts['passed']:>6}{counts['total']:>7}{'' if not counts['failed'] else '  FAILED'}")
    print()
    for fault in found["failures"]:
        note = f" (defective case: {fault['defective']})" if fault["defective"] else ""
        print(f"{fault['id']}: {fault['why']}{note}")
    for name in ("stable", "experimental"):
        print(f"{name}: {found[name]['passed']} of {found[name]['total']} passed")
    for name in ("windows", "dask"):
        print(f"cubes through {name}: {found[name]['passed']} of {found[name]['total']} passed")
        for fault in found[name]["different"]:
            print(f"{fault['id']} is different there: {fault['why']}")
    for fault in (c for c in found["corrections"] if c["why"] is not None):
        print(f"{fault['id']}, corrected: {fault['why']} ({fault['what']})")
    corrected = found["corrected"]
    print(f"defective cases that pass once corrected: {corrected['passed']} of {corrected['total']}")
    print(f"all: {found['passed']} of {found['total']} passed, {found['failed']} failed")


def main(names: list[str]) -> int:
    if not official.folder().is_dir():
        print(f"the official processes are missing: {official.folder()} does not exist, set OPENEO_SHARED")
        return 2
    unknown = set(names) - set(official.definitions())
    if unknown:
        print(f"no such process: {', '.join(sorted(unknown))}")
        return 2
    outcomes = [run(case) for name in names or sorted(official.definitions()) for case in cases(name)]
    found = {**report(outcomes), **summary(names or sorted(official.definitions()))}
    table(found)
    if not names:
        target = ROOT / "build" / "conformance.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(found, indent=2, default=str) + "\n", "utf-8")
    same = not found["windows"]["different"] and not found["dask"]["different"]
    same = same and not found["corrected"]["failed"]
    return 0 if same and all(f["defective"] for f in found["failures"]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
