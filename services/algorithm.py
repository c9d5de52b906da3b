"""Relief and contrast: what titiler and rio-tiler compute of the values before they are shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo.geobox import GeoBox
from pydantic import ValidationError

from openeo_plugin.cube.pixels import Array, Mask, Pixels

if TYPE_CHECKING:
    from titiler.core.algorithm.base import BaseAlgorithm

NAMES = ("hillshade", "slope", "contours", "terrarium", "terrainrgb")
_FORMULA = re.compile(r"[A-Za-z0-9., -]{1,200}")


@dataclass(frozen=True)
class Algorithm:
    """An algorithm of titiler with its parameters. Works on one band of heights."""

    name: str
    parameters: tuple[tuple[str, float], ...] = ()

    @property
    def halo(self) -> int:
        """Pixels that are needed around those wanted."""
        return int(getattr(self._implementation(), "buffer", 0))

    @property
    def layers(self) -> int:
        """Bands that come out: one, or red, green and blue."""
        return int(self._implementation().output_nbands or 1)

    @property
    def extent(self) -> tuple[float, float] | None:
        """Values of the darkest and the brightest colour; None where they are colours already."""
        made = self._implementation()
        return (made.output_min[0], made.output_max[0]) if made.output_min and made.output_max else None

    def apply(self, heights: Pixels, geobox: GeoBox) -> list[Pixels]:
        """The layers of a band whose window has a halo; null in the halo or out of it does not matter.

        Args:
            heights: (rows + 2 halo, columns + 2 halo).
            geobox: of `heights`.
        """
        from rio_tiler.models import ImageData

        halo = self.halo
        values = heights.real()
        null = np.isnan(values)
        filled = np.where(null, np.nanmean(values) if not null.all() else 0, values)
        bounds = tuple(geobox.boundingbox.bbox)
        image = self._implementation()(ImageData(np.ma.MaskedArray(filled[None], null[None]), bounds=bounds))
        inner = null[halo:-halo, halo:-halo] if halo else null
        return [_masked(layer, inner) for layer in np.ma.getdata(image.array)]

    def _implementation(self) -> BaseAlgorithm:
        parameters: dict[str, Any] = dict(self.parameters)
        return _class(self.name)(**parameters)


def _masked(layer: Array, null: Array) -> Pixels:
    return Pixels(layer, mask=Mask(null) if null.any() else None)


def _class(name: str) -> type[BaseAlgorithm]:
    from titiler.core.algorithm import algorithms

    return algorithms.get(name)


def algorithm(given: Mapping[str, Any]) -> Algorithm:
    """The algorithm that `{name, parameter: value, ...}` means.

    Raises: ValueError with a sentence for the user.
    """
    name = given.get("name")
    if name not in NAMES:
        raise ValueError(f"the name of an algorithm is one of {', '.join(NAMES)}")
    parameters = {key: value for key, value in given.items() if key != "name"}
    known = set(_class(name).model_fields) - set(_base_fields())
    unknown = next((key for key in parameters if key not in known), None)
    if unknown is not None:
        raise ValueError(f"{name} has no parameter '{unknown[:32]}'; it has {', '.join(sorted(known)) or 'none'}")
    try:
        _class(name)(**parameters)
    except ValidationError as error:
        fault = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
    return Algorithm(name, tuple(sorted(parameters.items())))


def _base_fields() -> Mapping[str, Any]:
    from titiler.core.algorithm.base import BaseAlgorithm

    return {**BaseAlgorithm.model_fields, "title": None, "description": None}


def check_algorithm(value: object) -> str | None:
    """What is wrong with the setting; None if nothing is."""
    if not isinstance(value, dict):
        return "an object with a name and parameters is expected"
    try:
        algorithm(value)
    except ValueError as error:
        return str(error)
    return None


def check_contrast(value: object) -> str | None:
    """What is wrong with a formula such as `gamma RGB 1.2, saturation 1.3`; None if nothing is."""
    if not isinstance(value, str) or not _FORMULA.fullmatch(value):
        return "a formula such as 'gamma RGB 1.2, sigmoidal RGB 6 0.4, saturation 1.3' is expected"
    try:
        with_contrast(np.zeros((3, 1, 1), np.uint8), value)
    except (ValueError, KeyError, TypeError, IndexError, AssertionError) as error:
        return f"this is no formula of contrast: {error}"
    return None


def with_contrast(levels: Array, formula: str) -> Array:
    """Red, green and blue, (3, rows, columns) uint8, after the operations of a formula."""
    from color_operations import parse_operations
    from color_operations.utils import scale_dtype, to_math_type

    for operation in parse_operations(formula):
        levels = scale_dtype(operation(to_math_type(levels)), np.uint8)
    return levels
