"""From found items that lie outside to stored ones (see `layers`), in memory: headers are read side by side.

What STAC says of an asset is used to choose; what the file itself says is believed, as at import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from openeo_plugin.egress.client import Egress
from openeo_plugin.egress.policy import EgressError
from openeo_plugin.errors import OpenEOError
from openeo_plugin.sources.collection_document import collection_document
from openeo_plugin.sources.declared import declared_of
from openeo_plugin.sources.found import FoundCollection, FoundItem
from openeo_plugin.sources.geotiff import GeoTiff, UnreadableFileError, read_remote_header
from openeo_plugin.sources.remote_file import RemoteReference
from openeo_plugin.sources.stored_item import ItemReader, raster_assets

Json = dict[str, Any]
MAX_HEADERS = 3_000
PARALLEL = 16


class UnreadableAssetError(Exception):
    """A file that is wanted and can't be fetched. The text says which and why, in words for the user."""


def remote_items(
    found: FoundCollection, egress: Egress, bands: Sequence[str] | None, warnings: list[str]
) -> tuple[Json, list[Json]]:
    """(collection with `cube:dimensions`, stored items by time and id) of what was found; no items if none can be used.

    Args:
        bands: names or common names that are wanted: only files that may hold one are opened. None for all.
        warnings: told what was left out because it is no GeoTIFF that can be used.
    Raises: UnreadableAssetError, if a file that is wanted can't be fetched; ProcessGraphComplexity.
    """
    chosen = [replace(item, document=_chosen(item.document, found.document, bands)) for item in found.items]
    headers = _headers(chosen, egress)

    def header(href: object, item: FoundItem) -> GeoTiff:
        read = headers[str(href)]
        if isinstance(read, Exception):
            raise read
        return read

    reader = ItemReader(Path(), found.document, warnings, header)
    stored = [reader.stored(item, str(found.document["id"])) for item in chosen if item.document["assets"]]
    items = [item for item in stored if item is not None]
    items.sort(key=lambda item: (datetime.fromisoformat(item["properties"]["datetime"]), item["id"]))
    if not items:
        return {"id": found.document["id"]}, []
    document = collection_document(str(found.document["id"]), found.document, items)
    _follow_declared_order(document, found.document)
    return document, items


def _chosen(item: Json, collection: Json, bands: Sequence[str] | None) -> Json:
    """The item with those raster assets only that may hold a wanted band."""
    properties = item.get("properties") if isinstance(item.get("properties"), dict) else {}
    assets = raster_assets(item)
    if bands is None:
        return {**item, "assets": assets}
    names = {key: _names(key, asset, properties or {}, collection) for key, asset in assets.items()}
    wanted = set(bands)
    chosen = {key for key, (known, _) in names.items() if known & wanted}
    if wanted - {name for key in chosen for name in names[key][0]}:
        chosen |= {key for key, (_, told) in names.items() if not told}  # only their headers can tell
    return {**item, "assets": {key: asset for key, asset in assets.items() if key in chosen}}


def _names(
    key: str, asset: Mapping[str, Any], properties: Mapping[str, Any], collection: Mapping[str, Any]
) -> tuple[set[str], bool]:
    """(what the bands of an asset are called as far as STAC says, whether it says so)."""
    declared = declared_of(key, asset, properties, collection).bands
    names = {band[name] for band in declared for name in ("name", "eo:common_name") if name in band}
    return names | {key}, any("name" in band for band in declared)


def _headers(items: Sequence[FoundItem], egress: Egress) -> dict[str, GeoTiff | UnreadableFileError]:
    hrefs = list(dict.fromkeys(str(a["href"]) for item in items for a in item.document["assets"].values()))
    if len(hrefs) > MAX_HEADERS:
        reason = f"{len(hrefs)} files would have to be opened, {MAX_HEADERS} may be. Narrow the extents or the bands."
        raise OpenEOError("ProcessGraphComplexity", reason=reason)
    with ThreadPoolExecutor(PARALLEL) as pool:
        read = pool.map(lambda href: _header(href, egress), hrefs)
        return dict(zip(hrefs, read, strict=True))


def _header(href: str, egress: Egress) -> GeoTiff | UnreadableFileError:
    try:
        return read_remote_header(RemoteReference(egress.check(href), egress))
    except UnreadableFileError as error:
        return error
    except (EgressError, OSError) as error:
        raise UnreadableAssetError(f"the file {href[:200]} can't be read: {error}.") from error


def _follow_declared_order(document: Json, found: Json) -> None:
    """Bands in the order in which the collection names them, dimensions under the names that it gives."""
    declared = found.get("cube:dimensions")
    if not isinstance(declared, dict):
        return
    for name, own in list(document["cube:dimensions"].items()):
        said = _said(declared, own)
        if said is None:
            continue
        values = said[1].get("values")
        if own["type"] == "bands" and isinstance(values, list):
            rank = {value: place for place, value in enumerate(values) if isinstance(value, str)}
            own["values"].sort(key=lambda band: rank.get(band, len(rank)))
        document["cube:dimensions"][said[0]] = document["cube:dimensions"].pop(name)


def _said(declared: Json, own: Json) -> tuple[str, Json] | None:
    """The only declared dimension of the same kind."""
    same = [
        (name, d)
        for name, d in declared.items()
        if isinstance(d, dict) and d.get("type") == own["type"] and d.get("axis") == own.get("axis")
    ]
    return same[0] if len(same) == 1 else None
