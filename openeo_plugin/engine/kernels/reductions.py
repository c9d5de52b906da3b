"""Reductions of pixels along their first axis: (T, *rest) -> (*rest). What engine and processes call.

Null is left out, or with `ignore_nodata=False` makes the result null; where nothing is left the result is null. NaN
among the values gives NaN. Real results are float32, or float64 for 32-bit integers and wider; picks keep their type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from openeo_plugin.cube.buffers import empty
from openeo_plugin.cube.pixels import Array, DeferredNull, Mask, Pixels, null_pixels
from openeo_plugin.engine.kernels import moments, ordered, picks
from openeo_plugin.engine.kernels.networks import (
    NO_NETWORK,
    middle_network,
    middle_places,
    sorting_network,
    worth_building,
)
from openeo_plugin.engine.kernels.nulls import CHUNK, KernelArguments, kernel_arguments

Run = Callable[[KernelArguments, int, Array, Array], None]
"""Runs a kernel: its arguments, how many values a pixel needs, scratch that counts nulls, where the result goes."""


def median(pixels: Pixels, ignore_nodata: bool = True) -> Pixels:
    """The middle value, or the mean of the two in the middle."""

    def run(given: KernelArguments, least: int, nulls: Array, out: Array) -> None:
        size = given.length
        places = np.array(middle_places(size), np.int64)
        ends = _ends(given.values.dtype)
        network = middle_network(size) if worth_building(size, given.pixels) else NO_NETWORK
        ordered.median(*given, least, nulls, given.watch_nan, network, places, ends, out)

    return _real(pixels, run, ignore_nodata)


def quantiles(pixels: Pixels, probabilities: Sequence[float], ignore_nodata: bool = True) -> Pixels:
    """Quantiles of type 7, along a new first axis: (Q, *rest)."""
    wanted = np.asarray(probabilities, np.float64)

    def run(given: KernelArguments, least: int, nulls: Array, out: Array) -> None:
        high = _ends(given.values.dtype)[1]
        network = sorting_network(given.length) if worth_building(given.length, given.pixels) else NO_NETWORK
        ordered.quantiles(*given, least, nulls, given.watch_nan, network, high, wanted, out)

    return _real(pixels, run, ignore_nodata, results=wanted.size)


def mean(pixels: Pixels, ignore_nodata: bool = True) -> Pixels:
    """The arithmetic mean."""
    return _total(pixels, ignore_nodata, divide=True)


def sum_(pixels: Pixels, ignore_nodata: bool = True) -> Pixels:
    """The sum; integers add up exactly before the result is rounded to its type."""
    return _total(pixels, ignore_nodata, divide=False)


def product(pixels: Pixels, ignore_nodata: bool = True) -> Pixels:
    """The product."""
    return _real(pixels, lambda given, *others: moments.product(*given, *others), ignore_nodata)


def variance(pixels: Pixels, ignore_nodata: bool = True) -> Pixels:
    """The sample variance; null with fewer than two values."""
    return _variance(pixels, ignore_nodata, root=False)


def sd(pixels: Pixels, ignore_nodata: bool = True) -> Pixels:
    """The sample standard deviation; null with fewer than two values."""
    return _variance(pixels, ignore_nodata, root=True)


def min_(pixels: Pixels, ignore_nodata: bool = True) -> Pixels:
    """The smallest value, in the values' type."""
    return _extreme(pixels, ignore_nodata, largest=False)


def max_(pixels: Pixels, ignore_nodata: bool = True) -> Pixels:
    """The largest value, in the values' type."""
    return _extreme(pixels, ignore_nodata, largest=True)


def first(pixels: Pixels, ignore_nodata: bool = True) -> Pixels:
    """The first value that is not null - or just the first one - in the values' type."""
    return _outermost(pixels, ignore_nodata, last=False)


def last(pixels: Pixels, ignore_nodata: bool = True) -> Pixels:
    """The last value that is not null - or just the last one - in the values' type."""
    return _outermost(pixels, ignore_nodata, last=True)


def count(pixels: Pixels) -> Pixels:
    """How many values are valid: neither null nor NaN nor infinite. Never null."""
    return Pixels(_counted(kernel_arguments(pixels), finite=True).reshape(pixels.shape[1:]))


def any_(pixels: Pixels, ignore_nodata: bool = True) -> Pixels:
    """Whether a value is true: bool. With nulls that count, null unless one is true."""
    return _truth(pixels, ignore_nodata, wanted=True)


def all_(pixels: Pixels, ignore_nodata: bool = True) -> Pixels:
    """Whether all values are true: bool. With nulls that count, null unless one is false."""
    return _truth(pixels, ignore_nodata, wanted=False)


REDUCTIONS: dict[str, Callable[[Pixels, bool], Pixels]] = {
    "median": median,
    "mean": mean,
    "sum": sum_,
    "product": product,
    "variance": variance,
    "sd": sd,
    "min": min_,
    "max": max_,
    "first": first,
    "last": last,
    "any": any_,
    "all": all_,
}
"""Those of one value, by the id of their process."""


def _ends(dtype: np.dtype[Any]) -> Array:
    """The smallest and the largest value of a type."""
    if dtype.kind == "f":
        return np.array([-np.inf, np.inf], dtype)
    limits = np.iinfo(dtype)
    return np.array([limits.min, limits.max], dtype)


def _counter(given: KernelArguments, size: int = CHUNK) -> Array:
    """Scratch that counts up to T."""
    return np.empty(size, np.uint16 if given.length < 1 << 16 else np.uint32)


def _least(given: KernelArguments, ignore_nodata: bool, least: int = 1) -> int:
    """How many values a pixel needs to have a result."""
    return least if ignore_nodata else max(least, given.length)


def _counted(given: KernelArguments, *, finite: bool) -> Array:
    out = _counter(given, given.pixels)
    if given.pixels:
        picks.count(*given, finite and given.values.dtype.kind == "f", out)
    return out


def _too_few(given: KernelArguments, least: int, rest: tuple[int, ...]) -> DeferredNull:
    """Null where a pixel has fewer than `least` values; counted when asked for. `rest`: shape of the pixels."""
    return DeferredNull(lambda: (_counted(given, finite=False) < least).reshape(rest))


def _total(pixels: Pixels, ignore_nodata: bool, *, divide: bool) -> Pixels:
    def run(given: KernelArguments, least: int, nulls: Array, out: Array) -> None:
        moments.total(*given, least, nulls, divide, _sums(given), out)

    return _real(pixels, run, ignore_nodata)


def _variance(pixels: Pixels, ignore_nodata: bool, *, root: bool) -> Pixels:
    def run(given: KernelArguments, least: int, nulls: Array, out: Array) -> None:
        moments.variance(*given, least, nulls, root, out)

    return _real(pixels, run, ignore_nodata, least=2)


def _sums(given: KernelArguments) -> Array:
    """Scratch for sums: exact for integers up to 32 bits, float64 else."""
    dtype = given.values.dtype
    if dtype.kind == "f" or dtype.itemsize == 8:
        return np.empty(CHUNK, np.float64)
    return np.empty(CHUNK, np.int32 if dtype.itemsize <= 2 and given.length <= 32767 else np.int64)


def _real(
    pixels: Pixels,
    run: Run,
    ignore_nodata: bool,
    *,
    least: int = 1,
    results: int | None = None,
) -> Pixels:
    """Run a kernel that gives floating-point numbers, NaN for null; tell null from NaN where the two may meet."""
    given = kernel_arguments(pixels)
    rest = pixels.shape[1:] if results is None else (results, *pixels.shape[1:])
    dtype = np.result_type(given.values.dtype, np.float32)
    least = _least(given, ignore_nodata, least)
    if given.length < least:
        return null_pixels(rest, dtype, np.nan)
    out = empty((given.pixels,) if results is None else (results, given.pixels), dtype)
    if out.size:
        run(given, least, _counter(given), out)
    values = out.reshape(rest)
    if not given.may_be_null:
        return Pixels(values)
    if not given.watch_nan:
        return Pixels(values, nodata=np.nan)
    return Pixels(values, mask=_too_few(given, least, pixels.shape[1:]), nan_marks=True)


def _extreme(pixels: Pixels, ignore_nodata: bool, *, largest: bool) -> Pixels:
    given = kernel_arguments(pixels)
    least = _least(given, ignore_nodata)
    worst = _ends(given.values.dtype)[0 if largest else 1]
    missing = _missing(given)

    def run(out: Array) -> None:
        picks.extreme(*given, least, _counter(given), given.watch_nan, largest, worst, missing, out)

    return _picked(pixels, given, run, least)


def _outermost(pixels: Pixels, ignore_nodata: bool, *, last: bool) -> Pixels:
    if not ignore_nodata and pixels.shape[0]:
        return pixels.with_values(lambda a: a[-1 if last else 0])
    given = kernel_arguments(pixels)
    missing = _missing(given)
    return _picked(pixels, given, lambda out: picks.outermost(*given, last, missing, out), 1)


def _missing(given: KernelArguments) -> Any:
    """What stands for null in a result of the values' type: the sentinel, or NaN, or 0 below a mask."""
    dtype = given.values.dtype
    if given.has_nodata:
        return given.nodata
    return dtype.type(np.nan if dtype.kind == "f" else 0)


def _picked(pixels: Pixels, given: KernelArguments, run: Callable[[Array], None], least: int) -> Pixels:
    """Run a kernel that picks values: the result has their type and their sentinel, or else a mask."""
    rest = pixels.shape[1:]
    if given.length < least:
        return null_pixels(rest, pixels.dtype, given.nodata if given.has_nodata else None)
    out = empty((given.pixels,), given.values.dtype)
    if out.size:
        run(out)
    values = out.reshape(rest)
    values = values.view(np.bool_) if pixels.dtype == np.bool_ else values
    if given.has_nodata:
        return Pixels(values, nodata=given.nodata.item())
    if not given.may_be_null:
        return Pixels(values)
    return Pixels(values, mask=_too_few(given, least, rest), nan_marks=values.dtype.kind == "f")


def _truth(pixels: Pixels, ignore_nodata: bool, *, wanted: bool) -> Pixels:
    given = kernel_arguments(pixels)
    out = np.empty(given.pixels, np.uint8)
    if out.size:
        picks.truth(*given, wanted, out)
    found = out.reshape(pixels.shape[1:])
    values = (found & 1).astype(bool)
    # Nulls are reduced in pairs, so that a single one by itself is like no value at all.
    unknown = None if ignore_nodata or given.length < 2 or not given.may_be_null else found == 2
    return Pixels(values if wanted else ~values, mask=None if unknown is None else Mask(unknown))
