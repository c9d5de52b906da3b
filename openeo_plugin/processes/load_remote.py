"""Processes that open data from outside, and results of this back-end by their address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from openeo_plugin.cube.extents import BoundingBox
from openeo_plugin.cube.instants import Instant, format_instant, interval, within
from openeo_plugin.egress.policy import EgressError
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.load import (
    PropertyFilters,
    TemporalExtent,
    _bands_dimension,
    _passes,
    band_names,
    extent_of,
    item_cube,
    within_zones,
)
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import BOUNDING_BOX, BandNames, RasterCube
from openeo_plugin.sources.item_cube import ItemCube
from openeo_plugin.sources.remote_items import UnreadableAssetError, remote_items
from openeo_plugin.sources.stac_remote import Wanted, find_remote

WebAddress = Annotated[str, Schema({"type": "string", "format": "uri", "subtype": "uri", "pattern": "^https?://"})]
SpatialExtent = Annotated[
    dict[str, Any] | None,
    Schema(
        [
            BOUNDING_BOX,
            {"type": "object", "subtype": "geojson"},
            {"type": "object", "subtype": "datacube", "dimensions": [{"type": "geometry"}]},
            {"type": "null"},
        ]
    ),
]
_OWN_COLLECTION = re.compile(
    r"/+(?:openeo/[^/]+|oapi)/+(?:jobs/([^/?#]+)/results|collections/([^/?#]+)(?:/items)?)/*(?:\?.*)?"
)


@process(level="L3", categories=["cubes", "import"], experimental=True)
def load_stac(
    url: WebAddress,
    spatial_extent: SpatialExtent = None,
    temporal_extent: TemporalExtent = None,
    bands: BandNames = None,
    properties: PropertyFilters = None,
    *,
    environment: Environment,
) -> RasterCube:
    """Load data described in STAC from another server, or a result of this one.

    The address may be that of an item, of a static collection or catalogue, of a collection of a STAC API, or of a
    search. GeoTIFFs are read, in parts, as they are needed; other files are left out. Where STAC and a file disagree,
    the file is believed. Scale and offset are not applied.

    Args:
        url: of the STAC document. Only addresses that the back-end may reach are fetched; a result of the user on
            this back-end is found by its address without a request.
        spatial_extent: only pixels whose centre lies in the box. Null loads everything.
        temporal_extent: start <= t < end, whatever a STAC API says of its own end. An item with a period counts by
            its start. Null loads everything.
        bands: names or common names, in the order wanted. Null loads all bands.
        properties: conditions on properties of the items; all must hold. They are checked here, not by the other
            server.
    Returns: a cube with time, bands, y and x, under the names that `cube:dimensions` of the collection gives.
    Raises: NoDataAvailable, TemporalExtentEmpty, PropertiesUnsupported.
    Source: openeo-processes 2.0.0-rc.2, load_stac.
    """
    box, zones = extent_of(spatial_extent, environment.node, "load_stac")
    start, end = interval(temporal_extent, "load_stac", "temporal_extent") if temporal_extent else (None, None)
    document, items = _found(url, box, start, end, bands, environment)
    items = [item for item in items if within(item["properties"]["datetime"], start, end)]
    items = [item for item in items if _passes(item, properties)]
    if not items:
        raise OpenEOError("NoDataAvailable")
    names = band_names(document, bands, "load_stac")
    cube = item_cube(environment.node, items, names, box, bands_name=_bands_dimension(document))
    cube = _renamed(cube, document)
    return cube if zones is None else within_zones(environment.node, cube, zones)


Found = tuple[dict[str, Any], list[dict[str, Any]]]


def _found(
    url: str,
    box: BoundingBox | None,
    start: Instant | None,
    end: Instant | None,
    bands: Sequence[str] | None,
    environment: Environment,
) -> Found:
    """(collection, stored items) behind an address, here or outside."""
    wanted = Wanted(
        box.bounds_in("EPSG:4326") if box else None,
        None if start is None else format_instant(start),
        None if end is None else format_instant(end),
    )
    own = own_collection(url, environment.public_base)
    if own is not None:
        return environment.collection(own), environment.items(own, wanted.bbox, wanted.start, wanted.end)
    warnings: list[str] = []
    try:
        found = find_remote(url, environment.outside, wanted)
        document, items = remote_items(found, environment.outside.egress, bands, warnings)
    except (EgressError, UnreadableAssetError) as error:
        raise refused_address("load_stac", error) from error
    if found.items and not items and warnings and bands is None:
        reason = f"nothing of it can be used. {' '.join(warnings[:3])}"
        raise OpenEOError("ProcessParameterInvalid", process="load_stac", parameter="url", reason=reason)
    return document, items


def own_collection(url: str, public_base: str) -> str | None:
    """The id of the collection or finished job on this back-end that an address means; None for other addresses."""
    if not public_base or not url.lower().startswith(f"{public_base.lower()}/"):
        return None
    match = _OWN_COLLECTION.fullmatch(url[len(public_base) :])
    return (match[1] or match[2]) if match else None


def refused_address(process_id: str, error: Exception) -> OpenEOError:
    """ProcessParameterInvalid of `url`, with the reason why it is not fetched."""
    text = str(error).rstrip(".")
    return OpenEOError("ProcessParameterInvalid", process=process_id, parameter="url", reason=f"{text}.")


def _renamed(cube: ItemCube, document: dict[str, Any]) -> ItemCube:
    """The cube with the names of dimensions that the collection gives."""
    named = {d.get("axis") or d.get("type"): name for name, d in document.get("cube:dimensions", {}).items()}
    dimensions = tuple(
        replace(d, name=named.get(getattr(d, "axis", d.type), d.name)) for d in cube.description.dimensions
    )
    return replace(cube, description=replace(cube.description, dimensions=dimensions))
