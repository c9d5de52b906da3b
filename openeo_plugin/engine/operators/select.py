"""Operators that choose, rename or reorder, and never touch a pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Array, Block, DeferredNull, Mask, Pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.engine.windows import inside, on_grid


@dataclass(frozen=True, eq=False)
class Select:
    """Some bands and labels of a cube, in the order given; what is asked for twice is computed once.

    Args:
        bands: for every band of the result the index in the input.
        labels: for every labelled dimension of the result its labels' indices in the input.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    bands: tuple[int, ...]
    labels: tuple[tuple[int, ...], ...]

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The chosen bands and labels."""
        bands, labels = self._chosen(request)
        return (replace(request, bands=_once(bands), labels=tuple(_once(own) for own in labels)),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """The input as it is, unless something is asked for twice."""
        block = inputs[0]
        assert block is not None
        bands, labels = self._chosen(request)
        given = _once(bands)
        if len(given) < len(bands):
            block = Block(tuple(block.bands[given.index(b)] for b in bands))
        for axis, own in enumerate(labels):
            given = _once(own)
            if len(given) < len(own):
                block = _repeated(block, axis, [given.index(i) for i in own])
        return block

    def _chosen(self, request: Request) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
        bands = tuple(self.bands[b] for b in request.bands)
        return bands, tuple(
            tuple(own[i] for i in asked) for own, asked in zip(self.labels, request.labels, strict=True)
        )


def _once(indices: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(indices))


def _repeated(block: Block, axis: int, places: list[int]) -> Block:
    return Block(tuple(p.with_values(lambda a: np.take(a, places, axis)) for p in block.bands))


@dataclass(frozen=True, eq=False)
class Describe:
    """The same pixels under another description: dimensions renamed, labels renamed, bands described anew."""

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The same."""
        return (request,)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """The input as it is."""
        assert inputs[0] is not None
        return inputs[0]


@dataclass(frozen=True, eq=False)
class Crop:
    """The part of a cube that lies on a smaller grid; what lies outside is null on any other grid, too."""

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The same pixels, counted on the input's grid."""
        window = request.window
        target: Grid = self.inputs[0].description.grid
        return (replace(request, window=on_grid(window, target)),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """The input, null outside of the grid."""
        assert inputs[0] is not None
        return clipped(inputs[0], inside(request.window, self.description.grid))


def clipped(block: Block, within: Array | None) -> Block:
    """The block, null where not `within` (rows, columns); as it is for None."""
    if within is None:
        return block
    outside = ~within
    return Block(tuple(_also_null(p, outside) for p in block.bands))


def _also_null(pixels: Pixels, outside: Array) -> Pixels:
    flags = np.broadcast_to(outside, pixels.shape)
    if pixels.mask is not None:
        before = pixels.mask
        return replace(pixels, mask=DeferredNull(lambda: before.flags() | flags), nan_marks=False)
    return replace(pixels, mask=Mask(flags), nan_marks=False)


@dataclass(frozen=True, eq=False)
class Move:
    """The same pixels, counted on a grid of the same shape that lies elsewhere: only on that grid itself."""

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The same rows and columns of the input's grid."""
        w = on_grid(request.window, self.description.grid)
        return (replace(request, window=Window(self.inputs[0].description.grid, w.y, w.x, w.height, w.width)),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """The input as it is."""
        assert inputs[0] is not None
        return inputs[0]


@dataclass(frozen=True, eq=False)
class AddDimension:
    """One more labelled dimension with a single label, at an axis of the labelled dimensions."""

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    axis: int

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """Without the new dimension."""
        return (replace(request, labels=request.labels[: self.axis] + request.labels[self.axis + 1 :]),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One axis more, repeated for every label asked for."""
        assert inputs[0] is not None
        count = len(request.labels[self.axis])

        def change(array: Array) -> Array:
            return (
                np.repeat(np.expand_dims(array, self.axis), count, self.axis)
                if count > 1
                else np.expand_dims(array, self.axis)
            )

        return Block(tuple(p.with_values(change) for p in inputs[0].bands))


@dataclass(frozen=True, eq=False)
class DropDimension:
    """A labelled dimension with one label is taken away."""

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    axis: int

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """With the only label of the dimension."""
        return (replace(request, labels=(*request.labels[: self.axis], (0,), *request.labels[self.axis :])),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One axis less."""
        assert inputs[0] is not None
        return Block(tuple(p.with_values(lambda a: a.squeeze(self.axis)) for p in inputs[0].bands))
