"""One contract for both ways of computing on arrays: a JSON list, and lanes of pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openeo_plugin.cube.pixels import Lanes, Mask, Pixels
from openeo_plugin.processes import array_elements, cumulative, interpolation, picks, sorting, statistics

PIXELS = 40
LEVELS = [0.0, 1.0, 2.0, 3.0, 7.0, 40.0]

Case = Callable[[Any, bool], Any]

ONE_VALUE: dict[str, Case] = {
    "max": statistics.max_,
    "min": statistics.min_,
    "mean": statistics.mean,
    "median": statistics.median,
    "sum": statistics.sum_,
    "product": statistics.product,
    "sd": statistics.sd,
    "variance": statistics.variance,
    "first": picks.first,
    "last": picks.last,
    "count": lambda data, _: picks.count(data),
    "count all": lambda data, _: picks.count(data, True),
    "contains": lambda data, _: array_elements.array_contains(data, 2),
    "find": lambda data, _: array_elements.array_find(data, 2),
    "find last": lambda data, _: array_elements.array_find(data, 2, True),
}

MANY_VALUES: dict[str, Case] = {
    "extrema": statistics.extrema,
    "quantiles": lambda data, ignore: statistics.quantiles(data, [0, 0.1, 0.5, 1], None, ignore),
    "cummax": cumulative.cummax,
    "cummin": cumulative.cummin,
    "cumsum": cumulative.cumsum,
    "cumproduct": cumulative.cumproduct,
    "sort": lambda data, asc: sorting.sort(data, asc, True),
    "sort, null first": lambda data, asc: sorting.sort(data, asc, False),
    "sort without null": sorting.sort,
    "order": lambda data, asc: sorting.order(data, asc, True),
    "order, null first": lambda data, asc: sorting.order(data, asc, False),
    "order without null": sorting.order,
    "rearrange": lambda data, asc: sorting.rearrange(data, sorting.order(data, asc, True)),
    "interpolate": lambda data, _: interpolation.array_interpolate_linear(data),
}


def drawn(seed: int, length: int, dtype: str) -> Pixels:
    """Pixels (length, 5, 8) with nulls as sentinel and as mask, floats with NaN and infinity among them."""
    rng = np.random.default_rng(seed)
    shape = (length, 5, PIXELS // 5)
    levels = [*LEVELS, np.nan, np.inf, -1.5] if dtype.startswith("float") else LEVELS
    values = rng.choice(np.array(levels), shape).astype(dtype)
    return Pixels(values, nodata=40, mask=Mask(rng.random(shape) < 0.15))


def as_lists(pixels: Pixels) -> list[list[Any]]:
    """One JSON list per pixel."""
    null = pixels.null()
    null = np.zeros(pixels.shape, bool) if null is None else null
    values = pixels.values.reshape(-1, PIXELS).T.tolist()
    nulls = null.reshape(-1, PIXELS).T.tolist()
    return [[None if n else v for v, n in zip(one, gone, strict=True)] for one, gone in zip(values, nulls, strict=True)]


def same(found: Any, wanted: Any) -> bool:
    if wanted is None or found is None:
        return found is wanted
    if isinstance(wanted, float) and math.isnan(wanted):
        return math.isnan(found)
    return bool(found == wanted or math.isclose(found, wanted, rel_tol=1e-6, abs_tol=1e-6))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 9),
    st.sampled_from(["uint8", "uint16", "int32", "float32", "float64"]),
    st.sampled_from([*ONE_VALUE]),
    st.booleans(),
)
def test_one_value_is_the_same_for_a_list_and_for_lanes(
    seed: int, length: int, dtype: str, name: str, flag: bool
) -> None:
    pixels = drawn(seed, length, dtype)
    result = ONE_VALUE[name](Lanes(None, stacked=pixels), flag)
    wanted = [ONE_VALUE[name](one, flag) for one in as_lists(pixels)]
    if not isinstance(result, Pixels):
        assert set(wanted) == {result}
        return
    found = as_lists(Pixels(result.plain().values[np.newaxis], result.nodata, _mask(result)))
    assert all(same(f[0], w) for f, w in zip(found, wanted, strict=True))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 9),
    st.sampled_from(["uint8", "uint16", "int32", "float32", "float64"]),
    st.sampled_from([*MANY_VALUES]),
    st.booleans(),
)
def test_many_values_are_the_same_for_a_list_and_for_lanes(
    seed: int, length: int, dtype: str, name: str, flag: bool
) -> None:
    pixels = drawn(seed, length, dtype)
    result = MANY_VALUES[name](Lanes(None, stacked=pixels), flag)
    assert isinstance(result, Lanes)
    for found, one in zip(as_lists(result.stack()), as_lists(pixels), strict=True):
        wanted = MANY_VALUES[name](one, flag)
        wanted += [None] * (len(found) - len(wanted))  # lanes keep their length: removed nulls come back at the end
        assert all(same(f, w) for f, w in zip(found, wanted, strict=True)), (found, wanted)


def _mask(pixels: Pixels) -> Mask | None:
    return None if pixels.mask is None else Mask(np.broadcast_to(pixels.mask.flags(), pixels.shape)[np.newaxis])


@pytest.mark.parametrize("ignore_nodata", [True, False])
@pytest.mark.parametrize("name", ["any", "all"])
def test_truth_is_the_same_for_lists_and_for_lanes(name: str, ignore_nodata: bool) -> None:
    process = {"any": picks.any_, "all": picks.all_}[name]
    options = [True, False, None]
    for lists in ([[]], [[a] for a in options], [[a, b] for a in options for b in options]):
        for one in lists:
            values = np.array([v is True for v in one], bool).reshape(-1, 1, 1)
            null = np.array([v is None for v in one], bool).reshape(-1, 1, 1)
            result = process(Lanes(None, stacked=Pixels(values, mask=Mask(null))), ignore_nodata)
            gone = result.null()
            found = None if gone is not None and gone.item() else bool(result.values.item())
            assert found is process(one, ignore_nodata), one
