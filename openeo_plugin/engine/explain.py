"""What a plan is going to do, for people and for programs: its operators, what holds them up, and what it will cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from openeo_plugin.engine.barrier import Barrier
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.plan import Plan, SavedCube, SavedValue
from openeo_plugin.engine.run import window_sizes
from openeo_plugin.errors import OpenEOError

Json = dict[str, Any]
_SHOWN_BANDS = 6


def explanation(plan: Plan, threads: int, memory_budget_bytes: int) -> Json:
    """A plan as JSON. No pixel is read.

    Args:
        plan: to be explained.
        threads, memory_budget_bytes: of the run, which decide on the windows.
    Returns: `results`, each with the id of its operator; `operators`, inputs first, each with the ids of its inputs,
        and `blockers`: why it can't answer for any window at once; `estimate`.
    """
    roots = plan.operators
    ordered = _ordered(roots)
    ids = {id(operator): number for number, operator in enumerate(ordered, 1)}
    results: list[Json] = []
    for saved in plan.results:
        if isinstance(saved, SavedValue):
            results.append({"node": saved.node, "format": saved.format, "value": saved.value})
        else:
            operator = saved.operator if isinstance(saved, SavedCube) else saved.cube.values
            own = None if operator is None else ids[id(operator)]
            results.append({"node": saved.node, "format": saved.format, "operator": own})
    if not results:
        root = {"operator": ids[id(roots[0])]} if roots else {"value": plan.value}
        results.append({"node": roots[0].node if roots else None, "format": None, **root})
    cost = plan.estimate()
    return {
        "results": results,
        "operators": [_operator(o, ids, threads, memory_budget_bytes, o in roots) for o in ordered],
        "estimate": {**asdict(cost), "memory_bytes": cost.memory_bytes(threads)},
    }


def as_text(explained: Json) -> str:
    """An explanation as a tree for each result, and the estimate. An operator that is shared is drawn once."""
    operators = {operator["id"]: operator for operator in explained["operators"]}
    lines: list[str] = []
    drawn: set[int] = set()
    for result in explained["results"]:
        head = f"{result['node'] or 'result'}: {result['format'] or 'not saved'}"
        if result.get("operator") is None:
            lines.append(f"{head} = {result['value']!r}" if "value" in result else head)
            continue
        lines.append(head)
        lines += _tree(result["operator"], operators, drawn)
    return "\n".join([*lines, _cost(explained["estimate"])])


def _ordered(roots: Sequence[Operator]) -> list[Operator]:
    """Every operator once, behind its inputs."""
    found: dict[int, Operator] = {}
    stack = [(operator, False) for operator in reversed(roots)]
    while stack:
        operator, expanded = stack.pop()
        if expanded:
            found.setdefault(id(operator), operator)
        elif id(operator) not in found:
            stack.append((operator, True))
            stack.extend((below, False) for below in reversed(_below(operator)))
    return list(found.values())


def _below(operator: Operator) -> list[Operator]:
    below = list(operator.inputs)
    if isinstance(operator, Barrier) and all(operator.fold_input is not known for known in below):
        below.append(operator.fold_input)
    return below


def _operator(operator: Operator, ids: dict[int, int], threads: int, budget_bytes: int, is_root: bool) -> Json:
    cube = operator.description
    grid = cube.grid
    crs = grid.crs
    found: Json = {
        "id": ids[id(operator)],
        "node": operator.node,
        "operator": type(operator).__name__,
        "inputs": [ids[id(below)] for below in _below(operator)],
        "dimensions": {d.name: size for d, size in zip(cube.dimensions, cube.shape, strict=True)},
        "grid": {
            "shape": list(grid.shape),
            "crs": None if crs is None else str(crs),
            "transform": list(grid.affine)[:6],
        },
        "bands": [{"name": b.name, "type": str(b.dtype), "nodata": _json(b.nodata)} for b in cube.bands],
        "blockers": list(_blockers(operator)),
    }
    if is_root and 0 not in grid.shape:
        try:
            write, compute = window_sizes([operator], (16, 16), budget_bytes // threads)
            found["window"] = {"written": list(write), "computed": list(compute)}
        except OpenEOError as error:
            found["blockers"].append(error.message)
    return found


def _blockers(operator: Operator) -> Iterator[str]:
    cube = operator.description
    if isinstance(operator, Barrier):
        count = len(operator.fold_requests())
        yield f"barrier: {count} window(s) of its input are folded before the first of its own"
    inputs_free = all(below.description.free for below in operator.inputs)
    if not cube.free and (inputs_free or not operator.inputs) and cube.grid.crs is not None:
        yield "pinned: computed on its own grid, whatever grid is asked for"


def _json(nodata: float | int | None) -> float | int | str | None:
    return "nan" if nodata is not None and math.isnan(nodata) else nodata


def _tree(root: int, operators: dict[int, Json], drawn: set[int]) -> Iterator[str]:
    stack = [(root, "", "")]
    while stack:
        number, lead, below = stack.pop()
        operator = operators[number]
        title = f"{lead}#{number} {operator['operator']} of {operator['node']}"
        if number in drawn:
            yield f"{title} (see above)"
            continue
        drawn.add(number)
        yield f"{title}: {_shown(operator)}"
        inputs = operator["inputs"]
        bar = "│ " if inputs else "  "
        for blocker in operator["blockers"]:
            yield f"{below}{bar} ! {blocker}"
        for place, child in reversed(list(enumerate(inputs))):
            last = place == len(inputs) - 1
            stack.append((child, f"{below}{'└─' if last else '├─'} ", f"{below}{'   ' if last else '│  '}"))


def _shown(operator: Json) -> str:
    size = ", ".join(f"{name} {count}" for name, count in operator["dimensions"].items())
    a, _, _, _, e, _ = operator["grid"]["transform"]
    crs = operator["grid"]["crs"]
    place = "" if crs is None else f"; {crs} {abs(a):g} x {abs(e):g}"
    bands = [f"{band['name']} {band['type']}".strip() for band in operator["bands"][:_SHOWN_BANDS]]
    more = len(operator["bands"]) - len(bands)
    window = operator.get("window")
    cut = "" if window is None else "; windows of {} x {}".format(*window["written"])
    if window is not None and window["computed"] != window["written"]:
        cut += ", computed as {} x {}".format(*window["computed"])
    return f"({size}){place}; {', '.join(bands)}{f' and {more} more' if more else ''}{cut}"


def _cost(estimate: Json) -> str:
    return (
        f"estimate: {estimate['windows']} windows; reads {estimate['bytes_read'] / 1e6:.1f} MB; "
        f"stores {estimate['output_bytes'] / 1e6:.1f} MB uncompressed; {estimate['peak_bytes'] / 1e6:.1f} MB a window, "
        f"{estimate['memory_bytes'] / 1e6:.0f} MB in all; {estimate['duration_s']:.2f} s of one core"
    )
