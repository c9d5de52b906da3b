"""Which part of a cube a coverage request asks for: a window, bands and labels.

parameters of the request + description of the plan -> `Part` -> pixels (`coverage_file`, `coverage_json`)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyproj
from affine import Affine

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import Label, LabelledDimension, SpatialDimension
from openeo_plugin.cube.grid import Grid, Window, whole
from openeo_plugin.ogcapi.failures import invalid, nothing_there
from openeo_plugin.ogcapi.instants import Interval, instant_of, interval_of
from openeo_plugin.ogcapi.reference_systems import CRS84, Box, carried, named_crs, x_first
from services.turn import turned, widened

Range = tuple[Any, Any]

_EDGE = 1e-6  # of a pixel: how far a box may reach into a pixel without taking it


@dataclass(frozen=True)
class Query:
    """What a request asks for, unresolved.

    Args:
        bbox: west, south, east, north; empty for everything.
        bbox_crs: URI of the CRS of `bbox`; longitude and latitude in degrees if None.
        interval: instants wanted of the temporal dimension; None for all.
        bands: names; empty for all.
        subsets: per dimension one value, or two that belong to the range; in the CRS of the grid for x and y.
    """

    bbox: Sequence[float] = ()
    bbox_crs: str | None = None
    interval: str | None = None
    bands: Sequence[str] = ()
    subsets: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """A part of a cube.

    Args:
        description: of the whole cube.
        window: on the cube's grid, inside of it; where the part crosses the antimeridian, on that grid widened to the
            east by one turn.
        bands: indices, in the order asked for.
        labels: per labelled dimension (bands left out) ascending indices.
    """

    description: CubeDescription
    window: Window
    bands: tuple[int, ...]
    labels: Mapping[str, tuple[int, ...]]

    @property
    def grid(self) -> Grid:
        """Of the window."""
        return self.window.geobox()

    @property
    def goes_on(self) -> bool:
        """Whether the part goes on at the west of the cube's grid."""
        return bool(self.window.grid.shape != self.description.grid.shape)

    @property
    def chosen_bands(self) -> tuple[Band, ...]:
        """In the order asked for."""
        return tuple(self.description.bands[i] for i in self.bands)

    def chosen_labels(self, dimension: LabelledDimension) -> tuple[Label, ...]:
        """Of a labelled dimension, in order."""
        return tuple(dimension.labels[i] for i in self.labels[dimension.name])

    @property
    def layers(self) -> int:
        """Rasters in this part: bands times labels."""
        return len(self.bands) * math.prod(len(indices) for indices in self.labels.values())

    @property
    def pixels(self) -> int:
        """Values in this part."""
        return self.layers * self.window.height * self.window.width

    @property
    def size_bytes(self) -> int:
        """Of the values in their native types."""
        per_pixel = sum(band.dtype.itemsize for band in self.chosen_bands) * self.layers // len(self.bands)
        return per_pixel * self.window.height * self.window.width


def part_of(description: CubeDescription, query: Query) -> Part:
    """The part of a cube that a request asks for.

    Every pixel that the box touches belongs to it.
    Raises: RequestFailedError: 400 for what can't be understood, 204 where the box or the dates hold nothing.
    """
    subsets = dict(query.subsets)
    axes: dict[str, str] = {d.name: d.axis for d in description.dimensions if isinstance(d, SpatialDimension)}
    ranges = {axes[name]: _numbers(name, subsets.pop(name)) for name in list(subsets) if name in axes}
    if query.bbox and ranges:
        raise invalid("Give either `bbox` or a `subset` of the horizontal axes, not both.")
    grid, box = _native_box(query, description.grid) if query.bbox else (description.grid, None)
    labels = {d.name: _labels(d, subsets.pop(d.name, None)) for d in description.labelled}
    if subsets:
        raise invalid(f"There is no axis '{next(iter(subsets))}'. Axes: {', '.join(axis_names(description))}")
    if query.interval is not None:
        labels = _dated(description, labels, query.interval)
    return Part(description, _window(grid, box, ranges), _bands(description, query.bands), labels)


def axis_names(description: CubeDescription) -> list[str]:
    """Axes that `subset` may name: all dimensions but the bands."""
    horizontal = [d.name for d in description.dimensions if isinstance(d, SpatialDimension)]
    return horizontal + [d.name for d in description.labelled]


def _bands(description: CubeDescription, names: Sequence[str]) -> tuple[int, ...]:
    if not names:
        return tuple(range(len(description.bands)))
    known = [band.name for band in description.bands]
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise invalid(f"There is no band '{unknown}'. Bands: {', '.join(known)}")
    return tuple(known.index(name) for name in dict.fromkeys(names))


def _labels(dimension: LabelledDimension, wanted: Sequence[Any] | None) -> tuple[int, ...]:
    if wanted is None:
        return tuple(range(len(dimension.labels)))
    if dimension.type == "temporal":
        return _instants(dimension, "/".join(str(value) for value in wanted))
    texts = [str(label) for label in dimension.labels]
    try:
        first, last = texts.index(str(wanted[0])), texts.index(str(wanted[-1]))
    except ValueError:
        raise invalid(f"Labels of '{dimension.name}' are: {', '.join(texts[:50])}") from None
    return tuple(range(min(first, last), max(first, last) + 1))


def _dated(description: CubeDescription, labels: dict[str, tuple[int, ...]], text: str) -> dict[str, tuple[int, ...]]:
    if not description.temporal:
        raise invalid("This coverage has no temporal axis; leave `datetime` out.")
    dimension = description.temporal[0]
    chosen = set(_instants(dimension, text)) & set(labels[dimension.name])
    if not chosen:
        raise nothing_there("There is no data at this time.")
    return {**labels, dimension.name: tuple(sorted(chosen))}


def _instants(dimension: LabelledDimension, text: str) -> tuple[int, ...]:
    try:
        interval = interval_of(text)
    except ValueError as error:
        raise invalid(f"'{text}' is no RFC 3339 instant or interval: {error}") from error
    found = tuple(i for i, label in enumerate(dimension.labels) if _within(label, interval))
    if not found:
        raise nothing_there("There is no data at this time.")
    return found


def _within(label: Label, interval: Interval) -> bool:
    try:
        return instant_of(str(label)) in interval
    except ValueError:
        return False


def _numbers(name: str, values: Sequence[Any]) -> Range:
    try:
        low, high = float(values[0]), float(values[-1])
    except (TypeError, ValueError):
        raise invalid(f"The subset of '{name}' must be one number, or two with a colon between them.") from None
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise invalid(f"The lower end of the subset of '{name}' must not lie above the upper one.")
    return low, high


def _native_box(query: Query, grid: Grid) -> tuple[Grid, Box]:
    """`bbox` in the CRS of the grid, x first; the grid is widened for a box that goes on at its other end."""
    numbers = list(query.bbox) if len(query.bbox) == 4 else [query.bbox[i] for i in (0, 1, 3, 4)]
    if not all(math.isfinite(n) for n in numbers):
        raise invalid("The numbers of `bbox` must be finite.")
    source = named_crs("bbox-crs", query.bbox_crs or CRS84)
    west, south, east, north = x_first(numbers, source)
    if south > north or (west > east and not source.is_geographic):
        raise invalid("The lower corner of a `bbox` comes first; only one in degrees may cross the antimeridian.")
    if source.is_geographic and pyproj.CRS(str(grid.crs)).is_geographic:
        west, east, goes_on = turned(west, east, grid)
        return _around(grid) if goes_on else grid, (west, south, east, north)
    box = carried((west, south, east, north), source, pyproj.CRS(str(grid.crs)))
    if box is None:
        raise nothing_there("The box lies outside of the area of the coverage's CRS.")
    return grid, box


def _around(grid: Grid) -> Grid:
    """Raises: RequestFailedError where a turn of the earth is no whole number of pixels."""
    around = widened(grid)
    if around is None:
        raise invalid(
            "The grid of this coverage does not close around the earth; ask for each side of the antimeridian."
        )
    return around


def _window(grid: Grid, box: Box | None, ranges: Mapping[str, Range]) -> Window:
    """Pixels that a box or ranges touch, cut to the grid."""
    if box is None and not ranges:
        return whole(grid)
    rows, columns = grid.shape
    if box is None:
        bounds = grid.boundingbox
        (west, east), (south, north) = (
            ranges.get("x", (bounds.left, bounds.right)),
            ranges.get("y", (bounds.bottom, bounds.top)),
        )
    else:
        west, south, east, north = box
    inverse: Affine = ~grid.affine
    corners = [inverse @ corner for corner in ((west, south), (west, north), (east, south), (east, north))]
    x0, x1 = _span([corner[0] for corner in corners], columns)
    y0, y1 = _span([corner[1] for corner in corners], rows)
    if x0 >= x1 or y0 >= y1:
        raise nothing_there("The box lies outside of the coverage.")
    return Window(grid, y0, x0, y1 - y0, x1 - x0)


def _span(positions: Sequence[float], size: int) -> tuple[int, int]:
    """First pixel and the one after the last that [min, max] touches; a single position takes the pixel it is in."""
    low, high = min(positions), max(positions)
    first, last = math.floor(low + _EDGE), math.ceil(high - _EDGE)
    return max(first, 0), min(max(last, first + 1), size)
