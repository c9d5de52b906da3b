"""The OpenAPI document: pygeoapi's for the process and the general paths, ours for the collections.

Paths of collections are templates, as in the standards, so the document neither grows nor ages with the catalogue
and names nobody's results.
"""

from __future__ import annotations

from typing import Any

from pygeoapi.openapi import get_oas

from openeo_plugin.ogcapi.resources import CRS84, GEOTIFF, PROCESS_ID, PROCESS_RESOURCE

Json = dict[str, Any]

_PARAMETERS: Json = {
    "collectionId": {"in": "path", "required": True, "schema": {"type": "string"}},
    "itemId": {"in": "path", "required": True, "schema": {"type": "string"}},
    "datetime": {"in": "query", "schema": {"type": "string"}},
    "limit": {"in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}},
    "subset": {"in": "query", "schema": {"type": "string"}},
    "tileMatrixSetId": {
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": ["WebMercatorQuad", "WorldCRS84Quad"]},
    },
    **{
        name: {"in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
        for name in ("tileMatrix", "tileRow", "tileCol")
    },
    **{
        name: {"in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 4096}}
        for name in ("width", "height")
    },
    "q": {"in": "query", "schema": {"type": "string"}},
    "filter": {"in": "query", "schema": {"type": "string"}},
    "filter-lang": {
        "in": "query",
        "schema": {"type": "string", "enum": ["cql2-text", "cql2-json"], "default": "cql2-text"},
    },
    "filter-crs": {"in": "query", "schema": {"type": "string", "enum": [CRS84], "default": CRS84}},
    "sortby": {"in": "query", "schema": {"type": "string"}},
    "bands": {"name": "properties", "in": "query", "schema": {"type": "string"}},
}
_DESCRIPTIONS = {
    "collectionId": "Identifier of a collection or of a finished job.",
    "itemId": "Identifier of an item.",
    "datetime": "RFC 3339 instant or interval, `start/end`; both ends belong to it, `..` leaves one open.",
    "limit": "The most items that one page holds.",
    "subset": 'Ranges along axes: `x(679720:680680),y(5151080:5151920)` or `t("2020-06-01":"2020-06-30")`.',
    "q": "Terms, separated by commas; one of them occurs in a text.",
    "filter": "A condition in CQL2 on the queryables and on `geometry`.",
    "filter-lang": "The language of the filter.",
    "filter-crs": "Of the coordinates in the filter.",
    "sortby": "Names of queryables, separated by commas, each with `-` before it for descending order.",
    "bands": "Names of bands, separated by commas.",
    "tileMatrixSetId": "The tile matrix set.",
    "tileMatrix": "Zoom level.",
    "tileRow": "Row, counted from the north.",
    "tileCol": "Column, counted from the west.",
    "width": "Pixels from west to east; follows from the box if left out.",
    "height": "Pixels from north to south; follows from the box if left out.",
}
_PATHS: tuple[tuple[str, str, str, tuple[str, ...], str], ...] = (
    ("", "describeCollection", "A collection", ("f",), "application/json"),
    ("/schema", "getSchema", "Properties of a collection", ("f",), "application/schema+json"),
    ("/queryables", "getQueryables", "Properties that items can be filtered by", ("f",), "application/schema+json"),
    (
        "/items",
        "getItems",
        "Items of a collection; properties of items are parameters too, for equality",
        (
            "f",
            "bbox",
            "bbox-crs",
            "crs",
            "datetime",
            "limit",
            "offset",
            "q",
            "filter",
            "filter-lang",
            "filter-crs",
            "sortby",
            "skipGeometry",
        ),
        "application/geo+json",
    ),
    ("/items/{itemId}", "getItem", "An item", ("itemId", "f", "crs"), "application/geo+json"),
    (
        "/coverage",
        "getCoverage",
        "Pixels of a collection",
        ("f", "bbox", "bbox-crs", "datetime", "subset", "bands"),
        "application/prs.coverage+json",
    ),
    (
        "/map",
        "getMap",
        "A map of a collection; width and height in pixels",
        ("f", "bbox", "bbox-crs", "crs", "width", "height", "datetime", "bands"),
        "image/png",
    ),
    ("/tiles", "getTilesets", "Tilesets of a collection", ("f",), "application/json"),
    ("/tiles/{tileMatrixSetId}", "getTileset", "A tileset", ("tileMatrixSetId", "f"), "application/json"),
    (
        "/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
        "getTile",
        "A map tile",
        ("tileMatrixSetId", "tileMatrix", "tileRow", "tileCol", "datetime", "bands"),
        "image/png",
    ),
)


def openapi_document(config: Json) -> Json:
    """The document for a configuration; which resources that holds makes no difference."""
    document = get_oas({**config, "resources": {PROCESS_ID: PROCESS_RESOURCE}})
    parameters = document["components"]["parameters"]
    for name, parameter in _PARAMETERS.items():
        parameters[name] = {"name": name, "description": _DESCRIPTIONS[name], **parameter}
    for suffix, operation, summary, names, media_type in _PATHS:
        path = _operation(operation, summary, ("collectionId", *names), media_type)
        document["paths"][f"/collections/{{collectionId}}{suffix}"] = {"get": path}
    document["tags"].append({"name": "collections", "description": "Collections and results of jobs"})
    return document


def _operation(operation: str, summary: str, parameters: tuple[str, ...], media_type: str) -> Json:
    content: Json = {media_type: {}}
    if operation == "getCoverage":
        content[GEOTIFF["mimetype"]] = {}
    return {
        "summary": summary,
        "operationId": operation,
        "tags": ["collections"],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in parameters],
        "responses": {
            "200": {"description": summary, "content": content},
            "400": {"description": "A parameter is not valid"},
            "404": {"description": "There is no such resource, or it is not yours"},
            "default": {"$ref": "#/components/responses/default"},
        },
    }
