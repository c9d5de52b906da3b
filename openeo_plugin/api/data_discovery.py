"""Microservice data discovery: collections, what they can be filtered by, and their STAC items."""

from __future__ import annotations

from typing import Any

from flask import Response

from openeo_plugin.api.assets import expiry, foreign_links, public_assets, signed_assets
from openeo_plugin.api.extents import requested_bbox, requested_interval
from openeo_plugin.api.free_text import requested_words
from openeo_plugin.api.http import GEOJSON, JSON, json_response
from openeo_plugin.api.links import api_url, link
from openeo_plugin.api.paging import Page, page_links, requested_page, shown
from openeo_plugin.api.routing import Access, Route, the_backend

QUERYABLES_REL = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
JSON_SCHEMA = "application/schema+json"
RESULT_STATUS = "openeo:status"  # stands in the collections of results only
SEARCHED = ("id", "title", "description", "keywords")
ITEMS_PER_PAGE = 10
ITEMS_PER_PAGE_MAX = 1000


def list_collections(user: str | None) -> Response:
    """`GET /collections`, those that hold a term of `q` if one is given."""
    backend, page, (words, kept) = the_backend(), requested_page(), requested_words()
    found = page.cut([one for one in backend.driver.collections(user) if words.match(one, SEARCHED)])
    links = [
        link("self", api_url(backend.settings, "/collections"), JSON),
        link("root", api_url(backend.settings, "/"), JSON),
        *page_links(backend.settings, "/collections", page, found, **kept),
    ]
    return json_response({"collections": [_linked(one, user) for one in shown(found, page)], "links": links})


def describe_collection(user: str | None, collection_id: str) -> Response:
    """`GET /collections/{collection_id}`."""
    return json_response(_linked(the_backend().driver.collection(collection_id, user), user))


def list_queryables(user: str | None, collection_id: str) -> Response:
    """`GET /collections/{collection_id}/queryables`: a JSON Schema of the properties items can be filtered by."""
    backend = the_backend()
    collection = backend.driver.collection(collection_id, user)
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": api_url(backend.settings, f"/collections/{collection_id}/queryables"),
        "type": "object",
        "title": f"Queryables of {collection.get('title') or collection_id}",
        "properties": {name: _queryable(summary) for name, summary in collection.get("summaries", {}).items()},
        "additionalProperties": False,
    }
    return json_response(document, media_type=JSON_SCHEMA)


def list_items(user: str | None, collection_id: str) -> Response:
    """`GET /collections/{collection_id}/items`: STAC items, by bbox and time, in pages of ten unless told."""
    backend = the_backend()
    collection = backend.driver.collection(collection_id, user)
    asked = requested_page(ITEMS_PER_PAGE)
    page = Page(min(asked.limit or ITEMS_PER_PAGE, ITEMS_PER_PAGE_MAX), asked.offset)
    (bbox, bbox_text), (start, end, time_text) = requested_bbox(), requested_interval()
    found: list[dict[str, Any]] = backend.collections.items(
        collection_id, bbox=bbox, start=start, end=end, limit=page.fetched, offset=page.offset
    )
    path = f"/collections/{collection_id}/items"
    kept = {name: text for name, text in (("bbox", bbox_text), ("datetime", time_text)) if text}
    features = [_linked_item(item, collection, user) for item in shown(found, page)]
    links = [
        link("self", api_url(backend.settings, path), GEOJSON),
        link("root", api_url(backend.settings, "/"), JSON),
        link("collection", api_url(backend.settings, f"/collections/{collection_id}"), JSON),
        *page_links(backend.settings, path, page, found, GEOJSON, **kept),
    ]
    document = {
        "type": "FeatureCollection",
        "features": features,
        "numberMatched": backend.collections.count_items(collection_id, bbox=bbox, start=start, end=end),
        "numberReturned": len(features),
        "links": links,
    }
    return json_response(document, media_type=GEOJSON)


def describe_item(user: str | None, collection_id: str, item_id: str) -> Response:
    """`GET /collections/{collection_id}/items/{item_id}`."""
    backend = the_backend()
    collection = backend.driver.collection(collection_id, user)
    item = backend.collections.item(collection_id, item_id)
    return json_response(_linked_item(item, collection, user), media_type=GEOJSON)


def _linked(collection: dict[str, Any], user: str | None) -> dict[str, Any]:
    """A collection with this API's links; foreign ones (license, about) are kept."""
    settings, path = the_backend().settings, f"/collections/{collection['id']}"
    own = [
        link("self", api_url(settings, path), JSON),
        link("root", api_url(settings, "/"), JSON),
        link("parent", api_url(settings, "/collections"), JSON),
        link("items", api_url(settings, f"{path}/items"), GEOJSON),
        link(QUERYABLES_REL, api_url(settings, f"{path}/queryables"), JSON_SCHEMA),
    ]
    shown_fields = {name: value for name, value in collection.items() if value is not None and name != "assets"}
    assets = _assets(collection, collection, user)
    return {
        **_default_texts(collection),
        **shown_fields,
        **({"assets": assets} if assets else {}),
        "links": own + foreign_links(collection),
    }


def _default_texts(collection: dict[str, Any]) -> dict[str, Any]:
    """Title and keywords for a collection whose makers gave none: its id, and what its bands are called."""
    dimensions = collection.get("cube:dimensions", {}).values()
    bands: list[Any] = next((one.get("values", []) for one in dimensions if one.get("type") == "bands"), [])
    return {"title": collection["id"], "keywords": [name for name in bands if isinstance(name, str)]}


def _assets(document: dict[str, Any], collection: dict[str, Any], user: str | None) -> dict[str, Any]:
    """Signed links for the results of the user's own jobs; of sources only what lies on the web."""
    if user is not None and RESULT_STATUS in collection:
        return signed_assets(collection["id"], user, document, expiry())
    return public_assets(document)


def _linked_item(item: dict[str, Any], collection: dict[str, Any], user: str | None) -> dict[str, Any]:
    collection_id = collection["id"]
    settings, path = the_backend().settings, f"/collections/{collection_id}"
    own = [
        link("self", api_url(settings, f"{path}/items/{item['id']}"), GEOJSON),
        link("root", api_url(settings, "/"), JSON),
        link("parent", api_url(settings, path), JSON),
        link("collection", api_url(settings, path), JSON),
    ]
    return {
        **item,
        "collection": collection_id,
        "assets": _assets(item, collection, user),
        "links": own + foreign_links(item),
    }


def _queryable(summary: object) -> dict[str, Any]:
    """JSON Schema of a property, from what the collection says of its values."""
    if isinstance(summary, dict) and {"minimum", "maximum"} <= summary.keys():
        bounds = {"minimum": summary["minimum"], "maximum": summary["maximum"]}
        return {"type": "number", **bounds} if _numbers(bounds.values()) else {"type": "string", "format": "date-time"}
    if isinstance(summary, list) and summary and all(isinstance(value, str) for value in summary):
        return {"type": "string", "enum": summary}
    if isinstance(summary, list) and summary and _numbers(summary):
        return {"type": "number", "enum": summary}
    return {}


def _numbers(values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


ROUTES = (
    Route("GET", "/collections", list_collections, Access.PUBLIC),
    Route("GET", "/collections/{collection_id}", describe_collection, Access.PUBLIC),
    Route("GET", "/collections/{collection_id}/queryables", list_queryables, Access.PUBLIC),
    Route("GET", "/collections/{collection_id}/items", list_items, Access.PUBLIC),
    Route("GET", "/collections/{collection_id}/items/{item_id}", describe_item, Access.PUBLIC),
)
