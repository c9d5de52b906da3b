"""The operator of resample_cube_temporal: for every label the first valid value of several candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.pixels import Array, Block, Mask, Pixels
from openeo_plugin.engine.operator import Operator, Request, RunContext


@dataclass(frozen=True, eq=False)
class FirstValid:
    """For every label of a dimension the first value that is neither null nor NaN nor infinite; else null.

    Args:
        axis: of the dimension among the labelled dimensions.
        candidates: for every label of the result labels of the input, the best one first.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    axis: int
    candidates: tuple[tuple[int, ...], ...]

    def _needed(self, request: Request) -> tuple[int, ...]:
        return tuple(sorted({i for label in request.labels[self.axis] for i in self.candidates[label]}))

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """All candidates of the labels; null must be told from NaN."""
        needed = self._needed(request)
        if not needed:
            return (None,)
        labels = (*request.labels[: self.axis], needed, *request.labels[self.axis + 1 :])
        return (replace(request, labels=labels, exact=True),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One pass over the candidates of each label."""
        needed = self._needed(request)
        shape = (*(len(own) for own in request.labels), *request.window.shape)
        made = []
        for place, band in enumerate(request.bands):
            dtype = self.description.bands[band].dtype
            values, null = np.zeros(shape, dtype), np.ones(shape, bool)
            if inputs[0] is not None:
                self._fill(request, inputs[0].bands[place], needed, values, null)
            made.append(Pixels(values, mask=Mask(null)))
        return Block(tuple(made))

    def _fill(self, request: Request, pixels: Pixels, needed: Sequence[int], values: Array, null: Array) -> None:
        plain = pixels.plain()
        given = np.moveaxis(plain.values, self.axis, 0)
        valid = np.isfinite(given) if given.dtype.kind == "f" else np.ones(given.shape, bool)
        flags = plain.null()
        if flags is not None:
            valid = valid & ~np.moveaxis(flags, self.axis, 0)
        out, open_ = np.moveaxis(values, self.axis, 0), np.moveaxis(null, self.axis, 0)
        for place, label in enumerate(request.labels[self.axis]):
            for candidate in self.candidates[label]:
                source = needed.index(candidate)
                taken = valid[source] & open_[place]
                np.copyto(out[place], given[source], where=taken)
                open_[place] &= ~taken
