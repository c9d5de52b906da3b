"""From a found STAC item to a stored one (see `layers`): every file is opened once, what can't be read is left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry
from pyproj.exceptions import ProjError
from rasterio.errors import CRSError

from openeo_plugin.cube.footprint import Footprint, footprint_of
from openeo_plugin.sources.common_grid import bounds_in
from openeo_plugin.sources.declared import Declared, declared_of
from openeo_plugin.sources.found import FoundItem
from openeo_plugin.sources.geotiff import FileBand, GeoTiff, UnreadableFileError, crs_text, read_header
from openeo_plugin.sources.instants import item_times
from openeo_plugin.sources.layers import grid_of
from openeo_plugin.sources.local_path import RefusedHrefError, local_file
from openeo_plugin.sources.remote_file import RemoteReference

EXTENSIONS = {
    "proj:": "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "raster:": "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "eo:": "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "classification:": "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
}
LONGITUDE_LATITUDE = "EPSG:4326"
GEOTIFF_TYPE = "image/tiff; application=geotiff"
_MAX_COORDINATE = 1e12  # the earth in micrometres would be too much
_MIN_PIXEL_AREA = 1e-24
_PICTURE_ROLES = {"thumbnail", "overview", "visual", "metadata"}
_PROJECTION_PREFIX = "proj:"


@dataclass
class ItemReader:
    """Turns found items of one collection into stored ones and gathers what went wrong.

    Args:
        root: the imported folder; no file outside is opened.
        collection: document of the collection as found: its item_assets and summaries may tell more of the bands.
        header: how the header behind an asset's href is read, where that is not a file of the folder.
    """

    root: Path
    collection: Mapping[str, Any]
    warnings: list[str] = field(default_factory=list)
    header: Callable[[object, FoundItem], GeoTiff] | None = None

    def stored(self, found: FoundItem, collection_id: str) -> dict[str, Any] | None:
        """The stored item; None, with a warning, if it has no time or no readable file."""
        document = found.document
        properties = document.get("properties") if isinstance(document.get("properties"), dict) else {}
        times = item_times(properties or {})
        if times is None:
            self._warn(found.origin, "the item is left out: it tells no valid date")
            return None
        assets = self._assets(found, properties or {})
        if not assets:
            self._warn(found.origin, f"the item is left out: {_why_no_file(document)}")
            return None
        footprint = _footprint(_distinct_grids(assets.values()))
        if footprint is None:
            self._warn(found.origin, "the item is left out: its place has no longitude and latitude")
            return None
        return {
            "type": "Feature",
            "stac_version": "1.1.0",
            "stac_extensions": _extensions(assets),
            "id": str(document.get("id") or Path(found.origin).stem),
            "collection": collection_id,
            "geometry": footprint.geometry,
            "bbox": list(footprint.bbox),
            "properties": _kept_properties(properties or {}) | times,
            # relative to .../collections/{id}/items/{item}, wherever the item is served
            "links": [{"rel": "collection", "href": f"../../{collection_id}", "type": "application/json"}],
            "assets": assets,
        }

    def _assets(self, found: FoundItem, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Stored assets by key; no two bands of them have one name."""
        assets: dict[str, Any] = {}
        names: set[str] = set()
        candidates = raster_assets(found.document)
        for key, asset in candidates.items():
            declared = declared_of(key, asset, properties, self.collection)
            try:
                header = self._header(asset.get("href"), found)
                stored = _stored_asset(key, header, declared, alone=len(candidates) == 1)
                _make_distinct(key, stored["bands"], names)
            except (RefusedHrefError, UnreadableFileError) as error:
                self._warn(found.origin, f"asset '{key}' ({asset.get('href')}) is left out: {error}")
                continue
            self.warnings.extend(f"{found.origin}: asset '{key}': {text}" for text in _contradictions(declared, stored))
            assets[key] = {name: asset[name] for name in ("title", "description") if asset.get(name)} | stored
            names.update(band["name"] for band in stored["bands"])
        return assets

    def _header(self, href: object, found: FoundItem) -> GeoTiff:
        if self.header is not None:
            return self.header(href, found)
        return read_header(local_file(href, found.base, self.root))

    def _warn(self, origin: str, text: str) -> None:
        self.warnings.append(f"{origin}: {text}")


def raster_assets(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Assets that are GeoTIFFs by media type or name, pictures made for people left out."""
    assets = document.get("assets")
    if not isinstance(assets, dict):
        return {}
    return {key: asset for key, asset in assets.items() if isinstance(asset, dict) and _is_raster(asset)}


def _why_no_file(document: Mapping[str, Any]) -> str:
    assets = document.get("assets")
    if not isinstance(assets, dict) or not assets or raster_assets(document):
        return "none of its files can be read"
    kinds = [f"'{key}' ({a.get('type') or a.get('href')})" for key, a in assets.items() if isinstance(a, dict)]
    return f"none of its files is a GeoTIFF with data: {', '.join(kinds[:4])}{' ...' if len(kinds) > 4 else ''}"


def _is_raster(asset: Mapping[str, Any]) -> bool:
    roles = asset.get("roles")
    roles = set(map(str, roles)) if isinstance(roles, list) else set()
    if roles & _PICTURE_ROLES and "data" not in roles:
        return False
    media_type = asset.get("type")
    if isinstance(media_type, str) and media_type:
        return media_type.lower().startswith(("image/tiff", "image/vnd.stac.geotiff"))
    return str(asset.get("href", "")).partition("?")[0].lower().endswith((".tif", ".tiff"))


def _stored_asset(key: str, file: GeoTiff, declared: Declared, *, alone: bool) -> dict[str, Any]:
    """Raises: UnreadableFileError, if neither file nor STAC say where the pixels lie."""
    crs, transform = file.crs or _declared_crs(declared), file.transform or declared.transform
    if crs is None or transform is None:
        raise UnreadableFileError("neither the file nor the catalogue says where on Earth it lies")
    if not _is_place(transform, file.shape):
        raise UnreadableFileError(f"the transform {list(transform)} is no place on Earth")
    asset: dict[str, Any] = {
        "href": file.path if isinstance(file.path, RemoteReference) else str(file.path),
        "type": GEOTIFF_TYPE,
        "roles": ["data"],
        "proj:code" if crs.startswith("EPSG:") or len(crs) < 40 else "proj:wkt2": crs,
        "proj:shape": list(file.shape),
        "proj:transform": list(transform),
        "bands": _bands(key, file, declared, alone=alone),
        "openeo:block": list(file.block),
    }
    if file.overviews:
        asset["openeo:overviews"] = list(file.overviews)
    return asset


def _is_place(transform: Sequence[float], shape: tuple[int, int]) -> bool:
    """Whether pixels have a size and their corners lie where reference systems reach, whatever their unit."""
    a, b, c, d, e, f = transform
    rows, columns = shape
    corners = [(a * x + b * y + c, d * x + e * y + f) for x in (0, columns) for y in (0, rows)]
    area = abs(a * e - b * d)
    return area > _MIN_PIXEL_AREA and all(abs(number) < _MAX_COORDINATE for corner in corners for number in corner)


def _declared_crs(declared: Declared) -> str | None:
    try:
        return crs_text(declared.crs) if declared.crs else None
    except CRSError:
        return None


def _bands(key: str, file: GeoTiff, declared: Declared, *, alone: bool) -> list[dict[str, Any]]:
    """Band objects: STAC's word before the file's; the type is the file's."""
    described = [band.description for band in file.bands]
    use_descriptions = len(file.bands) > 1 and None not in described and len(set(described)) == len(described)
    bands = []
    for position, band in enumerate(file.bands[: len(declared.bands) or None]):
        name = key if len(file.bands) == 1 else f"B{position + 1}" if alone else f"{key}_{position + 1}"
        own = _own_fields(band) | {"name": described[position] if use_descriptions else name}
        fields = declared.bands[position] if declared.bands else {}
        merged = own | fields | {"data_type": band.dtype}
        bands.append({"name": merged.pop("name")} | merged | _json_nodata(merged.get("nodata")))
    return bands


def _own_fields(band: FileBand) -> dict[str, Any]:
    fields = {
        "nodata": int(band.nodata) if band.nodata is not None and _is_whole(band.nodata) else band.nodata,
        "unit": band.unit,
        "description": band.description,
        "raster:scale": band.scale,
        "raster:offset": band.offset,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _is_whole(number: float) -> bool:
    return math.isfinite(number) and number == int(number)


def _json_nodata(nodata: object) -> dict[str, Any]:
    """STAC's spelling of numbers that JSON does not have."""
    if not isinstance(nodata, float) or math.isfinite(nodata):
        return {}
    return {"nodata": "nan" if math.isnan(nodata) else "inf" if nodata > 0 else "-inf"}


def _make_distinct(key: str, bands: list[dict[str, Any]], taken: set[str]) -> None:
    """Name a single band after its asset if its name is taken.

    Raises: UnreadableFileError, if that does not help.
    """
    names = [band["name"] for band in bands]
    if len(bands) == 1 and names[0] in taken:
        bands[0]["name"] = key
        names = [key]
    if len(set(names)) < len(names) or taken.intersection(names):
        raise UnreadableFileError(f"its band names ({', '.join(names)}) are there already")


def _contradictions(declared: Declared, stored: Mapping[str, Any]) -> Iterable[str]:
    """Where the file says otherwise than STAC; the file is believed."""
    shape, transform = tuple(stored["proj:shape"]), stored["proj:transform"]
    crs = _declared_crs(declared)
    if declared.shape and declared.shape != shape:
        yield f"proj:shape is {list(declared.shape)}, but the file has {list(shape)} rows and columns"
    if crs and crs.startswith("EPSG:") and crs != stored.get("proj:code"):
        yield f"the CRS is said to be {crs}, but the file is in {stored.get('proj:code', 'another one')}"
    pixel = abs(transform[0]) + abs(transform[1])
    if declared.transform and any(
        abs(said - real) > pixel / 100 for said, real in zip(declared.transform, transform, strict=True)
    ):
        yield f"proj:transform is {list(declared.transform)}, but the file has {transform}"
    if len(declared.bands) > len(stored["bands"]):
        yield f"{len(declared.bands)} bands are described, but the file has {len(stored['bands'])}"


def _distinct_grids(assets: Iterable[Mapping[str, Any]]) -> list[GeoBox]:
    return list({id(grid): grid for grid in map(grid_of, assets)}.values())


def _footprint(grids: Sequence[GeoBox]) -> Footprint | None:
    """The union of the grids' footprints in longitude and latitude; None if they have none.

    Its edges are followed closely only where it is cut at the antimeridian: a few points are enough elsewhere.
    """
    try:
        footprints = [grid.footprint(LONGITUDE_LATITUDE, npoints=8) for grid in grids]
    except (ProjError, ValueError):
        return None
    footprint = footprints[0]
    for other in footprints[1:]:
        footprint = footprint | other
    if not all(map(math.isfinite, footprint.boundingbox)):
        return None
    west, south, east, north = _bbox(footprint, grids)
    if east - west > 180 or west < -180 or east > 180 or south < -90 or north > 90:
        return footprint_of(grids)
    return Footprint(footprint.json, (west, south, east, north))


def _bbox(footprint: Geometry, grids: Sequence[GeoBox]) -> tuple[float, float, float, float]:
    """West, south, east, north: edges bend between the few points of a footprint, so they are looked at closely."""
    boxes = [footprint.boundingbox.bbox, *(bounds_in(grid, CRS(LONGITUDE_LATITUDE)) for grid in grids)]
    wests, souths, easts, norths = zip(*boxes, strict=True)
    return min(wests), min(souths), max(easts), max(norths)


def _kept_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """All but null, and what stands at the assets now."""
    moved = ("proj:", "raster:", "bands", "eo:bands", "datetime", "start_datetime", "end_datetime")
    return {name: value for name, value in properties.items() if value is not None and not name.startswith(moved)}


def _extensions(assets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    used = {name for asset in assets.values() for band in asset["bands"] for name in band} | {_PROJECTION_PREFIX}
    return [url for prefix, url in EXTENSIONS.items() if any(name.startswith(prefix) for name in used)]
