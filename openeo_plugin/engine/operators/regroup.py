"""An operator that puts whole planes of pixels to other bands and labels: flatten and unflatten dimensions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, Dimension, Label, LabelledDimension, OtherDimension
from openeo_plugin.cube.pixels import Array, Block, Mask, Pixels, null_pixels, stack
from openeo_plugin.engine.operator import Operator, Request, RunContext

Cell = tuple[int, tuple[int, ...]]
"""A plane of pixels: index of its band, and of its label in every labelled dimension."""


@dataclass(frozen=True, eq=False)
class Regroup:
    """Every plane of the result is one of the input, or null.

    Args:
        source: the cell of the input for a cell of the result; None for null.
    """

    node: str
    inputs: tuple[Operator, ...]
    description: CubeDescription
    source: Callable[[Cell], Cell | None]

    def _cells(self, request: Request, band: int) -> list[Cell | None]:
        return [self.source((band, labels)) for labels in itertools.product(*request.labels)]

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """The bands and labels of all planes needed."""
        found = [c for b in request.bands for c in self._cells(request, b) if c is not None]
        if not found:
            return (None,)
        bands = tuple(sorted({band for band, _ in found}))
        axes = range(len(self.inputs[0].description.labelled))
        labels = tuple(tuple(sorted({own[axis] for _, own in found})) for axis in axes)
        return (replace(request, bands=bands, labels=labels),)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """One gather for each band of the result."""
        (part,) = self.request(request)
        return Block(tuple(self._band(request, band, part, inputs[0]) for band in request.bands))

    def _band(self, request: Request, band: int, part: Request | None, block: Block | None) -> Pixels:
        described = self.description.bands[band]
        shape = (*(len(own) for own in request.labels), *request.window.shape)
        cells = self._cells(request, band)
        if part is None or block is None or all(cell is None for cell in cells):
            return null_pixels(shape, described.dtype, described.nodata)
        made = _gathered(cells, part, block).with_values(lambda a: a.reshape(shape))
        if made.dtype != described.dtype:
            plain = made.plain()
            made = replace(plain, values=plain.values.astype(described.dtype))
        missing = np.array([cell is None for cell in cells]).reshape(shape[:-2])
        return _also_null(made, missing) if missing.any() else made


def _gathered(cells: Sequence[Cell | None], part: Request, block: Block) -> Pixels:
    """The planes of the cells, one behind the other; any plane where there is none."""
    known = next(cell for cell in cells if cell is not None)
    filled = [cell or known for cell in cells]
    places = [np.array([own.index(c[1][axis]) for c in filled]) for axis, own in enumerate(part.labels)]
    bands = {c[0] for c in filled}
    if len(bands) == 1:
        return block.bands[part.bands.index(known[0])].with_values(lambda a: _planes(a, places, len(filled)))
    return stack(
        [
            block.bands[part.bands.index(cell[0])].with_values(lambda a, i=i: a[tuple(p[i] for p in places)])  # type: ignore[misc]
            for i, cell in enumerate(filled)
        ]
    ).settled(exact=True)


def _planes(array: Array, places: list[Array], count: int) -> Array:
    return array[tuple(places)] if places else np.broadcast_to(array, (count, *array.shape))


def _also_null(pixels: Pixels, missing: Array) -> Pixels:
    plain = pixels.plain()
    flags = np.broadcast_to(missing[..., np.newaxis, np.newaxis], plain.shape)
    null = plain.null()
    return replace(plain, mask=Mask(flags if null is None else flags | null), nan_marks=False)


def joint_band(name: str, bands: Sequence[Band]) -> Band:
    """What is known of a band that holds the values of several."""
    dtype = np.result_type(*[b.dtype for b in bands])
    same = len({repr(b.nodata) for b in bands}) == 1 and all(b.dtype == dtype for b in bands)
    nodata = bands[0].nodata if same else None
    if nodata is None and dtype.kind == "f":
        nodata = np.nan
    can_be_null = any(b.nullable or b.nodata is not None for b in bands)
    return Band(name, dtype, nodata, nullable=any(b.nullable for b in bands) or (not same and can_be_null))


def flatten(node: str, cube: Operator, names: Sequence[str], target: str, separator: str) -> Regroup:
    """Describe `flatten_dimensions`: the dimensions called `names` (none of them x or y) become one.

    It stands where the first of them stood.
    """
    description = cube.description
    flat: list[LabelledDimension] = [description.dimension(name) for name in names]  # type: ignore[misc]
    sizes = [len(d.labels) for d in flat]
    labels = tuple(
        separator.join(map(_text, combination)) for combination in itertools.product(*(d.labels for d in flat))
    )
    made = OtherDimension(target, labels)
    first = next(d.name for d in description.dimensions if d.name in names)
    kept = tuple(
        made if d.name == first else d for d in description.dimensions if d.name == first or d.name not in names
    )
    changed = replace(description, dimensions=kept)
    bands_name = next((d.name for d in flat if isinstance(d, BandsDimension)), None)
    if bands_name is not None:
        changed = replace(changed, bands=(joint_band("", description.bands),))
    place = {d.name: axis for axis, d in enumerate(changed.labelled)}

    def source(cell: Cell) -> Cell:
        band, own = cell
        combination = dict(zip(names, _unravel(own[place[target]], sizes), strict=True))
        inner = tuple(
            combination[d.name] if d.name in combination else own[place[d.name]] for d in description.labelled
        )
        return (band if bands_name is None else combination[bands_name]), inner

    return Regroup(node, (cube,), changed, source)


def _unravel(index: int, sizes: Sequence[int]) -> tuple[int, ...]:
    found = []
    for place in range(len(sizes)):
        behind = math.prod(sizes[place + 1 :])
        found.append(index // behind % sizes[place])
    return tuple(found)


def _text(label: Label) -> str:
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def unflatten(node: str, cube: Operator, name: str, targets: Sequence[str], parts: Sequence[Sequence[str]]) -> Regroup:
    """Describe `unflatten_dimension`: one dimension becomes several.

    Args:
        parts: for every label of the dimension its parts, one for each target. Combinations that no label has are null.
    """
    description = cube.description
    dimension = description.dimension(name)
    labels = [tuple(dict.fromkeys(own[i] for own in parts)) for i in range(len(targets))]
    made: list[Dimension] = [OtherDimension(t, own) for t, own in zip(targets, labels, strict=True)]
    place_of = next(i for i, d in enumerate(description.dimensions) if d.name == name)
    before, behind = description.dimensions[:place_of], description.dimensions[place_of + 1 :]
    complete = math.prod(len(own) for own in labels) == len(parts)
    bands = description.bands
    of_bands = isinstance(dimension, BandsDimension)
    if of_bands:
        bands = (joint_band("", bands),)
    if not complete:
        bands = tuple(replace(b, nullable=True) for b in bands)
    changed = replace(description, dimensions=(*before, *made, *behind), bands=bands)
    place = {d.name: axis for axis, d in enumerate(changed.labelled)}
    index = {tuple(own): i for i, own in enumerate(parts)}

    def source(cell: Cell) -> Cell | None:
        band, own = cell
        found = index.get(tuple(labels[i][own[place[t]]] for i, t in enumerate(targets)))
        if found is None:
            return None
        inner = tuple(found if d.name == name else own[place[d.name]] for d in description.labelled)
        return (found if of_bands else band), inner

    return Regroup(node, (cube,), changed, source)
