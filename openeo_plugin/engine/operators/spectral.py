"""Operators that make new bands of the bands of each pixel, and the subtraction of what dark objects show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.pixels import Array, Block, Pixels
from openeo_plugin.engine.barrier import Once, folded, window_requests
from openeo_plugin.engine.operator import Operator, Request, RunContext

BandCompute = Callable[[Sequence[Array]], Sequence[Array]]
"""float32 bands in, NaN for null and NaN; float32 bands out. Pixel by pixel."""


@dataclass(frozen=True, eq=False)
class BandFunction:
    """Bands computed from bands, each pixel by itself.

    Args:
        read: bands of the input that the function takes, in its order.
        function: gives one array for each band of the description.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    read: tuple[int, ...]
    function: BandCompute

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The bands that the function takes."""
        return (Request(request.window, self.read, request.labels),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """All bands at once; those asked for are handed on."""
        assert inputs[0] is not None
        made = self.function([pixels.real(np.float32) for pixels in inputs[0].bands])
        return Block(tuple(Pixels(np.asarray(made[band], np.float32), np.nan) for band in request.bands))


BIN = 0.0005
BINS = 512
DARK_SHARE = 0.001
DARK_REFLECTANCE = 0.01


@dataclass(frozen=True, eq=False)
class DarkObjectSubtraction:
    """Chavez' dark-object subtraction, for each band and label by itself.

    The darkest thousandth of a scene is taken to reflect 1 %; what it shows beyond that is path radiance and is
    subtracted everywhere. A scene whose darkest thousandth is brighter than 25.6 % has no dark object and stays as it
    is.

    Args:
        linear: (scale, offset) of each band, from stored values to reflectance.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    linear: tuple[tuple[float, float], ...]
    state: Once = field(default_factory=Once)

    @property
    def fold_input(self) -> Operator:
        """The cube itself."""
        return self.inputs[0]

    def fold_requests(self) -> Sequence[Request]:
        """Every window once."""
        return window_requests(self.fold_input, self.fold_input.description.block, exact=False)

    def partial(self, request: Request, block: Block) -> Array:
        """Counts (bands, labels, BINS + 1) of dark reflectances; the last one is of all brighter ones."""
        return np.stack([_counts(self._reflectance(b, p)) for b, p in enumerate(block.bands)])

    def finish(self, partials: Sequence[Any]) -> Array:
        """What is to be subtracted: float32 (bands, *labels)."""
        counts = np.sum(partials, axis=0)
        shape = tuple(len(d.labels) for d in self.description.labelled)
        return _haze(counts).reshape(len(self.linear), *shape)

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The same pixels."""
        return (request,)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """Reflectance less haze, not below 0."""
        assert inputs[0] is not None
        haze: Array = folded(self, context)
        bands = []
        for band, pixels in zip(request.bands, inputs[0].bands, strict=True):
            own = haze[band][np.ix_(*request.labels)] if request.labels else haze[band]
            corrected = np.maximum(self._reflectance(band, pixels) - own[..., np.newaxis, np.newaxis], np.float32(0))
            bands.append(Pixels(corrected, np.nan))
        return Block(tuple(bands))

    def _reflectance(self, band: int, pixels: Pixels) -> Array:
        scale, offset = self.linear[band]
        values: Array = pixels.real(np.float32) * np.float32(scale) + np.float32(offset)
        return values


def _counts(values: Array) -> Array:
    lanes = values.reshape(-1, values.shape[-2] * values.shape[-1])
    found = np.zeros((len(lanes), BINS + 1), np.int64)
    for place, lane in enumerate(lanes):
        valid = lane[np.isfinite(lane)]
        bins = np.clip(np.floor(valid / BIN + 1e-3), 0, BINS).astype(np.int64)
        found[place] = np.bincount(bins, minlength=BINS + 1)
    return found


def _haze(counts: Array) -> Array:
    """What the darkest share shows beyond its own reflectance: float32 (bands, labels)."""
    wanted = np.maximum(1, np.ceil(counts.sum(-1, keepdims=True) * DARK_SHARE))
    reached = np.cumsum(counts, -1) >= wanted
    darkest = np.where(reached.any(-1), reached.argmax(-1), 0)
    haze = np.where(darkest < BINS, np.maximum(darkest * BIN - DARK_REFLECTANCE, 0), 0)
    return haze.astype(np.float32)
