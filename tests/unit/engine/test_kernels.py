"""The reduction kernels: hand-worked values, and numpy as the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openeo_plugin.cube.pixels import Array, DeferredNull, Mask, Palette, Pixels
from openeo_plugin.engine.kernels import reductions
from openeo_plugin.engine.kernels.networks import LONGEST, middle_network, middle_places, sorting_network
from openeo_plugin.engine.kernels.nulls import BY_CODE, BY_TABLE, CHUNK, NO_MASK, kernel_arguments, null_runs
from openeo_plugin.engine.kernels.reductions import REDUCTIONS

CLOUDS = np.isin(np.arange(256), (3, 8, 9, 10))


def lanes(*rows: list[float], dtype: str = "uint16", **more: Any) -> Pixels:
    """Pixels (T, 1, P) of one row per label."""
    return Pixels(np.array(rows, dtype)[:, np.newaxis, :], **more)


def flags(pixels: Pixels) -> list[bool]:
    null = pixels.null()
    return [False] * pixels.values.size if null is None else null.ravel().tolist()


def test_a_sorting_network_sorts_every_zero_one_sequence() -> None:
    for size in range(1, 11):
        bits = (np.arange(2**size)[:, np.newaxis] >> np.arange(size)) & 1
        for i, j in sorting_network(size):
            low, high = bits[:, [i, j]].min(axis=1), bits[:, [i, j]].max(axis=1)
            bits[:, i], bits[:, j] = low, high
        assert (np.diff(bits, axis=1) >= 0).all()


def test_a_middle_network_puts_the_right_values_in_the_middle() -> None:
    for size in range(1, 11):
        bits = (np.arange(2**size)[:, np.newaxis] >> np.arange(size)) & 1
        wanted = np.sort(bits, axis=1)
        for i, j in middle_network(size):
            low, high = bits[:, [i, j]].min(axis=1), bits[:, [i, j]].max(axis=1)
            bits[:, i], bits[:, j] = low, high
        for place in middle_places(size):
            assert (bits[:, place] == wanted[:, place]).all()


def test_null_runs_are_found_at_both_ends_of_a_table() -> None:
    table = np.zeros(256, bool)
    table[[0, 1, 5, 254, 255]] = True
    assert null_runs(table).tolist() == [[0, 1], [5, 0], [254, 1]]
    assert null_runs(np.ones(256, bool)).tolist() == [[0, 255]]


def test_a_table_goes_to_the_kernel_without_a_mask_being_made() -> None:
    codes = np.array([[[3, 4]], [[5, 8]]], "u1")
    arguments = kernel_arguments(lanes([1, 2], [3, 4], nodata=0, mask=Mask(codes, CLOUDS)))
    assert arguments.mode == BY_TABLE
    assert np.shares_memory(arguments.codes, codes)
    assert (arguments.nodata, arguments.has_nodata) == (0, True)


def test_a_mask_that_is_the_same_for_all_labels_is_not_copied_for_each() -> None:
    arguments = kernel_arguments(lanes([1, 2], [3, 4], mask=Mask(np.array([[True, False]]))))
    assert arguments.mode == BY_CODE
    assert arguments.codes.shape == (1, 2)
    assert reductions.sum_(lanes([1, 2], [3, 4], mask=Mask(np.array([[True, False]])))).real().tolist()[0][1] == 6


@pytest.mark.parametrize("nodata", [-9999, 70000, math.nan, math.inf, 0.5])
def test_a_sentinel_that_the_type_cannot_hold_marks_nothing(nodata: float) -> None:
    arguments = kernel_arguments(lanes([1], [2], nodata=nodata))
    assert arguments.mode == NO_MASK
    assert not arguments.may_be_null


def test_median_leaves_out_sentinel_and_masked_values() -> None:
    # Pixel 0: 10, null, 30 -> 20. Pixel 1: all null. Pixel 2: 7, 9 masked, 8 -> 7.5. Pixel 3: 5, 1, 4 -> 4.
    codes = np.array([[[4, 3, 4, 0]], [[4, 8, 9, 1]], [[5, 4, 7, 2]]], "u1")
    pixels = lanes([10, 5, 7, 5], [0, 6, 9, 1], [30, 0, 8, 4], nodata=0, mask=Mask(codes, CLOUDS))
    result = reductions.median(pixels)
    assert result.dtype == np.float32
    assert np.array_equal(result.real().ravel(), [20, np.nan, 7.5, 4], equal_nan=True)
    assert flags(result) == [False, True, False, False]


def test_any_null_makes_the_result_null_if_nulls_count() -> None:
    pixels = lanes([1, 2], [0, 4], nodata=0)
    for name in ("median", "mean", "sum", "product", "min", "max", "sd", "variance"):
        result = REDUCTIONS[name](pixels, False)
        assert flags(result) == [True, False], name


def test_nan_is_a_value_and_null_is_not() -> None:
    pixels = lanes([np.nan, -999, 1, -999], [2, -999, 3, np.nan], dtype="float32", nodata=-999)
    for name in ("median", "mean", "sum", "product", "min", "max"):
        result = REDUCTIONS[name](pixels, True)
        assert flags(result) == [False, True, False, False], name
        assert np.isnan(result.real().ravel()).tolist() == [True, True, False, True], name


def test_infinities_follow_the_standard() -> None:
    pixels = lanes([np.inf, np.inf], [-np.inf, 1], dtype="float64")
    assert np.array_equal(reductions.mean(pixels).values.ravel(), [np.nan, np.inf], equal_nan=True)
    assert np.array_equal(reductions.min_(pixels).values.ravel(), [-np.inf, 1])
    assert np.array_equal(reductions.max_(pixels).values.ravel(), [np.inf, np.inf])
    assert np.isnan(reductions.sd(pixels).values).all()


def test_picks_keep_type_and_sentinel() -> None:
    pixels = lanes([0, 9, 0], [4, 2, 0], [6, 5, 0], nodata=0)
    for name, wanted in {"min": [4, 2, 0], "max": [6, 9, 0], "first": [4, 9, 0], "last": [6, 5, 0]}.items():
        result = REDUCTIONS[name](pixels, True)
        assert (result.dtype, result.nodata, result.mask) == (np.uint16, 0, None)
        assert result.values.ravel().tolist() == wanted, name


def test_picks_under_a_mask_keep_the_mask() -> None:
    gone = np.array([[[True, True]], [[False, True]]])
    result = reductions.max_(lanes([9, 9], [4, 4], mask=Mask(gone)))
    assert result.values[0, 0] == 4
    assert flags(result) == [False, True]


def test_first_without_ignoring_is_just_the_first() -> None:
    result = reductions.first(lanes([0, 9], [4, 2], nodata=0), ignore_nodata=False)
    assert flags(result) == [True, False]
    assert result.values.ravel().tolist() == [0, 9]


def test_count_counts_neither_null_nor_nan_nor_infinity() -> None:
    pixels = lanes([np.nan, 1, -1], [np.inf, 2, -1], [5, -1, -1], dtype="float32", nodata=-1)
    assert reductions.count(pixels).values.ravel().tolist() == [1, 2, 0]


def test_truth_follows_the_tables_of_or_and_and() -> None:
    # (true, null), (false, null), (null, null), (true, false)
    values = np.array([[[1, 0, 0, 1]], [[0, 0, 0, 0]]], bool)
    null = np.array([[[0, 0, 1, 0]], [[1, 1, 1, 0]]], bool)
    pixels = Pixels(values, mask=Mask(null))
    anyone, everyone = reductions.any_(pixels, False), reductions.all_(pixels, False)
    assert flags(anyone) == [False, True, True, False]
    assert anyone.values.ravel().tolist()[0] is True
    assert flags(everyone) == [True, False, True, False]
    assert [everyone.values.ravel()[i] for i in (1, 3)] == [False, False]
    assert reductions.any_(pixels).values.ravel().tolist() == [True, False, False, True]
    assert reductions.all_(pixels).values.ravel().tolist() == [True, False, True, False]


def test_sums_of_integers_are_exact_beyond_what_float32_adds_up() -> None:
    pixels = lanes(*[[65535]] * 300)
    assert reductions.sum_(pixels).values.item() == np.float32(65535 * 300)
    assert reductions.mean(pixels).values.item() == 65535


def test_variance_does_not_cancel_out() -> None:
    pixels = lanes([1e9 + 4], [1e9 + 7], [1e9 + 13], [1e9 + 16], dtype="float64")
    assert reductions.variance(pixels).values.item() == 30


def test_quantiles_interpolate_between_order_statistics() -> None:
    # 2, 4, 4, 4, 5, 5, 7, 9: place 0.1 * 7 = 0.7 -> 2 + 0.7 * 2.
    pixels = lanes(*[[v] for v in (9, 4, 2, 5, 4, 0, 7, 5, 4)], nodata=0)
    result = reductions.quantiles(pixels, [0, 0.1, 0.5, 1])
    assert result.shape == (4, 1, 1)
    assert np.allclose(result.values.ravel(), [2, 3.4, 4.5, 9])


def test_palettes_are_applied() -> None:
    palette = Palette(np.arange(256, dtype=np.float32) * 10, CLOUDS)
    pixels = Pixels(np.array([[[1, 3]], [[2, 3]]], "u1"), palette=palette)
    assert np.array_equal(reductions.mean(pixels).real().ravel(), [15, np.nan], equal_nan=True)


def test_very_long_lanes_are_sorted_without_a_network() -> None:
    values = np.random.default_rng(3).permutation(LONGEST + 2).astype(np.uint16).reshape(-1, 1, 1)
    assert reductions.median(Pixels(values)).values.item() == (LONGEST + 1) / 2


@pytest.mark.parametrize("shape", [(0, 2, 3), (4, 0, 0), (1, 2, 3), (0, 0, 0)])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_pixels_without_labels_or_without_extent_work(name: str, shape: tuple[int, ...]) -> None:
    for ignore_nodata in (True, False):
        result = REDUCTIONS[name](Pixels(np.ones(shape, np.uint16), 0), ignore_nodata)
        like = REDUCTIONS[name](Pixels(np.ones((max(shape[0], 2), 2, 2), np.uint16), 0), ignore_nodata)
        assert (result.shape, result.dtype) == (shape[1:], like.dtype)
        if shape[0] == 0 and name not in ("any", "all"):
            assert all(flags(result))


def reference(name: str, values: Array) -> Array:
    """What numpy gives for float64 with NaN for null."""
    functions = {
        "median": np.nanmedian,
        "mean": np.nanmean,
        "sum": np.nansum,
        "product": np.nanprod,
        "min": np.nanmin,
        "max": np.nanmax,
        "sd": lambda v, axis: np.nanstd(v, axis=axis, ddof=1),
        "variance": lambda v, axis: np.nanvar(v, axis=axis, ddof=1),
    }
    enough = (~np.isnan(values)).sum(axis=0) >= (2 if name in ("sd", "variance") else 1)
    with np.errstate(all="ignore"):
        found = functions[name](np.where(enough, values, 1.0), axis=0)
    return np.where(enough, found, np.nan)


def drawn(seed: int, length: int, dtype: str, style: str) -> Pixels:
    """Random pixels (length, 1, P) with nulls in the given style; P is more than one chunk."""
    rng = np.random.default_rng(seed)
    shape = (length, 1, CHUNK + 7)
    values = rng.integers(0, 100, shape).astype(dtype)
    if "sentinel" in style:
        values[rng.random(shape) < 0.2] = 0
    nodata = 0 if "sentinel" in style else None
    codes = rng.integers(0, 12, shape).astype(np.uint8)
    if "table" in style:
        return Pixels(values, nodata, Mask(codes, CLOUDS))
    if "scattered" in style:
        return Pixels(values, nodata, Mask(codes, np.arange(256) % 2 == 0))
    if "mask" in style:
        return Pixels(values, nodata, Mask(codes < 3))
    if "deferred" in style:
        return Pixels(values, nodata, DeferredNull(lambda: codes < 3))
    if "shared" in style:
        return Pixels(values, nodata, Mask(codes[0], CLOUDS))
    return Pixels(values, nodata)


STYLES = ["none", "sentinel", "table", "sentinel table", "scattered", "mask", "sentinel mask", "deferred", "shared"]


@pytest.mark.filterwarnings("ignore:Degrees of freedom")
@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 13),
    st.sampled_from(["uint8", "uint16", "int16", "int32", "float32", "float64"]),
    st.sampled_from(STYLES),
)
def test_the_kernels_agree_with_numpy(seed: int, length: int, dtype: str, style: str) -> None:
    pixels = drawn(seed, length, dtype, style)
    values = pixels.real(np.float64)
    for name in ("median", "mean", "sum", "product", "min", "max", "sd", "variance"):
        wanted = reference(name, values)
        result = REDUCTIONS[name](pixels, True)
        assert np.allclose(result.real(np.float64), wanted, rtol=3e-7, atol=1e-9, equal_nan=True), name
    assert np.array_equal(reductions.count(pixels).values, (~np.isnan(values)).sum(axis=0))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 13), st.sampled_from(STYLES))
def test_the_median_of_a_permutation_is_the_same(seed: int, length: int, style: str) -> None:
    pixels = drawn(seed, length, "uint16", style)
    shuffled = np.random.default_rng(seed).permutation(length)
    other = Pixels(pixels.values, pixels.nodata, None if (n := pixels.null()) is None else Mask(n)).with_values(
        lambda a: a[shuffled]
    )
    assert np.array_equal(reductions.median(pixels).values, reductions.median(other).values, equal_nan=True)
