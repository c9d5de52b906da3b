"""The STAC 1.1 collection of imported items: dimensions, summaries and extents are worked out from the items."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from odc.geo.geobox import GeoBox

from openeo_plugin.cube.footprint import union_box
from openeo_plugin.sources.common_grid import band_lattices, common_grid, lattice_offset
from openeo_plugin.sources.layers import Layer, layers_of

DATACUBE = "https://stac-extensions.github.io/datacube/v2.2.0/schema.json"
MAX_TEMPORAL_VALUES = 1000
MAX_SUMMARY_VALUES = 50

_BAND_SUMMARY = ("name", "description", "data_type", "nodata", "unit", "raster:scale", "raster:offset",
                 "eo:common_name", "eo:center_wavelength", "eo:full_width_half_max")  # fmt: skip
_PROVIDER_TEXTS = ("name", "description", "url")
_LINKS_KEPT = ("license", "about", "cite-as", "describedby", "via")
# What the document says elsewhere, or what differs from item to item without telling anything of the whole.
_NOT_SUMMARISED = re.compile(
    r"(start_|end_)?datetime|created|updated|title|description|proj:.*|.*:(id|uri|product_id)|gsd"
)


def collection_document(
    collection_id: str, found: Mapping[str, Any], items: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A valid STAC collection without empty fields.

    Args:
        collection_id: the id it gets.
        found: the document as it was written; what people wrote there is kept, the rest is worked out.
        items: stored items, one at least.
    """
    layers = [layer for item in items for layer in layers_of(item).values()]
    bands = _bands(items)
    return {
        "type": "Collection",
        "stac_version": "1.1.0",
        "stac_extensions": [DATACUBE, *sorted({url for item in items for url in item["stac_extensions"]})],
        "id": collection_id,
        **_kept(collection_id, found),
        "extent": {
            "spatial": {"bbox": [_bbox(items)]},
            "temporal": {"interval": [_interval(items)]},
        },
        "cube:dimensions": _dimensions(layers, items, list(bands)),
        "summaries": _summaries(layers, items, list(bands.values())),
        "item_assets": _item_assets(items),
        "openeo:grids": len({id(layer.grid) for layer in layers}),
        "openeo:lattices": band_lattices(_layers_by_band(items)),
        "links": _links(found),
    }


def _layers_by_band(items: Sequence[Mapping[str, Any]]) -> dict[str, list[Layer]]:
    found: dict[str, list[Layer]] = {}
    for item in items:
        for name, layer in layers_of(item).items():
            found.setdefault(name, []).append(layer)
    return found


def _kept(collection_id: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Title, description, licence, keywords and providers, as plain values of the right type."""
    title = _text(found.get("title"))
    keywords = [word for word in _list(found.get("keywords")) if _text(word)]
    providers = [provider for provider in map(_provider, _list(found.get("providers"))) if provider]
    kept = {
        "title": title,
        "description": _text(found.get("description")) or title or f"Imported data of {collection_id}.",
        "license": _text(found.get("license")) or "other",
        "keywords": keywords,
        "providers": providers,
    }
    return {name: value for name, value in kept.items() if value}


def _provider(entry: object) -> dict[str, Any] | None:
    if not isinstance(entry, dict) or not _text(entry.get("name")):
        return None
    texts = {name: entry[name] for name in _PROVIDER_TEXTS if _text(entry.get(name))}
    roles = [role for role in _list(entry.get("roles")) if _text(role)]
    return texts | ({"roles": roles} if roles else {})


def _links(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """Links to what people read about the data; those into the catalogue itself are gone."""
    links = []
    for link in _list(found.get("links")):
        if not isinstance(link, dict) or link.get("rel") not in _LINKS_KEPT:
            continue
        if str(link.get("href")).startswith(("https://", "http://")):
            links.append({name: link[name] for name in ("rel", "href", "type", "title") if _text(link.get(name))})
    return links


def _bbox(items: Sequence[Mapping[str, Any]]) -> list[float]:
    """West, south, east, north of all items; all longitudes if one of them crosses the antimeridian."""
    return union_box([item["bbox"] for item in items])


def _interval(items: Iterable[Mapping[str, Any]]) -> list[str]:
    """First start and last end of all items."""
    starts, ends = [], []
    for properties in (item["properties"] for item in items):
        starts.append(properties.get("start_datetime", properties["datetime"]))
        ends.append(properties.get("end_datetime", properties["datetime"]))
    return [min(starts, key=datetime.fromisoformat), max(ends, key=datetime.fromisoformat)]


def _bands(items: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Band objects by name in the order in which items show them; each as it was seen first."""
    bands: dict[str, dict[str, Any]] = {}
    for item in items:
        for asset in item["assets"].values():
            for band in asset["bands"]:
                bands.setdefault(band["name"], {name: band[name] for name in _BAND_SUMMARY if name in band})
    return bands


def _dimensions(
    layers: Sequence[Layer], items: Iterable[Mapping[str, Any]], bands: Sequence[str]
) -> dict[str, dict[str, Any]]:
    grid = common_grid(layers)
    box = grid.boundingbox
    step_x, step_y = (abs(grid.affine.a), abs(grid.affine.e)) if _is_uniform(layers, grid) else (None, None)
    moments = sorted({item["properties"]["datetime"] for item in items}, key=datetime.fromisoformat)
    temporal: dict[str, Any] = {"type": "temporal", "extent": [moments[0], moments[-1]]}
    if len(moments) < MAX_TEMPORAL_VALUES:
        temporal["values"] = moments
    return {
        "x": _spatial("x", [box.left, box.right], step_x, grid),
        "y": _spatial("y", [box.bottom, box.top], step_y, grid),
        "t": temporal,
        "bands": {"type": "bands", "values": list(bands)},
    }


def _spatial(axis: str, extent: list[float], step: float | None, grid: GeoBox) -> dict[str, Any]:
    crs = grid.crs
    assert crs is not None
    dimension = {"type": "spatial", "axis": axis, "extent": extent, "reference_system": crs.epsg or crs.to_wkt()}
    return dimension if step is None else dimension | {"step": step}


def _is_uniform(layers: Sequence[Layer], grid: GeoBox) -> bool:
    """Whether all layers lie on the pixels of the common grid."""
    grids = {id(layer.grid): layer.grid for layer in layers}.values()
    return all(lattice_offset(other, grid) is not None for other in grids)


def _summaries(
    layers: Sequence[Layer], items: Sequence[Mapping[str, Any]], bands: list[dict[str, Any]]
) -> dict[str, Any]:
    codes = [str(layer.grid.crs) for layer in layers if layer.grid.crs and layer.grid.crs.epsg]
    fixed = {
        "bands": bands,
        "eo:bands": [_eo_band(band) for band in bands],
        "proj:code": list(dict.fromkeys(codes)),
        "gsd": _ground_distances(layers, items),
    }
    return {name: values for name, values in fixed.items() if values} | _property_summaries(items)


def _eo_band(band: Mapping[str, Any]) -> dict[str, Any]:
    """A band in the older spelling, which clients still read."""
    eo = {name.removeprefix("eo:"): value for name, value in band.items() if name.startswith("eo:")}
    return {"name": band["name"]} | ({"description": band["description"]} if "description" in band else {}) | eo


def _ground_distances(layers: Sequence[Layer], items: Iterable[Mapping[str, Any]]) -> list[float]:
    """In metres: as the items say, else the pixel sizes of projected grids, to three digits."""
    said = {item["properties"]["gsd"] for item in items if isinstance(item["properties"].get("gsd"), int | float)}
    if said:
        return sorted(said)
    grids = {id(layer.grid): layer.grid for layer in layers}.values()
    sizes = {float(f"{abs(grid.affine.a):.3g}") for grid in grids if grid.crs and grid.crs.projected}
    return sorted(sizes)


def _property_summaries(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The range of numbers and the distinct texts of every other property."""
    values: dict[str, list[Any]] = {}
    for item in items:
        for name, value in item["properties"].items():
            if isinstance(value, str | int | float) and not _NOT_SUMMARISED.fullmatch(name):
                values.setdefault(name, []).append(value)
    summaries = {name: _summary(found) for name, found in sorted(values.items())}
    return {name: summary for name, summary in summaries.items() if summary}


def _summary(values: Sequence[Any]) -> dict[str, Any] | list[Any] | None:
    distinct = list(dict.fromkeys(values))
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in distinct):
        return {"minimum": min(distinct), "maximum": max(distinct)}
    return distinct if len(distinct) <= MAX_SUMMARY_VALUES else None


def _item_assets(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Assets by key, as they were seen first, without what belongs to one file."""
    assets: dict[str, Any] = {}
    for item in items:
        for key, asset in item["assets"].items():
            if key not in assets:
                assets[key] = {name: asset[name] for name in ("title", "type", "roles", "bands") if name in asset}
    return assets


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
