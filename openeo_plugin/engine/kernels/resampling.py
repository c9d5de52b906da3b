"""Resampling at given coordinates. A pixel's value depends on its coordinates and one scale for the whole plan only,
so the result never depends on how the extent was cut. No fast-math: sums run in the order of the source pixels.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

BILINEAR, CUBIC, CUBIC_SPLINE, LANCZOS = 1, 2, 3, 4
RADIUS = {BILINEAR: 1.0, CUBIC: 2.0, CUBIC_SPLINE: 2.0, LANCZOS: 3.0}
AVERAGE, RMS, SUM, MINIMUM, MAXIMUM, MODE, QUANTILE = 11, 12, 13, 14, 15, 16, 17
_TOUCH_PX = 1e-6


@nb.njit(nogil=True, cache=True, inline="always")
def _weight(kind, distance):  # type: ignore[no-untyped-def]
    d = abs(distance)
    if kind == 1:
        return max(0.0, 1.0 - d)
    if kind == 2:  # Keys, a = -0.5
        if d < 1:
            return (1.5 * d - 2.5) * d * d + 1.0
        if d < 2:
            return ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0
        return 0.0
    if kind == 3:  # B-spline
        if d < 1:
            return (0.5 * d - 1.0) * d * d + 2.0 / 3.0
        if d < 2:
            r = 2.0 - d
            return r * r * r / 6.0
        return 0.0
    if d < 1e-12:
        return 1.0
    if d >= 3:
        return 0.0
    p = math.pi * d
    return 3.0 * math.sin(p) * math.sin(p / 3.0) / (p * p)


@nb.njit(nogil=True, cache=True)
def convolution(source, row0, column0, at_x, at_y, scale_x, scale_y, kind, radius, rows, columns, out):  # type: ignore[no-untyped-def]
    """Weighted mean of the source pixels around each centre; null (NaN) pixels have no weight.

    Args:
        source: floating point (rows, columns), a part of the raster that starts at (row0, column0).
        at_x, at_y: float64, coordinates in pixels of the raster, (0.5, 0.5) being the first centre.
        scale_x, scale_y: target pixels per source pixel, at most 1; the kernel is widened by their inverse.
        kind, radius: of the kernel.
        rows, columns: of the whole raster; centres outside are null.
        out: floating point, written.
    """
    reach_x, reach_y = radius / scale_x, radius / scale_y
    across, down = np.empty(int(min(2 * reach_x + 3, columns + 1))), np.empty(int(min(2 * reach_y + 3, rows + 1)))
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            px, py = at_x[y, x], at_y[y, x]
            if not (px >= 0 and px < columns and py >= 0 and py < rows):
                out[y, x] = np.nan
                continue
            cx, cy = px - 0.5, py - 0.5
            left, right = max(0, int(math.floor(cx - reach_x)) + 1), min(columns - 1, int(math.ceil(cx + reach_x)) - 1)
            top, bottom = max(0, int(math.floor(cy - reach_y)) + 1), min(rows - 1, int(math.ceil(cy + reach_y)) - 1)
            width, height = right - left + 1, bottom - top + 1
            norm_x = _fill_weights(kind, left - cx, scale_x, across[:width])
            norm_y = _fill_weights(kind, top - cy, scale_y, down[:height])
            part = source[top - row0 : bottom - row0 + 1, left - column0 : right - column0 + 1]
            total = 0.0
            norm = norm_x * norm_y
            for j in range(height):
                line = 0.0
                for i in range(width):
                    line += across[i] * part[j, i]
                total += down[j] * line
            if total != total:  # a null among them, so once more without it
                total, norm = _without_nulls(part, across, down)
            out[y, x] = total / norm if abs(norm) > 1e-9 else np.nan


@nb.njit(nogil=True, cache=True, inline="always")
def _fill_weights(kind, first, scale, weights):  # type: ignore[no-untyped-def]
    """Weights at distances of first, first + 1, ... source pixels; returns their sum."""
    total = 0.0
    for k in range(weights.size):
        weights[k] = _weight(kind, (first + k) * scale)
        total += weights[k]
    return total


@nb.njit(nogil=True, cache=True)
def _without_nulls(part, across, down):  # type: ignore[no-untyped-def]
    """(weighted sum of what is not NaN, sum of its weights)."""
    total = 0.0
    norm = 0.0
    for j in range(part.shape[0]):
        for i in range(part.shape[1]):
            value = part[j, i]
            if value == value:
                weight = down[j] * across[i]
                total += weight * value
                norm += weight
    return total, norm


@nb.njit(nogil=True, cache=True)
def area(source, row0, column0, at_x, at_y, width, height, kind, fraction, rows, columns, out):  # type: ignore[no-untyped-def]
    """A statistic of the valid source pixels that the footprint of each target pixel covers, wholly or in part.

    Average, RMS, sum and mode weigh a pixel by how much of it is covered. A footprint that sticks out of the source
    counts with what lies in it.

    Args:
        source, row0, column0, at_x, at_y, rows, columns, out: as for `convolution`.
        width, height: of the footprint in source pixels.
        kind: AVERAGE ... QUANTILE; fraction: 0.25, 0.5 or 0.75 for QUANTILE.
    """
    most = int(min(width + 2, columns)) * int(min(height + 2, rows))
    held, weights = np.empty(most, source.dtype), np.empty(most)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            px, py = at_x[y, x], at_y[y, x]
            x0, x1, y0, y1 = px - width / 2, px + width / 2, py - height / 2, py + height / 2
            if not (x1 > _TOUCH_PX and x0 < columns - _TOUCH_PX and y1 > _TOUCH_PX and y0 < rows - _TOUCH_PX):
                out[y, x] = np.nan
                continue
            left, right = max(0, int(math.floor(x0 + _TOUCH_PX))), min(columns - 1, int(math.ceil(x1 - _TOUCH_PX)) - 1)
            top, bottom = max(0, int(math.floor(y0 + 1e-9))), min(rows - 1, int(math.ceil(y1 - 1e-9)) - 1)
            total = 0.0
            norm = 0.0
            count = 0
            for j in range(top, bottom + 1):
                covered_y = min(y1, j + 1.0) - max(y0, float(j))
                for i in range(left, right + 1):
                    value = source[j - row0, i - column0]
                    if not value == value:
                        continue
                    w = covered_y * (min(x1, i + 1.0) - max(x0, float(i)))
                    if kind <= 13:
                        total += w * (value * value if kind == 12 else value)
                        norm += w
                    else:
                        held[count], weights[count] = value, w
                    count += 1
            if count == 0 or (kind <= 13 and norm <= 0):
                out[y, x] = np.nan
            elif kind == 11:
                out[y, x] = total / norm
            elif kind == 12:
                out[y, x] = math.sqrt(total / norm)
            elif kind == 13:
                out[y, x] = total
            else:
                out[y, x] = _statistic(held[:count], weights[:count], kind, fraction)


@nb.njit(nogil=True, cache=True)
def _statistic(values, weights, kind, fraction):  # type: ignore[no-untyped-def]
    if kind == 14:
        return values.min()
    if kind == 15:
        return values.max()
    if kind == 16:
        return _heaviest(values, weights)
    ordered = np.sort(values)
    n = ordered.size
    place = fraction * (n - 1)
    low = int(math.floor(place))
    high = min(n - 1, low + 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@nb.njit(nogil=True, cache=True)
def _heaviest(values, weights):  # type: ignore[no-untyped-def]
    """The value that covers most; of several the smallest."""
    order = np.argsort(values, kind="mergesort")
    best, most, run = values[order[0]], 0.0, 0.0
    for k in range(order.size):
        repeated = k > 0 and values[order[k]] == values[order[k - 1]]
        run = weights[order[k]] + (run if repeated else 0.0)
        if run > most * (1 + 1e-9):
            best, most = values[order[k]], run
    return best
