"""Halve a tile for the next overview: 2 x 2 pixels become one.

Continuous data: the mean of the pixels that are not null. Classes: the upper left pixel. Where a tile ends at the
grid's edge with an odd row or column, the pixels that exist count. All kernels release the GIL.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.pixels import Array
from openeo_plugin.formats.stored_type import StoredType


def is_continuous(band: Band) -> bool:
    """Whether a mean of the band's values makes sense.

    Real numbers are; whole numbers of 16 bits and more are if the band declares a scale, an offset, a unit or a
    wavelength; what is left (masks, classes, bit flags) is not.
    """
    if band.dtype.kind == "f":
        return True
    if band.dtype.itemsize < 2:
        return False
    declared = (band.scale, band.offset) != (1.0, 0.0)
    return declared or band.unit is not None or band.center_wavelength_um is not None or band.common_name is not None


def halved(tile: Array, stored: StoredType, *, average: bool) -> Array:
    """A tile (rows, columns) at half the resolution, ((rows + 1) // 2, (columns + 1) // 2), of the same type."""
    if not average:
        return np.ascontiguousarray(tile[::2, ::2])
    out = np.empty(((tile.shape[0] + 1) // 2, (tile.shape[1] + 1) // 2), tile.dtype)
    if tile.dtype.kind == "f":
        _mean_of_floats(tile, out)
    else:
        has_nodata = stored.nodata is not None
        highest = tile.dtype.type(np.iinfo(tile.dtype).max)
        _mean_of_integers(tile, out, tile.dtype.type(stored.nodata or 0), has_nodata, highest)
    return out


@njit(nogil=True, cache=True)
def _mean_of_floats(tile: Any, out: Any) -> None:
    rows, columns = tile.shape
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = 0.0
            count = 0
            for y in range(2 * i, min(2 * i + 2, rows)):
                for x in range(2 * j, min(2 * j + 2, columns)):
                    value = tile[y, x]
                    if not np.isnan(value):
                        total += value
                        count += 1
            out[i, j] = total / count if count else np.nan


@njit(nogil=True, cache=True)
def _mean_of_integers(tile: Any, out: Any, nodata: Any, has_nodata: bool, highest: Any) -> None:
    """Rounds half up; a mean that happens to be the nodata value moves to its neighbour, lest it read as null."""
    rows, columns = tile.shape
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = 0.0
            count = 0
            for y in range(2 * i, min(2 * i + 2, rows)):
                for x in range(2 * j, min(2 * j + 2, columns)):
                    value = tile[y, x]
                    if not has_nodata or value != nodata:
                        total += value
                        count += 1
            if count == 0:
                out[i, j] = nodata
            else:
                mean = np.floor(total / count + 0.5)
                if has_nodata and mean == nodata:
                    mean += 1.0 if nodata != highest else -1.0
                out[i, j] = mean
