"""Reducers of zones that can be folded window by window: what is kept of a window, and how windows add up.

Sums of integers are exact, whatever the windows. Sums of floats depend on where they are cut; so the windows of a
fold are fixed by the plan, and partial sums are added in the order of the windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Array, Pixels
from openeo_plugin.engine.kernels import zonal
from openeo_plugin.engine.kernels.nulls import KernelArguments, kernel_arguments

FOLDED = ("count", "sum", "mean", "variance", "sd", "min", "max", "any", "all")
"""Ids of the processes that are folded."""

Parts = dict[str, Array]
"""Arrays (zones, T) by name: counts, finite, and what the reducer needs."""


@dataclass(frozen=True)
class Fold:
    """A reducer that is folded. `ignore_nodata`: whether nulls are left out, else one makes the result null."""

    reducer: str
    ignore_nodata: bool = True

    def dtype(self, values: np.dtype[Any]) -> np.dtype[Any]:
        """Type of the results."""
        if self.reducer in ("min", "max"):
            return values
        return np.dtype({"count": np.int64, "any": np.bool_, "all": np.bool_}.get(self.reducer, np.float64))

    def nullable(self) -> bool:
        """A zone without pixels has no value."""
        return True

    def partial(self, pixels: Pixels, width: int, spans: Array, slots: int) -> Parts:
        """What is kept of one band in one window.

        pixels: (*labels, rows, columns). spans: of `slots` zones, counted in the window.
        """
        flat = pixels.with_values(lambda a: np.ascontiguousarray(a).reshape(-1, a.shape[-2] * a.shape[-1]))
        given = kernel_arguments(flat)
        shape = (slots, given.length)
        real = given.values.dtype.kind == "f"
        parts = {
            "sums": np.zeros(shape, np.float64 if real or given.values.dtype.itemsize == 8 else np.int64),
            "counts": np.zeros(shape, np.int64),
            "finite": np.zeros(shape, np.int64),
        }
        zonal.totals(*given, width, spans, real, parts["sums"], parts["counts"], parts["finite"])
        if not real:
            parts["finite"] = parts["counts"]
        return parts | self._more(given, width, spans, parts)

    def _more(self, given: KernelArguments, width: int, spans: Array, parts: Parts) -> Parts:
        shape = parts["counts"].shape
        dtype = given.values.dtype
        if self.reducer in ("any", "all"):
            true = np.zeros(shape, np.int64)
            zonal.trues(*given, width, spans, true)
            return {"trues": true}
        if self.reducer in ("min", "max"):
            best, nan = np.full(shape, _worst(dtype, self.reducer == "max")), np.zeros(shape, np.bool_)
            zonal.extremes(*given, width, spans, self.reducer == "max", best, nan)
            return {"best": best, "nan": nan}
        if self.reducer in ("variance", "sd"):
            if _exact_squares(dtype):
                squares = np.zeros(shape, np.int64)
                zonal.squares(*given, width, spans, squares)
                return {"squares": squares}
            with np.errstate(invalid="ignore", divide="ignore"):
                means, apart = parts["sums"] / parts["counts"], np.zeros(shape)
            zonal.deviations(*given, width, spans, means, apart)
            return {"means": means, "apart": apart}
        return {}

    def combined(self, into: Parts | None, zones: Array, parts: Parts, size: tuple[int, int]) -> Parts:
        """The fold with one more window.

        into: what is folded yet, (all zones, T); None before the first. zones: which of them `parts` is about.
        """
        if into is None:
            into = {name: _start(name, array, size, self.reducer) for name, array in parts.items()}
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            if "apart" in parts:
                _add_deviations(into, zones, parts)
            for name, array in parts.items():
                if name in ("means", "apart"):
                    continue
                if name == "nan":
                    into[name][zones] |= array
                elif name == "best":
                    pick = np.maximum if self.reducer == "max" else np.minimum
                    into[name][zones] = pick(into[name][zones], array)
                else:
                    into[name][zones] += array
        return into

    def result(self, parts: Parts, pixels: Array, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        """(values, null), both (zones, T). pixels: how many pixels each zone has, (zones,)."""
        counts, every = parts["counts"], pixels[:, np.newaxis]
        null = np.broadcast_to(every == 0, counts.shape).copy()
        if self.reducer == "count":
            return parts["finite"].astype(dtype), null
        if self.reducer in ("any", "all"):
            found = parts["trues"] > 0 if self.reducer == "any" else parts["trues"] == counts
            settled = found if self.reducer == "any" else ~found
            if not self.ignore_nodata:  # nulls are reduced in pairs: a single one by itself is like no value at all
                null |= (counts < every) & ~settled & (every > 1)
            return found, null
        least = 2 if self.reducer in ("variance", "sd") else 1
        null |= counts < least
        if not self.ignore_nodata:
            null |= counts < every
        with np.errstate(invalid="ignore", divide="ignore"):
            values = self._values(parts, counts, null)
        values = values.astype(dtype)
        values[null] = 0
        return values, null

    def _values(self, parts: Parts, counts: Array, null: Array) -> Array:
        if self.reducer == "sum":
            return parts["sums"]
        if self.reducer == "mean":
            return parts["sums"] / counts
        if self.reducer in ("min", "max"):
            best = parts["best"]
            if best.dtype.kind == "f":
                best = np.where(parts["nan"], np.nan, best)
            return best
        variance = _exact_variance(parts, ~null) if "squares" in parts else parts["apart"] / (counts - 1)
        return np.sqrt(variance) if self.reducer == "sd" else variance


def _worst(dtype: np.dtype[Any], largest: bool) -> Any:
    if dtype.kind == "f":
        return dtype.type(-np.inf if largest else np.inf)
    limits = np.iinfo(dtype)
    return dtype.type(limits.min if largest else limits.max)


def _exact_squares(dtype: np.dtype[Any]) -> bool:
    return dtype.kind != "f" and dtype.itemsize <= 2


def _start(name: str, array: Array, size: tuple[int, int], reducer: str) -> Array:
    if name == "best":
        return np.full(size, _worst(array.dtype, reducer == "max"))
    return np.zeros(size, array.dtype)


def _add_deviations(into: Parts, zones: Array, parts: Parts) -> None:
    """Two groups' deviations as those of one group (Chan, Golub and LeVeque 1983). Before counts are added."""
    before, more = into["counts"][zones], parts["counts"]
    mean = np.where(before > 0, into["means"][zones], 0.0)
    other = np.where(more > 0, parts["means"], mean)
    mean = np.where(before > 0, mean, other)
    both = before + more
    shift = other - mean
    share = np.where(both > 0, more / both, 0.0)
    into["apart"][zones] += parts["apart"] + shift * shift * before * share
    into["means"][zones] = mean + shift * share


def _exact_variance(parts: Parts, wanted: Array) -> Array:
    """(n * sum of squares - square of sum) / (n * (n - 1)) in whole numbers of any length."""
    found = np.zeros(parts["counts"].shape)
    cells = (parts[name][wanted].tolist() for name in ("counts", "sums", "squares"))
    found[wanted] = [(n * q - s * s) / (n * (n - 1)) for n, s, q in zip(*cells, strict=True)]
    return found
