"""Microservice data discovery: collections, what they can be filtered by, and their STAC items."""

from __future__ import annotations

from typing import Any

from flask import Response

from db.item_search import After
from db.moments import interval_of
from openeo_plugin.api.assets import expiry, foreign_links, public_assets, signed_assets
from openeo_plugin.api.extents import requested_bbox, requested_interval
from openeo_plugin.api.free_text import Words, requested_words
from openeo_plugin.api.http import GEOJSON, JSON, json_response
from openeo_plugin.api.item_filter import requested_filter
from openeo_plugin.api.links import api_url, link
from openeo_plugin.api.paging import Page, moment_of, page_links, requested_page, shown
from openeo_plugin.api.routing import Access, Route, the_backend

QUERYABLES_REL = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
JSON_SCHEMA = "application/schema+json"
RESULT_STATUS = "openeo:status"  # stands in the collections of results only
SEARCHED = ("id", "title", "description", "keywords")
ITEMS_PER_PAGE = 10
ITEMS_PER_PAGE_MAX = 1000
PORTION = 200


def list_collections(user: str | None) -> Response:
    """`GET /collections`, those that hold a term of `q` if one is given."""
    backend, page, (words, kept) = the_backend(), requested_page(), requested_words()
    found = _collections(user, page, words)
    links = [
        link("self", api_url(backend.settings, "/collections"), JSON),
        link("root", api_url(backend.settings, "/"), JSON),
        *page_links(backend.settings, "/collections", page, found, key=lambda one: (one["id"],), query=kept),
    ]
    return json_response({"collections": [_linked(one, user) for one in shown(found, page)], "links": links})


def _collections(user: str | None, page: Page, words: Words) -> list[dict[str, Any]]:
    """As many as the page needs, read in portions where only some match."""
    driver, behind, found = the_backend().driver, page.behind, list[dict[str, Any]]()
    if page.fetched is None or not words.terms:
        read = driver.collections(user, after=behind, limit=page.fetched)
        return [one for one in read if words.match(one, SEARCHED)]
    while len(found) < page.fetched:
        read = driver.collections(user, after=behind, limit=PORTION)
        found += [one for one in read if words.match(one, SEARCHED)]
        if len(read) < PORTION:
            break
        behind = read[-1]["id"]
    return found[: page.fetched]


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
        "properties": backend.collections.queryables(collection_id, user),
        "additionalProperties": False,
    }
    return json_response(document, media_type=JSON_SCHEMA)


def list_items(user: str | None, collection_id: str) -> Response:
    """`GET /collections/{collection_id}/items`: STAC items, by bbox, time and filter, in pages of ten unless told."""
    backend = the_backend()
    collection = backend.driver.collection(collection_id, user)
    asked = requested_page(ITEMS_PER_PAGE)
    page = Page(min(asked.limit or ITEMS_PER_PAGE, ITEMS_PER_PAGE_MAX), asked.after)
    (bbox, bbox_text), (start, end, time_text) = requested_bbox(), requested_interval()
    condition, filter_texts = requested_filter(backend.collections.queryables(collection_id, user))
    within: dict[str, Any] = {"bbox": bbox, "start": start, "end": end, "condition": condition}
    after, matched = _last_shown(page)
    found = backend.collections.items(collection_id, **within, after=after, limit=page.fetched)
    if matched is None:
        matched = backend.collections.count_items(collection_id, **within)
    path = f"/collections/{collection_id}/items"
    texts = {name: text for name, text in (("bbox", bbox_text), ("datetime", time_text)) if text}
    features = [_linked_item(item, collection, user) for item in shown(found, page)]
    links = [
        link("self", api_url(backend.settings, path), GEOJSON),
        link("root", api_url(backend.settings, "/"), JSON),
        link("collection", api_url(backend.settings, f"/collections/{collection_id}"), JSON),
        *page_links(
            backend.settings,
            path,
            page,
            found,
            GEOJSON,
            key=lambda item: _item_key(item, matched),
            query={**texts, **filter_texts},
        ),
    ]
    document = {
        "type": "FeatureCollection",
        "features": features,
        "numberMatched": matched,
        "numberReturned": len(features),
        "links": links,
    }
    return json_response(document, media_type=GEOJSON)


def _item_key(item: dict[str, Any], matched: int) -> tuple[str | int | None, ...]:
    """Where an item stands in its list, and how many there are, so that they are counted once."""
    moment, _ = interval_of(item)
    return moment.isoformat() if moment else None, item["id"], matched


def _last_shown(page: Page) -> tuple[After | None, int | None]:
    """The last item of the page before, and how many there are in all, as far as the link tells."""
    key = page.key_of((str, type(None)), str, int)
    if key is None:
        return None, None
    moment, id, matched = key
    return After(moment_of(moment) if moment is not None else None, id), matched


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


ROUTES = (
    Route("GET", "/collections", list_collections, Access.PUBLIC),
    Route("GET", "/collections/{collection_id}", describe_collection, Access.PUBLIC),
    Route("GET", "/collections/{collection_id}/queryables", list_queryables, Access.PUBLIC),
    Route("GET", "/collections/{collection_id}/items", list_items, Access.PUBLIC),
    Route("GET", "/collections/{collection_id}/items/{item_id}", describe_item, Access.PUBLIC),
)
