"""The items of a collection as GeoJSON features at `/collections/{id}/items`.

catalogue (CollectionStore.items) -> features. What tells of the server's insides (paths of files, the engine's own
fields) stays here. Whether the user may see the collection was decided where the provider was found: see `resources`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from pygeoapi.crs import crs_transform
from pygeoapi.provider.base import BaseProvider, ProviderItemNotFoundError
from pygeoapi.util import get_typed_value

from openeo_plugin.errors import OpenEOError
from openeo_plugin.ogcapi.failures import invalid
from openeo_plugin.ogcapi.instants import Interval, interval_of, rfc3339
from openeo_plugin.ogcapi.resources import GEOTIFF, OGC_RELATION
from openeo_plugin.ogcapi.scope import current_scope

Feature = dict[str, Any]
Field = dict[str, str]

_KNOWN_FIELDS: dict[str, Field] = {
    "datetime": {"type": "string", "format": "date-time"},
    "start_datetime": {"type": "string", "format": "date-time"},
    "end_datetime": {"type": "string", "format": "date-time"},
}
_JSON_TYPES: tuple[tuple[type, str], ...] = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"))


class ItemsProvider(BaseProvider):
    """Features of one collection. Reads nothing before it is asked."""

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self._store = current_scope().backend.collections
        del self._fields

    def get_fields(self) -> dict[str, Field]:
        """Properties that a filter may name: those of the first item whose values are numbers, texts or booleans."""
        self._fields = {name: dict(field) for name, field in _KNOWN_FIELDS.items()}
        for item in self._store.items(self.data, limit=1):
            for name, value in _public_properties(item).items():
                kind = next((word for python, word in _JSON_TYPES if isinstance(value, python)), None)
                if kind is not None and name not in self._fields:
                    self._fields[name] = {"type": kind}
        return self._fields

    @crs_transform
    def query(
        self,
        offset: int = 0,
        limit: int = 10,
        resulttype: str = "results",
        bbox: Sequence[float] = (),
        datetime_: str | None = None,
        properties: Sequence[tuple[str, str]] = (),
        sortby: Sequence[dict[str, str]] = (),
        select_properties: Sequence[str] = (),
        skip_geometry: bool = False,
        q: str | None = None,
        filterq: object | None = None,
        **_: object,
    ) -> Feature:
        """A page of features, sorted by time and id unless asked otherwise.

        Args:
            bbox: west, south, east, north in degrees; touching is enough.
            datetime_: RFC 3339 instant or interval; both its ends belong to it.
            properties: (name, value) pairs that must all be equal.
        Raises: RequestFailedError.
        """
        if filterq is not None or q is not None:
            raise invalid("The parameters `filter` and `q` are not available. Use bbox, datetime and properties.")
        within: dict[str, Any] = {"bbox": _horizontal(bbox), **_bounds(datetime_)}
        if properties or sortby:
            chosen = self._filtered(within, properties, sortby)
            matched, page = len(chosen), chosen[offset : offset + limit]
        else:
            matched, page = self._store.count_items(self.data, **within), None
        if resulttype == "hits":
            return _feature_collection([], matched)
        if page is None:
            page = self._store.items(self.data, limit=limit, offset=offset, **within)
        return _feature_collection(
            [_narrowed(self._feature(item), select_properties, skip_geometry) for item in page], matched
        )

    @crs_transform
    def get(self, identifier: str, **_: object) -> Feature:
        """One feature.

        Raises: ProviderItemNotFoundError.
        """
        try:
            item = self._store.item(self.data, identifier)
        except OpenEOError as error:
            raise ProviderItemNotFoundError(f"no item {identifier}") from error
        if item is None:
            raise ProviderItemNotFoundError(f"no item {identifier}")
        return self._feature(item)

    def _filtered(
        self, within: dict[str, Any], properties: Sequence[tuple[str, str]], sortby: Sequence[dict[str, str]]
    ) -> list[Feature]:
        items = [item for item in self._store.items(self.data, **within) if _has(item, properties)]
        for key in reversed(sortby):
            items.sort(key=lambda item: _sort_key(item, key["property"]), reverse=key["order"] == "-")
        return items

    def _feature(self, item: Feature) -> Feature:
        feature = feature_of(item)
        moment = feature["properties"].get("datetime")
        if moment is not None:
            base = f"{current_scope().base_url}/collections/{quote(self.data)}/coverage"
            feature["links"] = [
                {
                    "rel": f"{OGC_RELATION}/coverage",
                    "type": GEOTIFF["mimetype"],
                    "title": "Coverage of this date as GeoTIFF",
                    "href": f"{base}?f=GTiff&datetime={quote(moment)}",
                }
            ]
        return feature


def feature_of(item: Feature) -> Feature:
    """A stored STAC item as a feature: id, footprint and properties, without assets and links."""
    feature: Feature = {
        "type": "Feature",
        "id": item["id"],
        "geometry": item.get("geometry"),
        "properties": _public_properties(item),
    }
    if item.get("bbox"):
        feature["bbox"] = list(item["bbox"])
    return feature


def _public_properties(item: Feature) -> Feature:
    return {
        name: value
        for name, value in (item.get("properties") or {}).items()
        if value is not None and not name.startswith("openeo:")
    }


def _horizontal(bbox: Sequence[float]) -> tuple[float, float, float, float] | None:
    if not bbox:
        return None
    west, south, *rest = bbox if len(bbox) == 4 else (bbox[0], bbox[1], bbox[3], bbox[4])
    return west, south, rest[0], rest[1]


def _bounds(datetime_: str | None) -> dict[str, str | None]:
    interval = Interval() if datetime_ is None else _parsed(datetime_)
    return {
        "start": None if interval.start is None else rfc3339(interval.start),
        "end": None if interval.end is None else rfc3339(interval.end),
    }


def _parsed(datetime_: str) -> Interval:
    try:
        return interval_of(datetime_)
    except ValueError as error:
        raise invalid(f"The parameter `datetime` is no RFC 3339 instant or interval: {error}") from error


def _has(item: Feature, wanted: Iterable[tuple[str, str]]) -> bool:
    properties = _public_properties(item)
    return all(
        name in properties and (str(properties[name]) == text or properties[name] == get_typed_value(text))
        for name, text in wanted
    )


def _sort_key(item: Feature, name: str) -> tuple[bool, str, Any]:
    """Items without the property come first; values of different types don't meet."""
    value = _public_properties(item).get(name)
    if isinstance(value, int | float):
        return True, "number", float(value)
    return value is not None, "text", "" if value is None else str(value)


def _narrowed(feature: Feature, select_properties: Sequence[str], skip_geometry: bool) -> Feature:
    if select_properties:
        feature["properties"] = {n: v for n, v in feature["properties"].items() if n in select_properties}
    if skip_geometry:
        feature["geometry"] = None
    return feature


def _feature_collection(features: list[Feature], matched: int) -> Feature:
    return {
        "type": "FeatureCollection",
        "features": features,
        "numberMatched": matched,
        "numberReturned": len(features),
    }
