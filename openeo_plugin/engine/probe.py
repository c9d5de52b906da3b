"""What would a callback give? Asked with pixels of no extent, it tells types, labels and faults; no pixel is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.pixels import Lanes, Mask, Pixels
from openeo_plugin.errors import OpenEOError

Compute = Callable[..., Any]
"""A callback: keyword parameters in, a JSON value, `Pixels` or `Lanes` out."""


def empty_pixels(band: Band, description: CubeDescription) -> Pixels:
    """Pixels of a band with all labels and no extent."""
    shape = (*(len(d.labels) for d in description.labelled), 0, 0)
    mask = Mask(np.zeros(shape, bool)) if band.nullable else None
    return Pixels(np.empty(shape, band.dtype), band.nodata, mask)


def tells_null(callback: Compute) -> bool:
    """Whether a callback may tell null from NaN, so that its input must hold both apart."""
    return bool(getattr(callback, "tells_null", True))


def as_pixels(value: Any, shape: tuple[int, ...]) -> Pixels:
    """What a callback gave as pixels of the shape wanted: constants are spread.

    Raises: ProcessGraphInvalid for anything that is not one value per pixel.
    """
    if isinstance(value, Pixels):
        if value.shape == shape:
            return value
        return value.with_values(lambda a: np.broadcast_to(a, shape))
    if value is None:
        return Pixels(np.broadcast_to(np.float32(np.nan), shape), np.nan)
    if isinstance(value, bool):
        return Pixels(np.broadcast_to(np.bool_(value), shape))
    if isinstance(value, int | float):
        return Pixels(np.broadcast_to(np.float32(value), shape))
    kind = "an array" if isinstance(value, Lanes | list) else type(value).__name__
    raise OpenEOError("ProcessGraphInvalid", reason=f"the callback must give one value per pixel, but gives {kind}.")


def band_of(pixels: Pixels, name: str, like: Band | None = None) -> Band:
    """The band that describes computed pixels."""
    dtype = pixels.dtype
    nodata: float | int | None = pixels.nodata
    if nodata is None and dtype.kind == "f":
        nodata = np.nan
    return Band(
        name,
        dtype,
        nodata,
        nullable=pixels.mask is not None,
        common_name=like.common_name if like else None,
        center_wavelength_um=like.center_wavelength_um if like else None,
    )
