"""A part of a cube as one GeoTIFF, written window by window, so that it needs no more memory than a window.

A GeoTIFF knows bands only: the labels of other dimensions become bands, `2020-06-01T00:00:00Z B04`, label by label.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, SpatialDimension
from openeo_plugin.cube.grid import tiled
from openeo_plugin.cube.pixels import Block, Pixels
from openeo_plugin.engine.plan import Plan
from openeo_plugin.formats.registry import format_named
from openeo_plugin.ogcapi.coverage import Part
from openeo_plugin.ogcapi.coverage_pixels import read_part

WINDOW_BYTES = 32 * 2**20


def write_geotiff(plan: Plan, part: Part, folder: Path, name: str) -> Path:
    """Compute a part of a plan's cube into `folder`.

    Returns: path of the file.
    Raises: OpenEOError, in which case nothing is left behind.
    """
    flat = flattened(part)
    writer = format_named("GTiff").writer(flat, folder, name, {"zlevel": 1, "overviews": False})
    try:
        for window in tiled(flat.grid, *_step(flat, writer.align)):
            writer.write(window, flattened_block(read_part(plan, part, window.geobox())))
        (asset,) = writer.finish()
    except BaseException:
        writer.abort()
        raise
    return asset.path


def flattened(part: Part) -> CubeDescription:
    """The part as a cube of x, y and bands only."""
    bands = tuple(_named(part, band, labels) for labels in _label_tuples(part) for band in part.chosen_bands)
    horizontal = tuple(d for d in part.description.dimensions if isinstance(d, SpatialDimension))
    dimension = BandsDimension("bands", tuple(band.name for band in bands))
    return CubeDescription((dimension, *horizontal), part.grid, bands, block=part.description.block)


def flattened_block(block: Block) -> Block:
    """A block whose leading axes became bands: label by label, within it band by band."""
    leading = block.shape[:-2]
    indices = itertools.product(*map(range, leading))
    return Block(tuple(_slice(band, index) for index in indices for band in block.bands))


def _label_tuples(part: Part) -> Iterator[tuple[str, ...]]:
    return itertools.product(*([str(label) for label in part.chosen_labels(d)] for d in part.description.labelled))


def _named(part: Part, band: Band, labels: tuple[str, ...]) -> Band:
    """Labels are named only where there is more than one to tell apart."""
    if part.layers == len(part.bands):
        return band
    return replace(band, name=" ".join((*labels, band.name)).strip())


def _slice(pixels: Pixels, index: tuple[int, ...]) -> Pixels:
    return pixels.with_values(lambda values: values[index])


def _step(flat: CubeDescription, align: tuple[int, int]) -> tuple[int, int]:
    """(rows, columns) of windows: multiples of `align` of about 32 MB; whole rows of blocks before many of them."""
    rows, columns = align
    per_block = max(1, rows * columns * sum(band.dtype.itemsize for band in flat.bands))
    blocks = max(1, WINDOW_BYTES // per_block)
    across = max(1, math.ceil(flat.grid.shape[1] / columns))
    return rows * max(1, blocks // across), columns * min(blocks, across)
