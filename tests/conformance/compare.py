"""Compare what came out with what an official case expects."""

from __future__ import annotations

import math
from typing import Any

from conformance.cubes import dimensions_of

from openeo_plugin.cube.instants import parse_instant
from openeo_plugin.cube.labelled_array import LabelledArray

PRECISION = 1e-10


def difference(expected: Any, found: Any, path: str = "") -> str | None:
    """What differs first; None if nothing does. Null and NaN are different, and so are true and 1."""
    kind = expected.get("type") if isinstance(expected, dict) else None
    if kind == "nodata":
        expected = None
    if kind == "datetime":
        return _unless(_same_instant(expected["value"], found), expected["value"], found, path)
    if kind == "datacube":
        return _cube_difference(expected, found, path)
    if kind == "labeled-array":
        return _labelled_difference(expected["data"], found, path)
    if isinstance(expected, list):
        if expected and all(isinstance(e, dict) and set(e) == {"key", "value"} for e in expected):
            return _labelled_difference(expected, found, path)  # two cases leave out the words around it
        return _list_difference(expected, found, path)
    if isinstance(expected, dict):
        if not isinstance(found, dict) or set(found) != set(expected):
            return _unless(False, expected, found, path)
        return _first(difference(expected[k], found[k], f"{path}.{k}") for k in expected)
    return _unless(_same_scalar(expected, found), expected, found, path)


def _first(differences: Any) -> str | None:
    return next((d for d in differences if d is not None), None)


def _unless(same: bool, expected: Any, found: Any, path: str) -> str | None:
    return None if same else f"{path or 'result'}: expected {_short(expected)}, found {_short(found)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 200 else text[:200] + " ..."


def _same_scalar(expected: Any, found: Any) -> bool:
    if isinstance(expected, bool) or expected is None or isinstance(expected, str):
        return type(found) is type(expected) and bool(found == expected)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return False
    if math.isnan(expected):
        return math.isnan(found)
    return bool(expected == found) or math.isclose(expected, found, rel_tol=PRECISION, abs_tol=PRECISION)


def _same_instant(expected: str, found: Any) -> bool:
    return isinstance(found, str) and bool(parse_instant(found) == parse_instant(expected))


def _list_difference(expected: list[Any], found: Any, path: str) -> str | None:
    if not isinstance(found, list) or len(found) != len(expected):
        return _unless(False, expected, found, path)
    return _first(difference(e, f, f"{path}[{i}]") for i, (e, f) in enumerate(zip(expected, found, strict=True)))


def _labelled_difference(expected: list[dict[str, Any]], found: Any, path: str) -> str | None:
    if not isinstance(found, LabelledArray):
        return f"{path or 'result'}: expected an array with labels, found {_short(found)}"
    labels = difference([e["key"] for e in expected], list(found.labels), f"{path}.labels")
    return labels or _list_difference([e["value"] for e in expected], list(found), path)


def _cube_difference(expected: dict[str, Any], found: Any, path: str) -> str | None:
    if not isinstance(found, dict) or found.get("type") != "datacube":
        return _unless(False, "a data cube", found, path)
    dimensions = dimensions_of(expected)
    found_order = found["order"]
    if list(dimensions) != found_order:
        return _unless(False, list(dimensions), found_order, f"{path}.order")
    for name, dimension in dimensions.items():
        wrong = _dimension_difference(dimension, found["dimensions"][name], f"{path}.{name}")
        if wrong:
            return wrong
    return None if expected["data"] is None else _cells_difference(expected, found["data"], f"{path}.data")


def _dimension_difference(expected: dict[str, Any], found: dict[str, Any], path: str) -> str | None:
    for key in ("type", "axis"):
        if expected.get(key) != found.get(key):
            return _unless(False, expected.get(key), found.get(key), f"{path}.{key}")
    crs, found_crs = expected.get("reference_system"), found.get("reference_system")
    if crs is not None and str(crs) != str(found_crs):
        return _unless(False, crs, found_crs, f"{path}.reference_system")
    labels, found_labels = expected["values"], found["values"]
    if expected["type"] == "temporal" and len(labels) == len(found_labels):
        return _first(
            _unless(e == f or _same_label(e, f), e, f, f"{path}.values")
            for e, f in zip(labels, found_labels, strict=True)
        )
    return difference(labels, found_labels, f"{path}.values")


def _same_label(expected: Any, found: Any) -> bool:
    """Whether two temporal labels are the same instant; labels of periods can only be the same text."""
    try:
        return "T" in str(expected) and _same_instant(expected, found)
    except ValueError:
        return False


def _cells_difference(spec: dict[str, Any], found: Any, path: str) -> str | None:
    """Cells of nested lists; the cube's no-data values stand for null in what is expected."""
    nodata = spec.get("nodata")
    sentinels = nodata if isinstance(nodata, list) else [] if nodata is None else [nodata]
    nan_is_null = any(isinstance(s, float) and math.isnan(s) for s in sentinels)

    def normal(cell: Any) -> Any:
        if isinstance(cell, list):
            return [normal(c) for c in cell]
        if isinstance(cell, dict) and cell.get("type") == "nodata":
            return None
        if isinstance(cell, float) and math.isnan(cell):
            return None if nan_is_null else cell
        return None if not isinstance(cell, bool) and cell in sentinels else cell

    def seen(cell: Any) -> Any:
        if isinstance(cell, list):
            return [seen(c) for c in cell]
        return None if nan_is_null and isinstance(cell, float) and math.isnan(cell) else cell

    return _list_difference(normal(spec["data"]), seen(found), path)
