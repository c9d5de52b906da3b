"""Worked examples of processes on numbers, texts, dates and arrays: what is given and what comes out.

`GET /processes` and the pages of docs/processes/ show them, and a test runs every one. Examples of processes on cubes
are in `example_graphs.py`.
"""

from __future__ import annotations

from typing import Any

Example = dict[str, Any]


def _gives(returns: Any, **arguments: Any) -> Example:
    """An example with its result first, as an equation read from right to left."""
    return {"arguments": arguments, "returns": returns}


def _callback(process_id: str, **arguments: Any) -> dict[str, Any]:
    node = {"process_id": process_id, "arguments": arguments, "result": True}
    return {"process_graph": {"node": node}}


_X = {"from_parameter": "x"}
_HALF_PI = 1.5707963267948966

ARITHMETIC: dict[str, tuple[Example, ...]] = {
    "add": (_gives(4.25, x=6, y=-1.75), _gives(None, x=6, y=None)),
    "subtract": (_gives(7.75, x=6, y=-1.75), _gives(None, x=None, y=3)),
    "multiply": (_gives(-4.5, x=1.5, y=-3), _gives(None, x=1.5, y=None)),
    "divide": (_gives(-2.5, x=7.5, y=-3), _gives(None, x=None, y=2)),
    "mod": (_gives(2, x=17, y=5), _gives(3, x=-17, y=5), _gives(-3, x=17, y=-5)),
    "power": (_gives(0.125, base=2, p=-3), _gives(1.5, base=2.25, p=0.5)),
    "absolute": (_gives(7.5, x=-7.5), _gives(None, x=None)),
    "sgn": (_gives(-1, x=-0.4), _gives(0, x=0)),
    "sqrt": (_gives(1.5, x=2.25),),
    "exp": (_gives(1, p=0), _gives(None, p=None)),
    "ln": (_gives(0, x=1),),
    "log": (_gives(5, x=32, base=2), _gives(-3, x=0.001, base=10)),
    "clip": (_gives(100, x=130, min=0, max=100), _gives(42, x=42, min=0, max=100)),
    "linear_scale_range": (
        _gives(51, x=0.2, inputMin=0, inputMax=1, outputMin=0, outputMax=255),
        _gives(1, x=80, inputMin=0, inputMax=50),
    ),
    "normalized_difference": (_gives(0.6, x=0.4, y=0.1),),
    "ceil": (_gives(3, x=2.1), _gives(-2, x=-2.9)),
    "floor": (_gives(2, x=2.9), _gives(-3, x=-2.1)),
    "int": (_gives(2, x=2.9), _gives(-2, x=-2.9)),
    "round": (_gives(2, x=2.5), _gives(4, x=3.5), _gives(2.72, x=2.7183, p=2), _gives(2700, x=2718, p=-2)),
}

CONSTANTS: dict[str, tuple[Example, ...]] = {
    "constant": (_gives("B08", x="B08"),),
    "e": (_gives(2.718281828459045),),
    "pi": (_gives(3.141592653589793),),
}

TRIGONOMETRY: dict[str, tuple[Example, ...]] = {
    "sin": (_gives(1, x=_HALF_PI),),
    "cos": (_gives(1, x=0),),
    "tan": (_gives(0, x=0),),
    "arcsin": (_gives(_HALF_PI, x=1),),
    "arccos": (_gives(_HALF_PI, x=0),),
    "arctan": (_gives(0, x=0), _gives(None, x=None)),
    "sinh": (_gives(0, x=0),),
    "cosh": (_gives(1, x=0),),
    "tanh": (_gives(0, x=0),),
    "arsinh": (_gives(0, x=0),),
    "arcosh": (_gives(0, x=1),),
    "artanh": (_gives(0, x=0),),
    "arctan2": (_gives(_HALF_PI, y=3, x=0), _gives(0, y=0, x=3)),
}

COMPARISON: dict[str, tuple[Example, ...]] = {
    "eq": (
        _gives(True, x=0.3, y=0.31, delta=0.02),
        _gives(True, x="Water", y="water", case_sensitive=False),
        _gives(False, x=1, y="1"),
        _gives(None, x=None, y=1),
    ),
    "neq": (_gives(True, x=8, y=9), _gives(False, x=8, y=9, delta=2)),
    "gt": (_gives(True, x=5, y=-5), _gives(False, x=5, y=5)),
    "gte": (_gives(True, x=5, y=5), _gives(None, x=5, y=None)),
    "lt": (_gives(False, x=5, y=-5),),
    "lte": (_gives(True, x=-5, y=5),),
    "between": (_gives(True, x=10, min=0, max=10), _gives(False, x=10, min=0, max=10, exclude_max=True)),
    "is_nan": (_gives(False, x=7), _gives(False, x="NaN")),
    "is_nodata": (_gives(True, x=None), _gives(False, x=0)),
    "is_valid": (_gives(False, x=None), _gives(True, x=0)),
    "is_infinite": (_gives(False, x=1e300),),
}

LOGIC: dict[str, tuple[Example, ...]] = {
    "and": (_gives(False, x=False, y=None), _gives(None, x=True, y=None)),
    "or": (_gives(True, x=True, y=None), _gives(None, x=False, y=None)),
    "xor": (_gives(True, x=True, y=False), _gives(None, x=True, y=None)),
    "not": (_gives(False, x=True), _gives(None, x=None)),
    "if": (_gives("wet", value=True, accept="wet", reject="dry"), _gives(None, value=None, accept="wet")),
    "any": (
        _gives(True, data=[False, None, True]),
        _gives(None, data=[False, None], ignore_nodata=False),
        _gives(False, data=[]),
    ),
    "all": (_gives(True, data=[True, None]), _gives(None, data=[True, None], ignore_nodata=False)),
}

DATES: dict[str, tuple[Example, ...]] = {
    "date_between": (
        _gives(True, x="2022-06-12", min="2022-06-01", max="2022-07-01"),
        _gives(False, x="2022-07-01", min="2022-06-01", max="2022-07-01", exclude_max=True),
    ),
    "date_difference": (
        _gives(28, date1="2023-02-01", date2="2023-03-01", unit="day"),
        _gives(-90, date1="2023-02-01T00:01:30Z", date2="2023-02-01T00:00:00Z"),
    ),
    "date_shift": (
        _gives("2024-02-29", date="2024-01-31", value=1, unit="month"),
        _gives("2022-12-31T23:30:00Z", date="2023-01-01T01:30:00Z", value=-2, unit="hour"),
    ),
}

TEXTS: dict[str, tuple[Example, ...]] = {
    "text_begins": (_gives(True, data="S2B_MSIL2A", pattern="S2"), _gives(None, data=None, pattern="S2")),
    "text_ends": (_gives(True, data="scene.TIF", pattern=".tif", case_sensitive=False),),
    "text_contains": (_gives(False, data="S2B_MSIL2A", pattern="l2a"),),
    "text_find": (_gives(4, data="S2B_MSIL2A", pattern="MSI"), _gives(None, data="S2B_MSIL2A", pattern="OLI")),
    "text_concat": (_gives("32-T-PS", data=[32, "T", "PS"], separator="-"), _gives("B8A", data=["B", 8, "A"])),
}

ARRAYS: dict[str, tuple[Example, ...]] = {
    "array_apply": (_gives([0.1, None, 0.4], data=[1, None, 4], process=_callback("divide", x=_X, y=10)),),
    "array_filter": (_gives([12, 30], data=[12, -4, 30, None], condition=_callback("gt", x=_X, y=0)),),
    "array_element": (_gives(0.25, data=[0.5, 0.25], index=1), _gives(None, data=[0.5], index=3, return_nodata=True)),
    "array_contains": (_gives(True, data=["B04", "B08"], value="B08"), _gives(False, data=[1, 2], value="1")),
    "array_find": (
        _gives(0, data=[3, 8, 3], value=3),
        _gives(2, data=[3, 8, 3], value=3, reverse=True),
        _gives(None, data=[3, 8, 3], value=9),
    ),
    "array_create": (_gives([0, 1, 0, 1, 0, 1], data=[0, 1], repeat=3), _gives([], data=[])),
    "array_create_labeled": (_gives([0.1, 0.4], data=[0.1, 0.4], labels=["B04", "B08"]),),
    "array_append": (_gives([7, 5, None], data=[7, 5], value=None),),
    "array_concat": (_gives(["B02", "B04", "B02"], array1=["B02"], array2=["B04", "B02"]),),
    "array_modify": (
        _gives([1, 9, 9, 4], data=[1, 2, 4], values=[9, 9], index=1, length=1),
        _gives([1, 4], data=[1, 2, 4], values=[], index=1, length=1),
    ),
    "array_interpolate_linear": (_gives([None, 2, 4, 6, None], data=[None, 2, None, 6, None]),),
    "first": (_gives(8, data=[None, 8, 3]), _gives(None, data=[None, 8, 3], ignore_nodata=False)),
    "last": (_gives(3, data=[8, 3, None]), _gives(None, data=[])),
    "count": (
        _gives(2, data=[4, None, 0]),
        _gives(3, data=[4, None, 0], condition=True),
        _gives(1, data=[4, None, 0], condition=_callback("gt", x=_X, y=1)),
    ),
    "order": (_gives([1, 2, 0], data=[9, 2, 5]), _gives([2, 0, 1], data=[9, None, 5], nodata=True)),
    "rearrange": (_gives([2, 5, 9], data=[9, 2, 5], order=[1, 2, 0]),),
    "sort": (_gives([9, 5, 2], data=[5, None, 9, 2], asc=False), _gives([2, 5, None], data=[5, None, 2], nodata=True)),
}

STATISTICS: dict[str, tuple[Example, ...]] = {
    "max": (_gives(11, data=[-3, None, 11]), _gives(None, data=[-3, None, 11], ignore_nodata=False)),
    "min": (_gives(-3, data=[-3, None, 11]), _gives(None, data=[])),
    "extrema": (_gives([-3, 11], data=[4, -3, None, 11]),),
    "mean": (_gives(5, data=[2, None, 8]), _gives(None, data=[None])),
    "median": (_gives(3, data=[9, 1, 3]), _gives(6, data=[9, 1, 3, 20])),
    "sum": (_gives(7.5, data=[3, None, 4.5]), _gives(None, data=[3, None], ignore_nodata=False)),
    "product": (_gives(-24, data=[3, -2, None, 4]),),
    "variance": (_gives(9, data=[2, 5, 8]),),
    "sd": (_gives(3, data=[2, 5, 8]),),
    "quantiles": (
        _gives([2, 4], data=[5, 1, 2, 4, 3], probabilities=[0.25, 0.75]),
        _gives([3], data=[5, 1, 2, 4, 3], probabilities=2),
    ),
    "cummax": (_gives([3, 3, 7, 7], data=[3, 1, 7, 2]), _gives([3, None, 7], data=[3, None, 7])),
    "cummin": (_gives([3, 1, 1, 1], data=[3, 1, 7, 2]),),
    "cumproduct": (_gives([3, 6, -6], data=[3, 2, -1]),),
    "cumsum": (_gives([3, 5, 4], data=[3, 2, -1]), _gives([3, None, 5], data=[3, None, 2])),
}

OTHERS: dict[str, tuple[Example, ...]] = {
    "inspect": (_gives([1, 2], data=[1, 2], message="two numbers", code="Look", level="debug"),),
}

EXAMPLES: dict[str, tuple[Example, ...]] = {
    **ARITHMETIC,
    **CONSTANTS,
    **TRIGONOMETRY,
    **COMPARISON,
    **LOGIC,
    **DATES,
    **TEXTS,
    **ARRAYS,
    **STATISTICS,
    **OTHERS,
}
"""By id of the process."""
