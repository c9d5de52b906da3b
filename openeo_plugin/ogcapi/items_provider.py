"""The items of a collection as GeoJSON features at `/collections/{id}/items`.

catalogue (CollectionStore.items) -> features. What tells of the server's insides (paths of files, the engine's own
fields) stays here. Whether the user may see the collection was decided where the provider was found: see `resources`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pygeoapi.crs import crs_transform
from pygeoapi.provider.base import BaseProvider, ProviderItemNotFoundError

from db.queryables import PRIVATE
from openeo_plugin.errors import OpenEOError
from openeo_plugin.ogcapi.features import (
    Feature,
    Field,
    condition_of,
    feature_collection,
    fields_of,
    narrowed,
    sort_keys,
    within,
)
from openeo_plugin.ogcapi.resources import GEOTIFF, OGC_RELATION
from openeo_plugin.ogcapi.scope import current_scope


class ItemsProvider(BaseProvider):
    """Features of one collection. Reads nothing before it is asked."""

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self._store = current_scope().backend.collections
        del self._fields

    def _queryables(self) -> dict[str, Any]:
        return self._store.queryables(self.data, current_scope().user)

    def get_fields(self) -> dict[str, Field]:
        """Properties that items have, with their types."""
        self._fields = fields_of(self._queryables())
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
        **_: object,
    ) -> Feature:
        """A page of features, sorted by time and id unless asked otherwise. `filter` is read from the request.

        Args:
            bbox: west, south, east, north in degrees; touching is enough.
            datetime_: RFC 3339 instant or interval; both its ends belong to it.
            properties: (name, value) pairs that must all be equal.
            q: terms of which one must occur in a text.
        Raises: RequestFailedError.
        """
        known = self._queryables()
        texts = [name for name, schema in known.items() if schema.get("type") in ("string", "array", None)]
        asked = {**within(bbox, datetime_), "condition": condition_of(known, properties, q, texts)}
        matched = self._store.count_items(self.data, **asked)
        if resulttype == "hits":
            return feature_collection([], matched)
        page = self._store.items(self.data, **asked, sort=sort_keys(sortby), limit=limit, offset=offset)
        features = [narrowed(self._feature(item), select_properties, skip_geometry) for item in page]
        return feature_collection(features, matched)

    @crs_transform
    def get(self, identifier: str, **_: object) -> Feature:
        """One feature.

        Raises: ProviderItemNotFoundError.
        """
        try:
            item = self._store.item(self.data, identifier)
        except OpenEOError as error:
            raise ProviderItemNotFoundError(f"no item {identifier}") from error
        return self._feature(item)

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
        if value is not None and not name.startswith(PRIVATE)
    }
