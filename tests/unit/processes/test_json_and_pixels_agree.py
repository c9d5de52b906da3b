"""An element-wise process gives the same for JSON values and for pixels, however the pixels are kept in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openeo_plugin.cube.pixels import DeferredNull, Mask, Palette, Pixels
from openeo_plugin.processes.registry import predefined

SENTINEL = -9999.0
KEPT_AS = ("masked", "sentinel", "deferred", "palette", "masked palette", "constant")

numbers = st.one_of(
    st.none(),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, -1.0, 0.5, -2.5, 3.5, 2.0, 10.0, 255.0]),
    st.floats(-1e4, 1e4).filter(lambda v: v != SENTINEL),
)
booleans = st.sampled_from([True, False, None])


def pixels_of(column: Sequence[Any], kept_as: str, codes: np.ndarray) -> Any:
    """One operand for every row, as pixels; `codes` is shared by the palettes of all operands."""
    if kept_as == "constant":
        return column[0]
    null = np.array([v is None for v in column])
    is_bool = all(v is None or isinstance(v, bool) for v in column)
    dtype = bool if is_bool else np.float64
    rubbish = True if is_bool else 7.0  # what stands under a null must not count
    values = np.array([rubbish if v is None else v for v in column], dtype)
    if kept_as == "sentinel" and not is_bool:
        return Pixels(np.where(null, SENTINEL, values), SENTINEL)
    if kept_as == "deferred":
        marked = values if is_bool else np.where(null, np.nan, values)
        return Pixels(marked, mask=DeferredNull(lambda: null), nan_marks=not is_bool)
    if "palette" in kept_as:
        entries, null_entries = np.zeros(256, dtype), np.zeros(256, bool)
        entries[: len(column)], null_entries[: len(column)] = values, null
        if kept_as == "palette":
            return Pixels(codes, palette=Palette(entries, null_entries))
        return Pixels(codes, mask=Mask(null), palette=Palette(entries, np.zeros(256, bool)))
    return Pixels(values, mask=Mask(null))


def rows_of(result: Any, count: int) -> list[Any]:
    """What came out, row by row, null as None."""
    if not isinstance(result, Pixels):
        return [result] * count
    plain = result.plain()
    null = plain.null()
    return [None if null is not None and null[i] else plain.values[i].item() for i in range(count)]


def assert_same(found: Any, expected: Any, case: str) -> None:
    if expected is None or isinstance(expected, bool):
        assert found is expected, case
    elif math.isnan(expected):
        assert isinstance(found, float), case
        assert math.isnan(found), case
    else:
        assert not isinstance(found, bool), case
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), case


def check(process: str, rows: list[tuple[Any, ...]], kept_as: Sequence[str], **options: Any) -> None:
    function: Callable[..., Any] = predefined()[process].function  # type: ignore[assignment]
    columns = [list(column) for column in zip(*rows, strict=True)]
    columns = [[c[0]] * len(c) if k == "constant" else c for c, k in zip(columns, kept_as, strict=True)]
    codes = np.arange(len(rows), dtype=np.uint8)
    names = [p.name for p in predefined()[process].parameters][: len(columns)]
    operands = {n: pixels_of(c, k, codes) for n, c, k in zip(names, columns, kept_as, strict=True)}
    found = rows_of(function(**operands, **options), len(rows))
    for i, row in enumerate(zip(*columns, strict=True)):
        expected = function(**dict(zip(names, row, strict=True)), **options)
        assert_same(found[i], expected, f"{process}{row} {options} kept as {kept_as}")


ONE = (
    "absolute sgn sqrt exp ln sin cos tan arcsin arccos arctan sinh cosh tanh arsinh arcosh artanh ceil floor round int"
)
ABOUT = "is_nan is_nodata is_valid is_infinite"
TWO = "add subtract multiply divide mod power log arctan2 normalized_difference eq neq gt gte lt lte"


@pytest.mark.parametrize("process", f"{ONE} {ABOUT}".split())
@given(rows=st.lists(st.tuples(numbers), min_size=1, max_size=8), kept_as=st.sampled_from(KEPT_AS[:-1]))
@settings(max_examples=40, deadline=None)
def test_processes_of_one_number_agree(process: str, rows: list[tuple[Any, ...]], kept_as: str) -> None:
    check(process, rows, [kept_as])


@pytest.mark.parametrize("process", TWO.split())
@given(
    rows=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8),
    kept_as=st.tuples(st.sampled_from(KEPT_AS), st.sampled_from(KEPT_AS)),
)
@settings(max_examples=60, deadline=None)
def test_processes_of_two_numbers_agree(process: str, rows: list[tuple[Any, ...]], kept_as: tuple[str, str]) -> None:
    check(process, rows, kept_as)


def test_logarithms_to_an_endless_base_agree() -> None:
    check("log", [(x, math.inf) for x in (0.0, 1.0, 5.0, math.inf)], ("masked", "constant"))


@pytest.mark.parametrize("process", ["and", "or", "xor", "eq", "neq", "gte", "lt"])
@given(
    rows=st.lists(st.tuples(booleans, booleans), min_size=1, max_size=8),
    kept_as=st.tuples(st.sampled_from(KEPT_AS), st.sampled_from(KEPT_AS)),
)
@settings(max_examples=60, deadline=None)
def test_processes_of_two_booleans_agree(process: str, rows: list[tuple[Any, ...]], kept_as: tuple[str, str]) -> None:
    check(process, rows, kept_as)


@given(rows=st.lists(st.tuples(booleans), min_size=1, max_size=8), kept_as=st.sampled_from(KEPT_AS[:-1]))
@settings(max_examples=40, deadline=None)
def test_not_agrees(rows: list[tuple[Any, ...]], kept_as: str) -> None:
    check("not", rows, [kept_as])


@given(
    rows=st.lists(st.tuples(booleans, numbers, numbers), min_size=1, max_size=8),
    kept_as=st.tuples(*[st.sampled_from(KEPT_AS)] * 3).filter(lambda k: k[1] != "constant" and k[2] != "constant"),
)
@settings(max_examples=100, deadline=None)
def test_if_agrees(rows: list[tuple[Any, ...]], kept_as: tuple[str, str, str]) -> None:
    check("if", rows, kept_as)


@given(rows=st.lists(st.tuples(numbers), min_size=1, max_size=8), kept_as=st.sampled_from(KEPT_AS[:-1]), data=st.data())
@settings(max_examples=100, deadline=None)
def test_processes_with_options_agree(rows: list[tuple[Any, ...]], kept_as: str, data: st.DataObject) -> None:
    low, high = sorted(data.draw(st.tuples(st.integers(-50, 50), st.floats(-50, 50))))
    check("clip", rows, [kept_as], min=low, max=high)
    check("between", rows, [kept_as], min=low, max=high, exclude_max=data.draw(st.booleans()))
    check("between", rows, [kept_as], min=high, max=low)
    check("linear_scale_range", rows, [kept_as], inputMin=low, inputMax=high + 1, outputMin=-7, outputMax=255)
    check("round", rows, [kept_as], p=data.draw(st.integers(-3, 6)))
    check("eq", rows, [kept_as], y=low, delta=10)
    check("neq", rows, [kept_as], y=low, delta=10)


@given(
    rows=st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=8),
    kept_as=st.tuples(*[st.sampled_from(KEPT_AS[:-1])] * 3),
)
@settings(max_examples=60, deadline=None)
def test_between_agrees_if_its_bounds_are_pixels(rows: list[tuple[Any, ...]], kept_as: tuple[str, str, str]) -> None:
    check("between", rows, kept_as)


@pytest.mark.parametrize("process", ["eq", "neq", "gt", "gte", "lt", "lte"])
@pytest.mark.parametrize("other", ["1", True, None])
@given(rows=st.lists(st.tuples(numbers), min_size=1, max_size=8), kept_as=st.sampled_from(KEPT_AS[:-1]))
@settings(max_examples=20, deadline=None)
def test_comparisons_of_different_types_agree(
    process: str, other: Any, rows: list[tuple[Any, ...]], kept_as: str
) -> None:
    if all(v is None for (v,) in rows):
        rows = [*rows, (1.0,)]  # pixels that are all null have no type that the test could tell
    check(process, rows, [kept_as], y=other)
