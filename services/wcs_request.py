"""What a WCS 2.0.1 request asks for: parameters of the address, and a service -> `Coverage`.

Axes are named by the labels of the CRS that the subsets are in (`E`, `N`; `Lat`, `Long`), of the grid (`i`, `j`), or
`time`. A subset takes the pixels of the grid whose edges are nearest to it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.warp import transform_bounds

from openeo_plugin.cube.grid import Grid
from openeo_plugin.errors import OpenEOError
from services.axes import Axes, axes_of, epsg_code
from services.served import ServedService
from services.turn import turned, widened
from services.wcs_exception import WcsError

COVERAGE = "map"
MAX_PX = 32_768
TIME_LABELS = frozenset({"time", "t", "phenomenontime", "ansi", "date"})
FORMATS = frozenset({"image/tiff", "image/geotiff", "geotiff", "application/x-geotiff", "image/tiff;subtype=geotiff"})
_SUBSET = re.compile(r"(?P<axis>[A-Za-z_][\w.-]*)(?:,(?P<crs>[^()]*))?\((?P<ends>[^()]*)\)")
_SCALE = re.compile(r"(?P<axis>[A-Za-z_][\w:/.#-]*)\((?P<value>[0-9.eE+-]{1,16})(?::(?P<end>[0-9.eE+-]{1,16}))?\)")

Parameters = Sequence[tuple[str, str]]
Span = tuple[float, float]


@dataclass(frozen=True)
class Coverage:
    """What is to be written.

    Args:
        geobox: the pixels.
        bands: indices.
        time: as in `Dates.index`.
    """

    geobox: GeoBox
    bands: tuple[int, ...]
    time: str | None


def coverage_of(served: ServedService, native: Axes, parameters: Parameters, date: str | None = None) -> Coverage:
    """What a GetCoverage request asks for.

    Args:
        native: axes of the data's own CRS.
        parameters: names in lower case, with their values; `subset` may come more than once.
        date: of the coverage, if it is that of one date.
    Raises: WcsError.
    """
    given = dict(parameters)
    _check_names(given)
    subset_axes = _crs(given.get("subsettingcrs"), native, "subsettingCrs")
    output_axes = _crs(given.get("outputcrs"), native, "outputCrs")
    spans, time = _subsets([value for name, value in parameters if name == "subset"], subset_axes)
    window = _window(served.description.grid, spans, subset_axes, native)
    geobox = _scaled(window, given, native)
    if output_axes != native:
        if window.boundingbox.right > served.description.grid.boundingbox.right:
            raise WcsError("OutputCrs-NotSupported", "across the antimeridian only the data's own CRS", "outputCrs")
        geobox = _projected(geobox, output_axes)
    if max(geobox.shape) > MAX_PX:
        raise WcsError("InvalidParameterValue", f"a coverage has at most {MAX_PX} rows and columns", "subset")
    return Coverage(geobox, _bands(served, given.get("rangesubset")), date or time)


def _check_names(given: dict[str, str]) -> None:
    asked = given.get("format", "image/tiff").replace(" ", "").lower()
    if asked not in FORMATS:
        raise WcsError("InvalidParameterValue", "coverages are offered as image/tiff", "format")
    if "mediatype" in given:
        raise WcsError("InvalidParameterValue", "coverages come as plain files; leave mediaType out", "mediaType")
    interpolation = given.get("interpolation", "nearest").lower()
    if not interpolation.rstrip("/").rsplit("/", 1)[-1].startswith("nearest"):
        raise WcsError("InterpolationMethodNotSupported", "values are those of the nearest pixel", "interpolation")


def _crs(uri: str | None, native: Axes, locator: str) -> Axes:
    if uri is None:
        return native
    try:
        return axes_of(epsg_code(uri))
    except OpenEOError as error:
        raise WcsError(f"{locator}-NotSupported", str(error.details["reason"]), locator) from None


def _subsets(texts: Sequence[str], axes: Axes) -> tuple[dict[str, tuple[float | None, float | None]], str | None]:
    spans: dict[str, tuple[float | None, float | None]] = {}
    time: str | None = None
    for text in texts:
        found = _SUBSET.fullmatch(text.strip())
        if found is None:
            raise WcsError("InvalidSubsetting", "a subset is written axis(low,high) or axis(value)", "subset")
        ends = [end.strip().strip('"') for end in found["ends"].split(",")]
        if len(ends) > 2:
            raise WcsError("InvalidSubsetting", "a subset has one or two ends", "subset")
        if found["axis"].lower() in TIME_LABELS:
            time = "/".join(ends)
            continue
        axis = axes.axis(found["axis"])
        if axis is None:
            known = ", ".join((*axes.labels, "time"))
            raise WcsError("InvalidAxisLabel", f"there is no axis '{found['axis'][:32]}'; there are {known}", "subset")
        if axis in spans:
            raise WcsError("InvalidAxisLabel", f"the axis '{found['axis'][:32]}' is given twice", "subset")
        spans[axis] = _span(ends, around=axis == "x" and axes.unit == "deg")
    return spans, time


def _span(ends: Sequence[str], around: bool) -> tuple[float | None, float | None]:
    """around: whether west > east is a way across the antimeridian."""
    numbers = [None if end in ("*", "") else _number(end) for end in ends]
    low, high = numbers[0], numbers[-1]
    if low is not None and high is not None and low > high and not around:
        raise WcsError("InvalidSubsetting", "the lower end of a subset comes first", "subset")
    return low, high


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise WcsError("InvalidSubsetting", f"'{text[:32]}' is no number", "subset")
    return number


def _window(grid: Grid, spans: dict[str, tuple[float | None, float | None]], axes: Axes, native: Axes) -> GeoBox:
    """The part of the grid that the subsets take; both ends in `axes`."""
    if not spans:
        return grid
    whole = tuple(grid.boundingbox.bbox)
    if axes != native:
        whole = transform_bounds(str(grid.crs), f"EPSG:{axes.code}", *whole, densify_pts=21)
    west, east = _filled(spans.get("x"), whole[0], whole[2])
    south, north = _filled(spans.get("y"), whole[1], whole[3])
    if axes != native:
        west, south, east, north = transform_bounds(
            f"EPSG:{axes.code}", str(grid.crs), west, south, east, north, densify_pts=21
        )
    elif axes.unit == "deg":
        west, east, goes_on = turned(west, east, grid)
        grid = (widened(grid) or grid) if goes_on else grid
    if not all(map(math.isfinite, (west, south, east, north))):
        raise WcsError("InvalidSubsetting", "the subset lies outside of the area of the coverage's CRS", "subset")
    first_column, last_column = _pixels((west, east), grid.affine.c, grid.affine.a, grid.shape.x)
    first_row, last_row = _pixels((south, north), grid.affine.f, grid.affine.e, grid.shape.y)
    return grid[first_row:last_row, first_column:last_column]


def _filled(span: tuple[float | None, float | None] | None, low: float, high: float) -> Span:
    first, last = span or (None, None)
    return low if first is None else first, high if last is None else last


def _pixels(span: Span, origin: float, step: float, size: int) -> tuple[int, int]:
    """First pixel and the one after the last; a single position takes the pixel it lies in."""
    low, high = sorted((end - origin) / step for end in span)
    first, last = round(low), round(high)
    if first >= last:
        first = math.floor((low + high) / 2)
        last = first + 1
    first, last = max(first, 0), min(last, size)
    if first >= last:
        raise WcsError("InvalidSubsetting", "the subset lies outside of the coverage", "subset")
    return first, last


def _scaled(window: GeoBox, given: dict[str, str], native: Axes) -> GeoBox:
    """The window at the size that SCALESIZE, SCALEFACTOR, SCALEAXES or SCALEEXTENT asks for."""
    rows, columns = window.shape
    size = {"x": float(columns), "y": float(rows)}
    if "scalefactor" in given:
        factor = _positive(given["scalefactor"])
        size = {axis: count * factor for axis, count in size.items()}
    for axis, value, _ in _scales(given.get("scaleaxes"), native):
        size[axis] *= value
    for axis, value, _ in _scales(given.get("scalesize"), native):
        size[axis] = value
    for axis, low, high in _scales(given.get("scaleextent"), native, signed=True):
        size[axis] = (high if high is not None else low) - low + 1
    width, height = (max(1, round(min(size[axis], 1e9))) for axis in ("x", "y"))
    if (width, height) == (columns, rows):
        return window
    if max(width, height) > MAX_PX:
        raise WcsError("InvalidScaleFactor", f"a coverage has at most {MAX_PX} rows and columns", "scaleSize")
    return GeoBox((height, width), window.affine @ Affine.scale(columns / width, rows / height), window.crs)


def _scales(text: str | None, axes: Axes, signed: bool = False) -> list[tuple[str, float, float | None]]:
    """(axis, value, further value) of `E(800),N(600)`."""
    found = []
    for part in re.split(r"(?<=\)),", text) if text else ():
        match = _SCALE.fullmatch(part.strip())
        axis = axes.axis(re.split("[/:#]", match["axis"])[-1]) if match else None
        if match is None or axis is None:
            raise WcsError("InvalidAxisLabel", "scales are written axis(size),axis(size)", "scaleSize")
        value = _number(match["value"]) if signed else _positive(match["value"])
        found.append((axis, value, _number(match["end"]) if match["end"] else None))
    return found


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise WcsError("InvalidScaleFactor", "sizes and factors are numbers above zero", "scaleFactor")
    return number


def _projected(window: GeoBox, axes: Axes) -> GeoBox:
    """The grid of about as many pixels that covers a window in another CRS."""
    box = tuple(window.boundingbox.bbox)
    bounds = transform_bounds(str(window.crs), f"EPSG:{axes.code}", *box, densify_pts=21)
    if not all(map(math.isfinite, bounds)):
        raise WcsError("OutputCrs-NotSupported", "the coverage can't be expressed in this CRS", "outputCrs")
    west, south, east, north = bounds
    pixel = math.sqrt((east - west) * (north - south) / (window.shape.x * window.shape.y))
    width, height = max(1, round((east - west) / pixel)), max(1, round((north - south) / pixel))
    affine = Affine((east - west) / width, 0, west, 0, (south - north) / height, north)
    return GeoBox((height, width), affine, f"EPSG:{axes.code}")


def _bands(served: ServedService, text: str | None) -> tuple[int, ...]:
    names = field_names(served)
    if not text:
        return tuple(range(len(names)))
    chosen: list[int] = []
    for part in text.split(","):
        ends = [_field(name.strip(), names) for name in part.split(":")]
        chosen += range(ends[0], ends[-1] + 1) if ends[0] <= ends[-1] else range(ends[0], ends[-1] - 1, -1)
    return tuple(chosen)


def _field(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise WcsError("NoSuchField", f"there is no field '{name[:32]}'; there are {', '.join(names)}", "rangeSubset")
    return list(names).index(name)


def field_names(served: ServedService) -> tuple[str, ...]:
    """The bands as names that XML and addresses take; `value` where there is no bands dimension."""
    plain = [re.sub(r"[^\w.-]", "_", band.name or "value") for band in served.description.bands]
    named = [name if re.match("[A-Za-z_]", name) else f"band_{name}" for name in plain]
    return tuple(name if named.index(name) == i else f"{name}_{i}" for i, name in enumerate(named))


def coverages(served: ServedService) -> dict[str, str | None]:
    """The coverages of a service: `map` at any date (None), and one for each date."""
    dates = served.dates.distinct
    named = {f"{COVERAGE}_{re.sub('[^0-9A-Za-z]', '', date)}": date for date in dates if len(dates) > 1}
    return {COVERAGE: None, **named}
