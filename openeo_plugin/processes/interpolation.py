"""Gaps in arrays of numbers, filled."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from openeo_plugin.cube.dimensions import Label
from openeo_plugin.cube.instants import parse_instant
from openeo_plugin.cube.pixels import Array, Lanes, Pixels
from openeo_plugin.engine.kernels.interpolate import fill_linear
from openeo_plugin.processes.lanes import array_of, labels_of, lanes_of, nulled
from openeo_plugin.processes.process import process
from openeo_plugin.processes.types import Numbers


@process(level="L3", categories=["arrays", "math", "math > interpolation"])
def array_interpolate_linear(data: Numbers) -> Numbers:
    """Array of numbers with its gaps filled by linear interpolation.

    Gaps are null and NaN; those before the first and after the last number stay. The numbers stand at their labels if
    these are numbers or instants, else at their indices.

    Args:
        data: the numbers, labels in ascending order.
    Returns: an array of the same length, with the same labels.
    Source: openeo-processes 2.0.0-rc.2, array_interpolate_linear.
    """
    lanes = lanes_of(data)
    if lanes is not None:
        filled = _pixels_filled(lanes.stack().plain(), positions(lanes.labels, len(lanes)))
        return Lanes(lanes.labels, stacked=filled, lengths=lanes.lengths)  # type: ignore[return-value]
    return array_of(_filled(data, positions(labels_of(data), len(data))), labels_of(data))


def positions(labels: tuple[Label, ...] | None, length: int) -> Array:
    """Where elements stand on the axis, float64: numeric labels, seconds of instants, or else indices."""
    if labels is not None and all(isinstance(label, int | float) for label in labels):
        return np.array(labels, np.float64)
    if labels is not None and all(isinstance(label, str) for label in labels):
        try:
            instants = np.array([parse_instant(str(label)) for label in labels], "datetime64[us]")
        except ValueError:
            return np.arange(length, dtype=np.float64)
        return instants.astype(np.int64) / 1e6
    return np.arange(length, dtype=np.float64)


def _filled(data: Sequence[Any], places: Array) -> list[Any]:
    known = [i for i, v in enumerate(data) if v is not None and not math.isnan(v)]
    filled = list(data)
    for before, after in itertools.pairwise(known):
        for gap in range(before + 1, after):
            share = float((places[gap] - places[before]) / (places[after] - places[before]))
            filled[gap] = (1 - share) * data[before] + share * data[after]
    return filled


def _pixels_filled(pixels: Pixels, places: Array) -> Pixels:
    null = pixels.null()
    values = np.array(pixels.real(), order="C")
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    if flat.size:
        fill_linear(flat, places)
    return nulled(values, None if null is None else null & np.isnan(values), pixels)
