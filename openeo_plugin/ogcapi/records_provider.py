"""OGC API Records: every collection and result that the user may see, as a record at `/collections/catalogue/items`.

catalogue (RecordStore) -> records. They are in the tables before an answer tells that a job has finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pygeoapi.provider.base import BaseProvider, ProviderItemNotFoundError

from db.record_store import RecordStore
from db.records import RECORD_QUERYABLES
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
from openeo_plugin.ogcapi.scope import current_scope

RECORD_CLASS = "http://www.opengis.net/spec/ogcapi-records-1/1.0/req/record-core"
SEARCHED = ("title", "description", "keywords")


class RecordsProvider(BaseProvider):
    """Records of the user who asks."""

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self._store = RecordStore(current_scope().backend.database)
        del self._fields

    def get_fields(self) -> dict[str, Field]:
        """Properties that records have, with their types."""
        self._fields = fields_of(RECORD_QUERYABLES)
        return self._fields

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
        """A page of records, sorted by the begin of their time and by id unless asked otherwise.

        `filter`, `ids` and `externalIds` are read from the request; see also `ItemsProvider.query`.
        Raises: RequestFailedError.
        """
        found, matched = self._store.find(
            current_scope().user,
            ids=_ids(),
            **within(bbox, datetime_),
            condition=condition_of(RECORD_QUERYABLES, properties, q, SEARCHED),
            sort=sort_keys(sortby),
            limit=0 if resulttype == "hits" else limit,
            offset=offset,
        )
        return feature_collection([narrowed(_shown(one), select_properties, skip_geometry) for one in found], matched)

    def get(self, identifier: str, **_: object) -> Feature:
        """One record.

        Raises: ProviderItemNotFoundError.
        """
        record = self._store.get(identifier, current_scope().user)
        if record is None:
            raise ProviderItemNotFoundError(f"no record {identifier}")
        return _shown(record)


def _ids() -> list[str] | None:
    """What `ids` asks for. No record has an identifier of somebody else's, as `externalIds` would want."""
    parameters = current_scope().parameters
    if parameters.get("externalIds"):
        return []
    return parameters["ids"].split(",") if parameters.get("ids") else None


def _shown(record: Feature) -> Feature:
    """A record with its links."""
    scope = current_scope()
    path = f"/collections/{quote(record['id'])}"
    address, openeo = f"{scope.base_url}{path}", f"{scope.backend.settings.public_base}/openeo/v1{path}"
    links = [
        _link("describedby", "application/json", "The collection", f"{address}?f=json"),
        _link("items", "application/geo+json", "Items of the collection", f"{address}/items?f=json"),
        _link("describes", "application/json", "STAC collection", openeo),
    ]
    return {**record, "conformsTo": [RECORD_CLASS], "links": links}


def _link(relation: str, media_type: str, title: str, href: str) -> dict[str, str]:
    return {"rel": relation, "type": media_type, "title": title, "href": href}
