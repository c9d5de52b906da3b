"""Kernel that fills gaps along lanes."""

from __future__ import annotations

import numpy as np

from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.kernels.nulls import kernel


@kernel
def fill_linear(values: Array, positions: Array) -> None:
    """Replace, in place, every NaN between two values by linear interpolation; leading and trailing ones stay.

    Args:
        values: floating point (T, P).
        positions: float64 (T,), where the values stand on the axis.
    """
    length, pixels = values.shape
    for x in range(pixels):
        before = -1
        for t in range(length):
            after = values[t, x]
            if np.isnan(after):
                continue
            if before >= 0 and t - before > 1:
                start, span = values[before, x], positions[t] - positions[before]
                for gap in range(before + 1, t):
                    share = (positions[gap] - positions[before]) / span
                    values[gap, x] = (1.0 - share) * start + share * after
            before = t
