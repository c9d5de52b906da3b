"""What the creator of a service may set, and the checks that need no pixels.

Every service type shares these settings: they say which bands are shown, how values become colours, and what the map
is called. `services.style` binds them to a cube.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from openeo_plugin.errors import OpenEOError
from services.algorithm import NAMES, check_algorithm, check_contrast
from services.expression import MAX_LETTERS, check_syntax

Check = Callable[[Any], str | None]

_COLOR = re.compile(r"^#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?$")
MAX_CATEGORIES = 255
TILE_SIZES = (256, 512)
DEFAULT_TILE_SIZE = 256


@dataclass(frozen=True)
class Setting:
    """One setting of a service: its JSON Schema as `/service_types` shows it, and a check that names what is wrong."""

    name: str
    description: str
    schema: Mapping[str, Any]
    check: Check

    def to_json(self) -> dict[str, Any]:
        """The setting as openEO describes it."""
        return {"description": self.description, **self.schema, "required": False}


def check_configuration(configuration: Mapping[str, Any]) -> None:
    """Refuse unknown settings and values of the wrong form; null means "not set".

    Raises: ServiceConfigUnsupported, ServiceConfigInvalid.
    """
    if not isinstance(configuration, Mapping):
        raise OpenEOError("ServiceConfigInvalid", parameter="configuration", reason="an object is expected")
    for name, value in configuration.items():
        setting = SETTINGS.get(name)
        if setting is None:
            raise OpenEOError("ServiceConfigUnsupported", parameter=name)
        fault = None if value is None else setting.check(value)
        if fault:
            raise OpenEOError("ServiceConfigInvalid", parameter=name, reason=fault)


def is_number(value: object) -> bool:
    """Whether a JSON value is a finite number (booleans are none)."""
    return isinstance(value, Real) and not isinstance(value, bool) and abs(float(value)) < float("inf")


def _text(limit: int) -> Check:
    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "a text is expected"
        return f"at most {limit} characters are allowed" if len(value) > limit else None

    return check


def _check_bands(value: Any) -> str | None:
    if not isinstance(value, list) or len(value) not in (1, 3):
        return "one band or three bands (red, green, blue) are expected"
    if not all(isinstance(band, str) or (isinstance(band, int) and not isinstance(band, bool)) for band in value):
        return "bands are names or zero-based indices"
    return None


def _is_range(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(is_number(v) for v in value) and value[0] < value[1]


def _check_rescale(value: Any) -> str | None:
    if _is_range(value):
        return None
    if isinstance(value, list) and len(value) in (1, 3) and all(_is_range(pair) for pair in value):
        return None
    return "[minimum, maximum] with minimum < maximum is expected, or such a pair for each band"


def _check_colormap(value: Any) -> str | None:
    if isinstance(value, str) and value in colormap_names():
        return None
    return "the name of a colour map is expected, for instance viridis or rdylgn"


def _check_category(value: Any) -> str | None:
    if not isinstance(value, dict) or not {"value", "color"} <= value.keys() <= {"value", "color", "label"}:
        return "a category needs value and color, and may have a label"
    if not is_number(value["value"]):
        return "the value of a category is a number"
    if not isinstance(value["color"], str) or not _COLOR.match(value["color"]):
        return "a color is written #rrggbb or #rrggbbaa"
    return _text(200)(value.get("label", ""))


def _check_categories(value: Any) -> str | None:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_CATEGORIES:
        return f"a list of 1 to {MAX_CATEGORIES} categories is expected"
    return next((fault for fault in map(_check_category, value) if fault), None)


def _check_expression(value: Any) -> str | None:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or len(texts) not in (1, 3):
        return "one expression, or a list of three (red, green, blue) is expected"
    return next((fault for fault in map(check_syntax, texts) if fault), None)


def _check_percentiles(value: Any) -> str | None:
    if _is_range(value) and value[0] >= 0 and value[1] <= 100:
        return None
    return "[low, high] with 0 <= low < high <= 100 is expected"


def _one_of(*allowed: str) -> Check:
    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and value in allowed else f"{' or '.join(allowed)} is expected"

    return check


def _check_tile_size(value: Any) -> str | None:
    allowed = value in TILE_SIZES and not isinstance(value, bool)
    return None if allowed else f"{' or '.join(map(str, TILE_SIZES))} is expected"


def colormap_names() -> list[str]:
    """Names of the colour maps, in alphabetical order."""
    from rio_tiler.colormap import cmap  # loads GDAL

    return sorted(cmap.list())


_NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_EXPRESSION = {"type": "string", "maxLength": MAX_LETTERS}
_CATEGORY = {
    "type": "object",
    "required": ["value", "color"],
    "properties": {
        "value": {"type": "number"},
        "color": {"type": "string", "pattern": _COLOR.pattern},
        "label": {"type": "string"},
    },
}

SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("title", "Name of the map layer in clients.", {"type": "string", "maxLength": 200}, _text(200)),
        Setting("abstract", "What the map shows.", {"type": "string", "maxLength": 5000}, _text(5000)),
        Setting("attribution", "Whom to credit for the data.", {"type": "string", "maxLength": 500}, _text(500)),
        Setting(
            "bands",
            "One band to show in grey or in colours, or three bands as red, green and blue; names or zero-based "
            "indices. By default the bands that are called red, green and blue, else the first band.",
            {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": ["string", "integer"]}},
            _check_bands,
        ),
        Setting(
            "rescale",
            "The values shown as the darkest and the brightest colour, for all bands or for each. By default 8-bit "
            "bands are shown as they are, others between two percentiles of a coarse preview.",
            {"type": "array", "anyOf": [_NUMBERS, {"type": "array", "items": _NUMBERS, "minItems": 1, "maxItems": 3}]},
            _check_rescale,
        ),
        Setting(
            "percentiles",
            "Which percentiles of a coarse preview are shown as the darkest and the brightest colour where `rescale` "
            "is not given.",
            {**_NUMBERS, "default": [2, 98]},
            _check_percentiles,
        ),
        Setting(
            "expression",
            "What is shown in place of bands, computed from them: one expression, or three for red, green and blue. "
            "Names of bands (or b1, b2, ... by place), numbers, + - * / ** %, comparisons, and, or, not, and abs, "
            "sqrt, exp, log, log10, min, max, where. For instance (B08 - B04) / (B08 + B04).",
            {"anyOf": [_EXPRESSION, {"type": "array", "items": _EXPRESSION, "minItems": 1, "maxItems": 3}]},
            _check_expression,
        ),
        Setting(
            "algorithm",
            "Relief computed from one band or expression of heights: hillshade, slope, contours, terrarium or "
            "terrainrgb, with its parameters, for instance azimuth, angle_altitude and z_exaggeration of hillshade.",
            {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "enum": list(NAMES)}}},
            check_algorithm,
        ),
        Setting(
            "contrast",
            "Operations on red, green and blue: gamma BANDS VALUE, sigmoidal BANDS CONTRAST BIAS, saturation VALUE, "
            "separated by commas.",
            {"type": "string", "maxLength": 200},
            check_contrast,
        ),
        Setting(
            "resampling",
            "How values are found between the pixels of the data when a map is looked at closely. By default "
            "measurements are blended, classes and masks are not.",
            {"type": "string", "enum": ["auto", "nearest", "bilinear"], "default": "auto"},
            _one_of("auto", "nearest", "bilinear"),
        ),
        Setting("colormap", "Name of a colour map for a single band.", {"type": "string"}, _check_colormap),
        Setting(
            "categories",
            "Colours and labels of single values; all other values are transparent. Goes before `colormap`.",
            {"type": "array", "minItems": 1, "maxItems": MAX_CATEGORIES, "items": _CATEGORY},
            _check_categories,
        ),
        Setting(
            "access",
            "Who may see the service: everybody who knows its address, or only its owner, with the bearer token or "
            "with the address that the owner gets, which is signed and expires.",
            {"type": "string", "enum": ["public", "private"], "default": "public"},
            _one_of("public", "private"),
        ),
        Setting(
            "cache",
            "Whether pictures of tiles are kept once they were made, until the service or its data changes.",
            {"type": "boolean", "default": True},
            lambda value: None if isinstance(value, bool) else "true or false is expected",
        ),
        Setting(
            "tile_size",
            "Width and height of a tile in pixels.",
            {"type": "integer", "enum": list(TILE_SIZES), "default": DEFAULT_TILE_SIZE},
            _check_tile_size,
        ),
        Setting(
            "time",
            "The date shown when a request names none: a label of the temporal dimension or a day. "
            "By default the latest.",
            {"type": "string"},
            _text(64),
        ),
    )
}
