"""How values become colours: the configuration of a service, bound to the cube it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.errors import OpenEOError
from services.algorithm import Algorithm, algorithm
from services.configuration import DEFAULT_TILE_SIZE, check_configuration
from services.expression import Expression, expression

Range = tuple[float, float]
Color = tuple[int, int, int, int]

RAMP = 255  # colours of a palette picture; the code 0 is left for "nothing"


@dataclass(frozen=True)
class Category:
    """One value, its colour (red, green, blue, alpha) and what it is called."""

    value: float
    color: Color
    label: str


@dataclass(frozen=True)
class Style:
    """What is shown of a cube and how.

    Args:
        bands: indices of one band, or of red, green and blue.
        ranges: for each band the values of the darkest and the brightest colour; None shows 8-bit values as they are.
            The whole is None as long as it has to be estimated from the pixels.
        colormap: name of a colour map for a single band; None shows it in grey.
        categories: if any, they are all that is shown.
        tile_size: of a tile, in pixels.
        expressions: if any, one or three; what they give is shown in place of the bands, which they need.
        algorithm: applied to the single band or expression.
        percentiles: of the values, for ranges that are estimated.
        contrast: operations on red, green and blue.
        smooth: whether values are blended where pixels of the cube are larger than those of the screen.
    """

    bands: tuple[int, ...]
    ranges: tuple[Range | None, ...] | None = None
    colormap: str | None = None
    categories: tuple[Category, ...] = ()
    tile_size: int = DEFAULT_TILE_SIZE
    expressions: tuple[Expression, ...] = ()
    algorithm: Algorithm | None = None
    percentiles: Range = (2.0, 98.0)
    contrast: str | None = None
    smooth: bool = False

    @property
    def count(self) -> int:
        """Layers that are shown: one, or red, green and blue."""
        return self.algorithm.layers if self.algorithm else len(self.expressions or self.bands)

    @property
    def needs_ranges(self) -> bool:
        """Whether the ranges have to be estimated before a picture can be made."""
        return self.ranges is None and not self.categories

    def palette(self) -> np.ndarray[Any, Any]:
        """256 colours, (256, 4) uint8; the first is transparent, the others stand for the range or the categories."""
        if not self.categories:
            return _ramp_palette(self.colormap)
        colors = np.zeros((RAMP + 1, 4), np.uint8)
        colors[1 : 1 + len(self.categories)] = [category.color for category in self.categories]
        return colors


def bind(configuration: Mapping[str, Any], description: CubeDescription) -> Style:
    """The style that a configuration means for a cube.

    Raises: ServiceConfigUnsupported, ServiceConfigInvalid.
    """
    check_configuration(configuration)
    given = {name: value for name, value in configuration.items() if value is not None}
    style = _layers(given, description)
    for name, count in (("colormap", 1), ("categories", 1), ("contrast", 3)):
        if name in given and style.count != count:
            needed = "exactly one band" if count == 1 else "three bands"
            raise OpenEOError("ServiceConfigInvalid", parameter=name, reason=f"it needs {needed}")
    return replace(
        style,
        ranges=_ranges(given, style, description),
        colormap=given.get("colormap"),
        categories=tuple(_category(item) for item in given.get("categories", ())),
        tile_size=given.get("tile_size", DEFAULT_TILE_SIZE),
        percentiles=tuple(given.get("percentiles", (2.0, 98.0))),
        contrast=given.get("contrast"),
        smooth=_is_smooth(given, style, description),
    )


def _layers(given: Mapping[str, Any], description: CubeDescription) -> Style:
    """Which bands, expressions and algorithm a configuration names."""
    relief = algorithm(given["algorithm"]) if "algorithm" in given else None
    texts = given.get("expression")
    if texts is None:
        style = Style(_bands(given.get("bands"), description.bands), algorithm=relief)
    elif "bands" in given:
        raise OpenEOError("ServiceConfigInvalid", parameter="bands", reason="an expression names its bands itself")
    else:
        made = tuple(_expression(text, description.bands) for text in ([texts] if isinstance(texts, str) else texts))
        needed = tuple(sorted({band for one in made for band in one.bands}))
        style = Style(needed, expressions=made, algorithm=relief)
    if relief and len(style.expressions or style.bands) != 1:
        raise OpenEOError("ServiceConfigInvalid", parameter="algorithm", reason="it needs exactly one band")
    return style


def _expression(text: str, bands: tuple[Band, ...]) -> Expression:
    try:
        return expression(text, bands)
    except ValueError as error:
        raise OpenEOError("ServiceConfigInvalid", parameter="expression", reason=str(error)) from None


def _is_smooth(given: Mapping[str, Any], style: Style, description: CubeDescription) -> bool:
    if given.get("resampling", "auto") != "auto":
        return bool(given["resampling"] == "bilinear")
    return "categories" not in given and all(is_continuous(description.bands[band]) for band in style.bands)


def is_continuous(band: Band) -> bool:
    """Whether values between two values mean something: measurements, not classes, masks or bit flags."""
    if band.dtype.kind == "f":
        return True
    named = band.unit is not None or band.center_wavelength_um is not None or band.common_name is not None
    return band.dtype.kind in "iu" and (named or band.scale != 1 or band.offset != 0)


def _bands(given: list[str | int] | None, bands: tuple[Band, ...]) -> tuple[int, ...]:
    if given is not None:
        return tuple(_band(name, bands) for name in given)
    named = [next((i for i, b in enumerate(bands) if b.is_called(color)), None) for color in ("red", "green", "blue")]
    found = tuple(index for index in named if index is not None)
    return found if len(found) == 3 else (0,)


def _band(name: str | int, bands: tuple[Band, ...]) -> int:
    if isinstance(name, int) and 0 <= name < len(bands):
        return name
    index = next((i for i, band in enumerate(bands) if isinstance(name, str) and band.is_called(name)), None)
    if index is None:
        available = ", ".join(band.name for band in bands if band.name) or f"0 to {len(bands) - 1}"
        reason = f"there is no band '{name}'; available: {available}"
        raise OpenEOError("ServiceConfigInvalid", parameter="bands", reason=reason)
    return index


def _ranges(given: Mapping[str, Any], style: Style, description: CubeDescription) -> tuple[Range | None, ...] | None:
    if style.algorithm and (style.count == 3 or "rescale" not in given):
        extent = style.algorithm.extent or ((0.0, 255.0) if "colormap" in given else None)
        return (extent,) * style.count
    if "rescale" not in given:
        plain = all(description.bands[index].dtype == np.uint8 for index in style.bands)
        if not plain or style.expressions or "percentiles" in given:
            return None
        return ((0.0, 255.0),) if "colormap" in given else (None,) * style.count
    pairs = given["rescale"] if isinstance(given["rescale"][0], list) else [given["rescale"]] * style.count
    if len(pairs) != style.count:
        reason = f"{len(pairs)} pairs are given for {style.count} bands"
        raise OpenEOError("ServiceConfigInvalid", parameter="rescale", reason=reason)
    return tuple((float(low), float(high)) for low, high in pairs)


def _category(item: Mapping[str, Any]) -> Category:
    digits = bytes.fromhex(item["color"][1:])
    red, green, blue = digits[:3]
    alpha = digits[3] if len(digits) == 4 else 255
    return Category(float(item["value"]), (red, green, blue, alpha), str(item.get("label") or f"{item['value']:g}"))


@lru_cache(maxsize=64)
def _ramp_palette(name: str | None) -> np.ndarray[Any, Any]:
    """A transparent colour and the colour map in `RAMP` steps; not to be changed, as all styles share it."""
    colors = np.zeros((RAMP + 1, 4), np.uint8)
    colors[1:] = _colormap(name)[np.rint(np.arange(RAMP) * (255 / (RAMP - 1))).astype(int)]
    colors.setflags(write=False)
    return colors


def _colormap(name: str | None) -> np.ndarray[Any, Any]:
    """The 256 colours of a colour map, (256, 4) uint8; shades of grey for None."""
    if name is None:
        grey = np.arange(256, dtype=np.uint8)
        return np.stack([grey, grey, grey, np.full(256, 255, np.uint8)], axis=1)
    from rio_tiler.colormap import cmap

    colors = cmap.get(name)
    return np.array([tuple(colors[i]) for i in range(256)], np.uint8)
