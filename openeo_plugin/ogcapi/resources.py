"""The catalogue as pygeoapi's `config["resources"]`: always as it is now, and only what the asking user may see.

catalogue (CollectionStore) -> resources -> pygeoapi's own functions and the providers of this package.

pygeoapi walks through the whole mapping several times in a request, so a request works on one snapshot, and snapshots
are kept per user until the catalogue changes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, MutableMapping
from datetime import UTC, date, datetime
from typing import Any

from openeo_plugin.ogcapi.instants import instant_of
from openeo_plugin.ogcapi.scope import Scope, current_scope

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
ITEM_CRS = (CRS84, "http://www.opengis.net/def/crs/EPSG/0/4326", "http://www.opengis.net/def/crs/EPSG/0/3857")
OGC_RELATION = "http://www.opengis.net/def/rel/ogc/1.0"
GEOTIFF = {"name": "GTiff", "mimetype": "image/tiff; application=geotiff"}
PNG = {"name": "png", "mimetype": "image/png"}
PROCESS_ID = "OpenEO"
RECORDS_ID = "catalogue"

_KEPT_RELATIONS = frozenset({"license", "about", "cite-as", "describedby", "via", "derived_from"})
_KEPT_USERS = 64

Resource = dict[str, Any]

PROCESS_RESOURCE: Resource = {
    "type": "process",
    "processor": {"name": "openeo_plugin.ogcapi.openeo_process.OpenEOProcess"},
}
RECORDS_RESOURCE: Resource = {
    "type": "collection",
    "title": "Catalogue",
    "description": "Records of all collections and results of jobs that you may see.",
    "keywords": ["catalogue", "records"],
    "links": [],
    "extents": {"spatial": {"bbox": [[-180.0, -90.0, 180.0, 90.0]], "crs": CRS84}},
    "providers": [
        {
            "type": "record",
            "name": "openeo_plugin.ogcapi.records_provider.RecordsProvider",
            "data": RECORDS_ID,
            "id_field": "id",
            "time_field": "start_datetime",
            "title_field": "title",
        }
    ],
}


class LiveResources(MutableMapping[str, Resource]):
    """Resources by id: what the user of the request may see, the records of that, and the process `OpenEO`.

    Safe in threads. Belongs to whichever back-end the request is for, so it may be shared between applications.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, str | None], tuple[object, dict[str, Resource]]] = OrderedDict()
        self._lock = threading.Lock()

    def _snapshot(self) -> dict[str, Resource]:
        scope = current_scope()
        if scope.snapshot is None:
            scope.snapshot = self._read(scope)
        return scope.snapshot

    def _read(self, scope: Scope) -> dict[str, Resource]:
        key = (id(scope.backend), scope.user)
        revision = scope.backend.collections.revision()
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and kept[0] == revision:
            return kept[1]
        resources = _resources_of(scope)
        with self._lock:
            self._kept[key] = (revision, resources)
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT_USERS:
                self._kept.popitem(last=False)
        return resources

    def __getitem__(self, key: str) -> Resource:
        return self._snapshot()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._snapshot())

    def __len__(self) -> int:
        return len(self._snapshot())

    def __setitem__(self, key: str, value: Resource) -> None:
        raise TypeError("The catalogue can't be changed through pygeoapi's configuration.")

    def __delitem__(self, key: str) -> None:
        raise TypeError("The catalogue can't be changed through pygeoapi's configuration.")

    def __deepcopy__(self, memo: dict[int, object]) -> LiveResources:
        """Itself: pygeoapi copies its configuration, and a copy of the catalogue would grow old."""
        return self


def _resources_of(scope: Scope) -> dict[str, Resource]:
    """Everything that the user of a request may see; no collection can hide the process or the records."""
    resources: dict[str, Resource] = {}
    for kind in ("source", "result"):
        for document in scope.backend.collections.list(scope.user, kind=kind):
            resources[document["id"]] = resource_of(document, kind, scope.base_url)
    return {**resources, PROCESS_ID: PROCESS_RESOURCE, RECORDS_ID: RECORDS_RESOURCE}


def resource_of(document: dict[str, Any], kind: str, base_url: str) -> Resource:
    """A STAC collection as a resource of pygeoapi.

    Args:
        document: the STAC collection, as stored.
        kind: "source" or "result".
        base_url: address of the OGC API, without a slash at its end.
    """
    identifier = document["id"]
    providers = [_items_provider(identifier)]
    if has_coverage(document):
        providers.insert(0 if has_regular_grid(document) else 1, _coverage_provider(document, kind))
        providers += [_picture_provider(identifier, "map"), _picture_provider(identifier, "tile")]
    title = document.get("title") or identifier
    return {
        "type": "collection",
        "title": title,
        "description": document.get("description") or title,
        "keywords": list(document.get("keywords") or []),
        "links": _own_links(identifier, providers, base_url) + _declared_links(document),
        "extents": _extents(document),
        "providers": providers,
    }


def has_coverage(document: dict[str, Any]) -> bool:
    """Whether a collection has an axis x and one y, and files that the engine reads.

    `openeo:grids` counts the grids of such files; a result that is a PNG, netCDF or JSON file has none.
    """
    return bool(document.get("openeo:grids")) and {"x", "y"} <= {axis.get("axis") for axis in _spatial(document)}


def has_regular_grid(document: dict[str, Any]) -> bool:
    """Whether the catalogue knows the resolution: pygeoapi tells it of what has a coverage in the first place."""
    return all(axis.get("step") for axis in _spatial(document))


def _spatial(document: dict[str, Any]) -> list[dict[str, Any]]:
    dimensions = document.get("cube:dimensions") or {}
    return [axis for axis in dimensions.values() if axis.get("type") == "spatial"]


def _coverage_provider(document: dict[str, Any], kind: str) -> Resource:
    return {
        "type": "coverage",
        "name": "openeo_plugin.ogcapi.coverage_provider.CoverageProvider",
        "data": document["id"],
        "format": GEOTIFF,
        "kind": kind,
        "document": document,
    }


def _picture_provider(identifier: str, kind: str) -> Resource:
    """Of maps or tiles."""
    return {
        "type": kind,
        "name": f"openeo_plugin.ogcapi.{kind}_provider.{kind.capitalize()}Provider",
        "data": identifier,
        "format": PNG,
        "options": {"zoom": {"min": 0, "max": 22}},
        "storage_crs": CRS84,
    }


def _items_provider(identifier: str) -> Resource:
    return {
        "type": "feature",
        "name": "openeo_plugin.ogcapi.items_provider.ItemsProvider",
        "data": identifier,
        "id_field": "id",
        "time_field": "datetime",
        "storage_crs": CRS84,
        "crs": list(ITEM_CRS),
    }


def _own_links(identifier: str, providers: list[Resource], base_url: str) -> list[Resource]:
    """What pygeoapi leaves out: it links the face of the first provider only."""
    base = f"{base_url}/collections/{identifier}"
    links = []
    for provider in providers[1:]:
        if provider["type"] == "feature":
            links.append(_link("items", "application/geo+json", "Items as GeoJSON", f"{base}/items?f=json"))
            links.append(_link("items", "text/html", "Items as HTML", f"{base}/items?f=html"))
        elif provider["type"] == "map":
            links.append(_link(f"{OGC_RELATION}/map", PNG["mimetype"], "Map as PNG", f"{base}/map?f=png"))
        elif provider["type"] == "tile":
            relation = f"{OGC_RELATION}/tilesets-map"
            links.append(_link(relation, "application/json", "Map tiles", f"{base}/tiles?f=json"))
        else:
            relation = f"{OGC_RELATION}/coverage"
            links.append(_link(relation, GEOTIFF["mimetype"], "Coverage as GeoTIFF", f"{base}/coverage?f=GTiff"))
    return links


def _link(relation: str, media_type: str, title: str, href: str) -> Resource:
    return {"rel": relation, "type": media_type, "title": title, "href": href}


def _declared_links(document: dict[str, Any]) -> list[Resource]:
    """Links of the collection that lead outside. Never `enclosure`: pygeoapi would fetch those."""
    return [
        _link(link["rel"], link.get("type") or "text/html", link.get("title") or link["rel"], link["href"])
        for link in document.get("links") or []
        if link.get("rel") in _KEPT_RELATIONS and str(link.get("href", "")).startswith(("http://", "https://"))
    ]


def _extents(document: dict[str, Any]) -> Resource:
    extent = document.get("extent") or {}
    boxes = (extent.get("spatial") or {}).get("bbox") or [[-180.0, -90.0, 180.0, 90.0]]
    extents: Resource = {"spatial": {"bbox": [list(box) for box in boxes], "crs": CRS84}}
    interval = ((extent.get("temporal") or {}).get("interval") or [[None, None]])[0]
    begin, end = (_bound(value) for value in interval)
    if begin is not None or end is not None:
        extents["temporal"] = {"begin": begin, "end": end}
    return extents


class _Bound(datetime):
    """An end of a temporal extent that nothing lies beyond.

    pygeoapi answers 400 to every `datetime` beyond the extent, days and months that reach into it included. It is for
    the providers to say what there is at a time; where there is nothing, that is no error.
    """

    def __lt__(self, other: date) -> bool:
        return False

    def __gt__(self, other: date) -> bool:
        return False


def _bound(value: str | None) -> _Bound | None:
    return None if value is None else _Bound.fromtimestamp(instant_of(value).timestamp(), UTC)
