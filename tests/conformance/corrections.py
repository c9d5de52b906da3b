"""Defective official cases with their slip put right: what is listed here must pass.

A case is corrected in its arguments, or in the form of what it expects (labels, names, rounding), and in single values
only where other files of the suite say what they must be. Cases that are wrong in substance have no correction. What
passes here is counted as `corrected`, never as `passed`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from conformance import official
from conformance.compare import difference
from conformance.cubes import cube_value
from conformance.runner import Case, Outcome, called, cases, run

Spec = dict[str, Any]
Change = Callable[[Spec], None]


@dataclass(frozen=True)
class Correction:
    """What is wrong, how it is put right, and how many decimals the expected numbers have (None: all)."""

    what: str
    change: Change
    decimals: int | None = None


def put(*path: Any) -> Change:
    """Set a value: the keys that lead to it, then the value."""
    *way, key, value = path

    def change(spec: Spec) -> None:
        _at(spec, way)[key] = value

    return change


def moved(source: tuple[Any, ...], target: tuple[Any, ...]) -> Change:
    """Take what stands at one place to another one."""

    def change(spec: Spec) -> None:
        _at(spec, target[:-1])[target[-1]] = _at(spec, source[:-1]).pop(source[-1])

    return change


def both(*changes: Change) -> Change:
    """One change after another."""

    def change(spec: Spec) -> None:
        for one in changes:
            one(spec)

    return change


def _at(spec: Any, way: Any) -> Any:
    for key in way:
        spec = spec[key]
    return spec


def _in_june(spec: Spec) -> None:
    """Everything but the data from January to June."""
    for place in ("arguments", "returns"):
        kept = {key: value for key, value in spec[place].items() if key != "data"}
        spec[place] |= json.loads(json.dumps(kept).replace("2020-01-", "2020-06-"))


def _other_mask(spec: Spec) -> None:
    mask = spec["arguments"]["mask"]
    mask["data"] = [[1 - cell for cell in row] for row in mask["data"]]


def _wrapped_condition(spec: Spec) -> None:
    text = json.dumps(spec["arguments"]["condition"]).replace('"element"', '"x"')
    spec["arguments"]["condition"] = {"process_graph": json.loads(text)}


def _above_zero(spec: Spec) -> None:
    graph = spec["arguments"]["process"]["process_graph"]
    del graph["const"]["result"]
    arguments = {"x": {"from_node": "const"}, "y": 0}
    graph["gt"] = {"process_id": "gt", "arguments": arguments, "result": True}


def _four_cells(spec: Spec) -> None:
    """The last band and date like all others: the pixels that are null everywhere else are null there, too."""
    data = spec["returns"]["data"]
    assert data[3][4] != data[3][5]
    for row, others in zip(data[3][5], data[3][4], strict=True):
        for column, other in enumerate(others):
            if other != other:
                row[column] = other


DATA, RETURNS = ("arguments", "data"), ("returns",)
_CONDITION = Correction(
    "the callback is given as `condition`", moved(("arguments", "process"), ("arguments", "condition"))
)
_JUNE = Correction("the intervals lie in June; the means are rounded to two decimals", _in_june, 2)
_T2 = Correction(
    "the dimension of the result is called t2",
    both(
        put("returns", "order", ["t2", "y", "x"]),
        moved(("returns", "dimensions", "t"), ("returns", "dimensions", "t2")),
    ),
)
_BARE = Correction("the condition is a process graph, its parameter x", _wrapped_condition)
_TARGET = Correction("the labels are the target", moved(("arguments", "source"), ("arguments", "target")))
_LABELS = ("returns", "dimensions", "t", "values")
_BLUE = put(*DATA, "data", 2, 0, 3, 165)
_BLUE_IS = "the pixel that is null in the data is 165, as in xyb-enumerated-bands.json5"

CORRECTIONS: dict[str, Correction] = {
    "aggregate_temporal#5": _JUNE,
    "aggregate_temporal#6": _JUNE,
    "aggregate_temporal#7": _JUNE,
    "aggregate_temporal#8": Correction("the intervals lie in June", _in_june),
    "aggregate_temporal#9": Correction(
        "the labels stand beside the reducer, the intervals lie in June; the means are rounded to three decimals",
        both(moved(("arguments", "reducer", "labels"), ("arguments", "labels")), _in_june),
        3,
    ),
    "aggregate_temporal#10": Correction(
        "the reducer gives medians, as `required` says",
        put("arguments", "reducer", "process_graph", "mean", "process_id", "median"),
    ),
    "aggregate_temporal_period#3": Correction(
        "the last date is an hour earlier, so that there are four hours, and the labels are those of hours",
        both(
            put(*DATA, "dimensions", "t", "values", 4, "2020-06-01T03:00:00Z"),
            put(*_LABELS, [f"2020-06-01-0{hour}" for hour in range(4)]),
        ),
    ),
    "aggregate_temporal_period#4": Correction(
        "the labels are those of days", put(*_LABELS, [f"2020-{day}" for day in range(153, 157)])
    ),
    "aggregate_temporal_period#8": _T2,
    "aggregate_temporal_period#9": _T2,
    "apply#2": Correction(_BLUE_IS, _BLUE),
    "apply_dimension#1": Correction(_BLUE_IS, _BLUE),
    "apply_dimension#2": Correction("works along t, which the data has", put("arguments", "dimension", "t")),
    "array_append#0": Correction("1 is appended", put("arguments", "value", 1)),
    "array_apply#8": Correction(
        "the process is called multiply, and 2 * (-4.725 + 1.5) is below zero",
        both(
            put("arguments", "process", "process_graph", "mulitply", "process_id", "multiply"),
            put(*RETURNS, 3, -6.45),
        ),
    ),
    "array_element#3": Correction("asks for B02", put("arguments", "label", "B02")),
    **{f"array_filter#{i}": _CONDITION for i in (0, 1, 2, 3, 4, 6)},
    "array_filter#5": Correction(
        "the callback is given as `condition`, with the comparison that `required` names",
        both(_above_zero, _CONDITION.change),
    ),
    "array_find#6": Correction("looks for the second value", put("arguments", "value", 4)),
    "array_modify#3": Correction("one element is removed", put("arguments", "length", 1)),
    "count#4": _BARE,
    "count#5": _BARE,
    "filter_bands#4": Correction(
        "asks for blue and green, whose labels and values are expected",
        put("arguments", "bands", ["blue", "green"]),
    ),
    "mask#0": Correction("the mask is the other way round", _other_mask),
    "mask#1": Correction(
        "the data is that of xyt-minimal-float.json5, and the mask is the other way round",
        both(put("arguments", "data", {"$ref": "assets/xyt-minimal-float.json5"}), _other_mask),
    ),
    "mask#2": Correction(
        "the mask is the other way round; a pixel that is null in the data and not masked stays null, as in mask#0",
        both(_other_mask, *(put(*RETURNS, "data", band, 2, 2, 255) for band in range(3))),
    ),
    "mask_polygon#0": Correction("`inside` is that of the case after it", put("arguments", "inside", False)),
    "mask_polygon#1": Correction("`inside` is that of the case before it", put("arguments", "inside", True)),
    "mask_polygon#6": Correction("the last band and date has the same pixels as all others", _four_cells),
    "reduce_dimension#1": Correction(
        f"refers to nodes by `from_node`, and {_BLUE_IS}",
        both(
            put("arguments", "reducer", "process_graph", "divide", "arguments", "x", {"from_node": "red"}),
            put("arguments", "reducer", "process_graph", "divide", "arguments", "y", {"from_node": "blue"}),
            _BLUE,
        ),
    ),
    "rename_dimension#3": Correction(
        "renames y, which has the new name in the result", put("arguments", "source", "y")
    ),
    "rename_dimension#4": Correction(
        "renames x, which has the new name in the result", put("arguments", "source", "x")
    ),
    "rename_labels#5": _TARGET,
    "rename_labels#7": _TARGET,
}

WITHOUT = {
    "lte#15": "what is expected is the opposite of what IEEE 754 and eq say",
    "product#10": "with none of its numbers changed the product is -inf",
}
"""Defective cases that have no correction, and why."""


def corrected(case: Case) -> Case:
    """The case with its slip put right; files are in place of references to them."""
    change = CORRECTIONS[case.id].change
    spec = copy.deepcopy(case.spec)
    if case.id == "mask#1":  # the file that the data refers to does not exist
        spec["arguments"]["mask"] = copy.deepcopy(official.resolved(spec["arguments"]["mask"]))
    else:
        spec = copy.deepcopy(official.resolved(spec))
    change(spec)
    return replace(case, spec=spec)


def run_corrected(process_id: str) -> Iterator[Outcome]:
    """The corrected cases of a process."""
    for case in cases(process_id):
        if case.id in CORRECTIONS:
            own = corrected(case)
            decimals = CORRECTIONS[case.id].decimals
            yield run(own) if decimals is None else _run_rounded(own, decimals)


def _run_rounded(case: Case, decimals: int) -> Outcome:
    """Run a case whose expected cells are rounded: a cell may round halves up or down."""
    expected = official.resolved(case.spec["returns"])
    found = cube_value(called(case))
    close = 0.5 * 10**-decimals + 1e-9

    def snapped(wanted: Any, own: Any) -> Any:
        if isinstance(wanted, list):
            return [snapped(w, o) for w, o in zip(wanted, own, strict=True)]
        return wanted if isinstance(own, float) and abs(own - wanted) <= close else own

    return Outcome(case, difference(expected, {**found, "data": snapped(expected["data"], found["data"])}))


def summary(names: Iterable[str]) -> dict[str, Any]:
    """What `build/conformance.json` says of corrected cases: counts and, for each, its correction."""
    outcomes = [o for name in names for o in run_corrected(name)]
    failed = [o for o in outcomes if o.why is not None]
    counts = {"passed": len(outcomes) - len(failed), "failed": len(failed), "total": len(outcomes)}
    rows = [{"id": o.case.id, "what": CORRECTIONS[o.case.id].what, "why": o.why} for o in outcomes]
    return {"corrected": counts, "corrections": rows, "not_corrected": WITHOUT}
