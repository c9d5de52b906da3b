"""Laws that processes on cubes obey, whatever the values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cubes
import numpy as np
import pytest
from cubes import X, Y, call, chain, computed, cube, graph
from hypothesis import given, settings
from hypothesis import strategies as st

from openeo_plugin.cube.dimensions import BandsDimension, TemporalDimension
from openeo_plugin.cube.pixels import Pixels
from openeo_plugin.engine.operator import Operator

CELL = st.one_of(st.none(), st.integers(-1000, 1000))
LABELS = [f"2020-{m:02d}-01T00:00:00Z" for m in range(1, 7)]
REDUCERS = ["mean", "median", "min", "max", "sum", "count", "sd", "variance"]

rows = st.lists(st.lists(CELL, min_size=4, max_size=4), min_size=2, max_size=6)


def over_time(cells: list[list[Any]], order: list[int] | None = None) -> Operator:
    """One row of pixels for each label of t."""
    places = order or list(range(len(cells)))
    t = TemporalDimension("t", tuple(LABELS[i] for i in places))
    return cube([t, Y, X], [[cells[i]] for i in places], nodata=-32768, dtype=np.int16)


def same(first: Operator, second: Operator) -> None:
    """The same dimensions, nulls and values."""
    assert first.description.dimensions == second.description.dimensions
    for one, two in zip(computed(first).bands, computed(second).bands, strict=True):
        np.testing.assert_array_equal(nulls(one), nulls(two))
        np.testing.assert_array_equal(one.plain().values[~nulls(one)], two.plain().values[~nulls(two)])


def nulls(pixels: Pixels) -> Any:
    found = pixels.null()
    return np.zeros(pixels.shape, bool) if found is None else found


def reduced(data: Operator, reducer: str) -> Operator:
    made: Operator = call("reduce_dimension", data=data, dimension="t", reducer=graph(reducer, data="$data"))
    return made


@settings(deadline=None, max_examples=40)
@given(cells=rows, reducer=st.sampled_from(["median", "min", "max", "sum", "count"]), data=st.data())
def test_a_permutation_of_the_labels_does_not_change_what_they_reduce_to(cells: Any, reducer: str, data: Any) -> None:
    order = data.draw(st.permutations(range(len(cells))))
    same(reduced(over_time(cells), reducer), reduced(over_time(cells, order), reducer))


@settings(deadline=None, max_examples=40)
@given(cells=rows, reducer=st.sampled_from(REDUCERS))
def test_one_interval_over_everything_is_a_reduction(cells: Any, reducer: str) -> None:
    data = over_time(cells)
    made = call("aggregate_temporal", data=data, intervals=[["2020-01-01", None]], reducer=graph(reducer, data="$data"))
    same(call("drop_dimension", data=made, name="t"), reduced(data, reducer))


@settings(deadline=None, max_examples=40)
@given(cells=rows, reducer=st.sampled_from(REDUCERS))
def test_an_array_of_one_value_is_a_reduction(cells: Any, reducer: str) -> None:
    data = over_time(cells)
    made = call("apply_dimension", data=data, dimension="t", process=graph(reducer, data="$data"))
    same(call("drop_dimension", data=made, name="t"), reduced(data, reducer))


@settings(deadline=None, max_examples=40)
@given(cells=rows, split=st.integers(1, 5))
def test_what_was_filtered_apart_merges_to_the_whole(cells: Any, split: int) -> None:
    data = over_time(cells)
    border = f"2020-{split + 1:02d}-01"
    early, late = (call("filter_temporal", data=data, extent=e) for e in ([None, border], [border, None]))
    for one, two in ((early, late), (late, early)):
        same(call("merge_cubes", cube1=one, cube2=two), data)


@settings(deadline=None, max_examples=40)
@given(cells=rows, factor=st.integers(-5, 5), offset=st.integers(-5, 5))
def test_applying_one_after_the_other_is_applying_both(cells: Any, factor: int, offset: int) -> None:
    data = over_time(cells)
    first = call("apply", data=data, process=graph("multiply", x="$x", y=factor))
    second = call("apply", data=first, process=graph("add", x="$x", y=offset))
    both = chain(("multiply", {"x": "$x", "y": factor}), ("add", {"x": "#0", "y": offset}))
    same(second, call("apply", data=data, process=both))


@settings(deadline=None, max_examples=40)
@given(cells=rows)
def test_sorting_twice_is_sorting_once(cells: Any) -> None:
    process = graph("sort", data="$data", nodata=True)
    once = call("apply_dimension", data=over_time(cells), dimension="t", process=process)
    same(call("apply_dimension", data=once, dimension="t", process=process), once)


@settings(deadline=None, max_examples=40)
@given(cells=rows, limit=st.integers(-1000, 1000))
def test_masking_twice_is_masking_once(cells: Any, limit: int) -> None:
    data = over_time(cells)
    mask = call("apply", data=data, process=graph("gt", x="$x", y=limit))
    once = call("mask", data=data, mask=mask)
    same(call("mask", data=once, mask=mask), once)


@settings(deadline=None, max_examples=40)
@given(cells=rows)
def test_resampling_to_its_own_labels_changes_nothing(cells: Any) -> None:
    data = over_time(cells)
    same(call("resample_cube_temporal", data=data, target=data), data)


@settings(deadline=None, max_examples=40)
@given(cells=rows)
def test_trimming_twice_is_trimming_once(cells: Any) -> None:
    once = call("trim_cube", data=over_time(cells))
    assert call("trim_cube", data=once) is once or 0 in once.description.shape


@pytest.mark.parametrize("factory", cubes.FACTORIES)
def test_flattening_and_splitting_again_changes_no_value(factory: Callable[[], Operator]) -> None:
    data = factory()
    names = [d.name for d in data.description.labelled] + (["bands"] if data.description.bands_dimension else [])
    if len(names) < 2:
        pytest.fail("the factory has a single dimension with labels")
    flat = call("flatten_dimensions", data=data, dimensions=names, target_dimension="flat")
    again = call("unflatten_dimension", data=flat, dimension="flat", target_dimensions=["a", "b"])
    twice = call("flatten_dimensions", data=again, dimensions=["a", "b"], target_dimension="flat")
    same(twice, flat)


@pytest.mark.parametrize("factory", [f for f in cubes.FACTORIES if f is not cubes.two_times])
def test_merging_a_cube_with_itself_by_the_larger_value_gives_the_cube(factory: Callable[[], Operator]) -> None:
    data = factory()
    merged = call("merge_cubes", cube1=data, cube2=data, overlap_resolver=graph("max", data=["$x", "$y"]))
    for one, two in zip(computed(merged).bands, computed(data).bands, strict=True):
        np.testing.assert_array_equal(one.real(np.float64), two.real(np.float64))


def test_merging_puts_descending_labels_of_time_in_order() -> None:
    data = cubes.two_times()
    merged = call("merge_cubes", cube1=data, cube2=data, overlap_resolver=graph("max", data=["$x", "$y"]))
    assert merged.description.temporal[1].labels == ("2020-01-01", "2021-01-01")
    one, two = computed(merged).bands[0], computed(data).bands[0]
    np.testing.assert_array_equal(one.real(np.float64), two.real(np.float64)[:, ::-1])


def test_bands_filtered_apart_merge_to_the_whole() -> None:
    data = cubes.nulls_and_nans()
    parts = [call("filter_bands", data=data, bands=[name]) for name in ("B1", "B2")]
    merged = call("merge_cubes", cube1=parts[0], cube2=parts[1])
    assert merged.description.bands_dimension == BandsDimension("bands", ("B1", "B2"))
    same(merged, data)
