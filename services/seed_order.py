"""Which tiles of a service are to be made before anybody asks for them, as its owner says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openeo_plugin.errors import OpenEOError
from services.configuration import is_number
from services.served import KEPT_FORMATS
from services.tile_matrix import WEB_MERCATOR_QUAD, Bounds

_FIELDS = frozenset({"zoom", "bbox", "dates", "tile_matrix_set", "format"})


@dataclass(frozen=True)
class SeedOrder:
    """Which tiles are wanted.

    Args:
        zoom: first and last level; None for all from 0 to that of the data's own pixels.
        bbox: west, south, east, north in degrees, across the antimeridian if west > east; None for everything.
        dates: as clients write them; empty for the default date, None for all.
        matrix_set: id of a tile matrix set of the service.
        image_format: a member of `KEPT_FORMATS`.
    """

    zoom: tuple[int, int] | None = None
    bbox: Bounds | None = None
    dates: tuple[str, ...] | None = ()
    matrix_set: str = WEB_MERCATOR_QUAD.id
    image_format: str = "png"


def order_of(given: Mapping[str, Any]) -> SeedOrder:
    """The order that a JSON object means; null stands for what is left out.

    Raises: RequestInvalid.
    """
    unknown = sorted(given.keys() - _FIELDS)
    if unknown:
        raise refused(f"there is no '{unknown[0][:32]}'; there are {', '.join(sorted(_FIELDS))}")
    present = {name: value for name, value in given.items() if value is not None}
    order = SeedOrder(
        zoom=_zoom(present.get("zoom")),
        bbox=_bbox(present.get("bbox")),
        dates=_dates(present.get("dates", [])),
        matrix_set=_text("tile_matrix_set", present.get("tile_matrix_set", WEB_MERCATOR_QUAD.id)),
        image_format=_text("format", present.get("format", "png")).lower(),
    )
    if order.image_format not in KEPT_FORMATS:
        raise refused(f"`format` is one of {', '.join(sorted(KEPT_FORMATS))}")
    return order


def _zoom(value: Any) -> tuple[int, int] | None:
    levels = [value, value] if _is_level(value) else value
    if levels is None:
        return None
    if not isinstance(levels, list) or len(levels) != 2 or not all(map(_is_level, levels)) or levels[0] > levels[1]:
        raise refused("`zoom` is a level, or the first and the last of some")
    return levels[0], levels[1]


def _is_level(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 30


def _bbox(value: Any) -> Bounds | None:
    if value is None:
        return None
    sides = [value.get(side) for side in ("west", "south", "east", "north")] if isinstance(value, dict) else value
    if not isinstance(sides, list) or len(sides) != 4 or not all(map(is_number, sides)):
        raise refused("`bbox` has the numbers west, south, east and north")
    west, south, east, north = map(float, sides)
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90) or west == east:
        raise refused("`bbox` is west, south, east and north in degrees, and can't be empty")
    return west, south, east, north


def _dates(value: Any) -> tuple[str, ...] | None:
    if value == "all":
        return None
    if not isinstance(value, list) or len(value) > 10_000 or not all(isinstance(date, str) for date in value):
        raise refused("`dates` is a list of dates, or 'all'")
    return tuple(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise refused(f"`{name}` is a text")
    return value


def refused(reason: str) -> OpenEOError:
    """The order can't be carried out."""
    return OpenEOError("RequestInvalid", reason=reason)
