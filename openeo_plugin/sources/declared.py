"""What a STAC item declares of its assets, from all the places and spellings in use, in the one form of STAC 1.1."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

# Fields of a band that are kept, with their names in STAC 1.1, eo 1.x and raster 1.x. Statistics and data_type are not:
# the file itself is asked for its type.
_KEPT = {
    "name": "name",
    "description": "description",
    "nodata": "nodata",
    "unit": "unit",
    "raster:scale": "raster:scale",
    "raster:offset": "raster:offset",
    "eo:common_name": "eo:common_name",
    "eo:center_wavelength": "eo:center_wavelength",
    "eo:full_width_half_max": "eo:full_width_half_max",
    "classification:classes": "classification:classes",
    "scale": "raster:scale",
    "offset": "raster:offset",
    "common_name": "eo:common_name",
    "center_wavelength": "eo:center_wavelength",
    "full_width_half_max": "eo:full_width_half_max",
}
_TEXTS = {"name", "description", "unit", "eo:common_name"}
_NUMBERS = {"raster:scale", "raster:offset", "eo:center_wavelength", "eo:full_width_half_max"}
# Fields that STAC 1.1 allows on the asset in place of each of its bands.
_SHARED_BY_BANDS = ("nodata", "unit", "raster:scale", "raster:offset", "eo:common_name", "eo:center_wavelength")
_BAND_LISTS = ("bands", "eo:bands", "raster:bands")


@dataclass(frozen=True)
class Declared:
    """What STAC says of one asset: nothing of it need be there.

    Args:
        crs: code, WKT2 or PROJJSON text.
        shape: (rows, columns).
        transform: a, b, c, d, e, f, pixel to world.
        bands: in the order of the file.
    """

    crs: str | None
    shape: tuple[int, int] | None
    transform: tuple[float, ...] | None
    bands: tuple[dict[str, Any], ...]


def declared_of(key: str, asset: Json, properties: Json, collection: Json) -> Declared:
    """Collect what asset, item properties and collection (its item_assets and summaries) say of the asset `key`."""
    places = (asset, properties)
    return Declared(
        crs=next((text for text in map(_crs, places) if text), None),
        shape=next((shape for shape in map(_shape, places) if shape), None),
        transform=next((transform for transform in map(_transform, places) if transform), None),
        bands=_bands(key, asset, properties, collection),
    )


def _crs(place: Json) -> str | None:
    code, epsg = place.get("proj:code"), place.get("proj:epsg")
    if isinstance(code, str) and code:
        return code
    if isinstance(epsg, int):
        return f"EPSG:{epsg}"
    wkt, projjson = place.get("proj:wkt2"), place.get("proj:projjson")
    if isinstance(wkt, str) and wkt:
        return wkt
    return json.dumps(projjson) if isinstance(projjson, dict) else None


def _shape(place: Json) -> tuple[int, int] | None:
    match place.get("proj:shape"):
        case [int() as rows, int() as columns] if rows > 0 and columns > 0:
            return rows, columns
    return None


def _transform(place: Json) -> tuple[float, ...] | None:
    numbers = place.get("proj:transform")
    if not isinstance(numbers, list) or len(numbers) not in (6, 9):
        return None
    return tuple(map(float, numbers[:6])) if all(_is_number(number) for number in numbers) else None


def _bands(key: str, asset: Json, properties: Json, collection: Json) -> tuple[dict[str, Any], ...]:
    template = _object(_object(collection.get("item_assets")).get(key))
    lists = [_band_list(place, name) for place in (asset, template) for name in _BAND_LISTS]
    shared = _kept({field: asset[field] for field in _SHARED_BY_BANDS if field in asset})
    known = _by_name(properties, _object(collection.get("summaries")), collection)
    count = max(map(len, lists), default=0)
    if not count and key in known:
        lists, count = [[known[key]]], 1
    bands = []
    for position in range(count):
        band = _merged([*(entries[position] for entries in lists if position < len(entries)), shared])
        bands.append(_merged([band, known.get(band.get("name", ""), {})]))
    return tuple(bands)


def _by_name(*places: Json) -> dict[str, dict[str, Any]]:
    """Bands that the item or the collection describe apart from assets."""
    known: dict[str, dict[str, Any]] = {}
    for place in places:
        for band in (band for name in ("bands", "eo:bands") for band in _band_list(place, name)):
            if "name" in band:
                known[band["name"]] = _merged([known.get(band["name"], {}), band])
    return known


def _band_list(place: Json, name: str) -> list[dict[str, Any]]:
    entries = place.get(name)
    return [_kept(_object(entry)) for entry in entries] if isinstance(entries, list) else []


def _kept(fields: Json) -> dict[str, Any]:
    """The known fields of a band under their names in STAC 1.1, without those of the wrong type."""
    return {_KEPT[name]: value for name, value in fields.items() if name in _KEPT and _is_valid(_KEPT[name], value)}


def _is_valid(name: str, value: object) -> bool:
    if name in _TEXTS:
        return isinstance(value, str) and value != ""
    if name in _NUMBERS:
        return _is_number(value)
    if name == "nodata":
        return _is_number(value) or value in ("nan", "inf", "-inf")
    return isinstance(value, list)


def _merged(parts: Iterable[Json]) -> dict[str, Any]:
    """All fields; where several parts have one, the first counts."""
    merged: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            merged.setdefault(name, value)
    return merged


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
