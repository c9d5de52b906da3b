"""The part of a plan that pictures need, and how one date of it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.pixels import Block, Mask, Pixels
from openeo_plugin.engine.operator import RunContext

Selection = Mapping[str, Sequence[int]]


class Readable(Protocol):
    """A plan that gives a cube."""

    @property
    def description(self) -> CubeDescription | None: ...  # noqa: D102

    @property
    def collections(self) -> tuple[str, ...]: ...  # noqa: D102

    def read(  # noqa: D102
        self,
        geobox: GeoBox,
        *,
        bands: Sequence[int] | None = None,
        labels: Selection | None = None,
        context: RunContext | None = None,
    ) -> Block: ...


def read(
    plan: Readable, geobox: GeoBox, bands: Sequence[int], labels: Selection, context: RunContext | None = None
) -> list[Pixels]:
    """Bands of a plan on a grid at one label of every labelled dimension; values are (rows, columns).

    Raises: Canceled.
    """
    block = plan.read(geobox, bands=bands, labels=labels, context=context)
    return [_flat(band, (geobox.shape.y, geobox.shape.x)) for band in block.bands]


def _flat(pixels: Pixels, shape: tuple[int, int]) -> Pixels:
    """One label of every dimension: drop the leading axes of length one."""
    mask = None
    if pixels.mask is not None and not pixels.nan_marks:
        mask = Mask(np.broadcast_to(pixels.mask.flags(), pixels.values.shape).reshape(shape))
    return Pixels(pixels.values.reshape(shape), pixels.nodata, mask, pixels.palette)
