"""What is true of this OGC API: published standards only, and only what is really there.

pygeoapi's own list also names drafts (Coverages, Features Part 5) and what is not offered here (editing,
callbacks, MVT), so it is not used.
"""

from __future__ import annotations

from typing import Any

from pygeoapi.formats import F_HTML
from pygeoapi.util import render_j2_template, to_json

from db.filters.query import CONFORMANCE_CLASSES as FILTERS

_SPEC = "http://www.opengis.net/spec"
CONFORMANCE_CLASSES: tuple[str, ...] = (
    f"{_SPEC}/ogcapi-common-1/1.0/conf/core",
    f"{_SPEC}/ogcapi-common-1/1.0/conf/landing-page",
    f"{_SPEC}/ogcapi-common-1/1.0/conf/json",
    f"{_SPEC}/ogcapi-common-1/1.0/conf/html",
    f"{_SPEC}/ogcapi-common-1/1.0/conf/oas30",
    f"{_SPEC}/ogcapi-common-2/1.0/conf/collections",
    f"{_SPEC}/ogcapi-features-1/1.0/conf/core",
    f"{_SPEC}/ogcapi-features-1/1.0/conf/geojson",
    f"{_SPEC}/ogcapi-features-1/1.0/conf/html",
    f"{_SPEC}/ogcapi-features-1/1.0/conf/oas30",
    f"{_SPEC}/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    *FILTERS,
    f"{_SPEC}/ogcapi-records-1/1.0/conf/record-core",
    f"{_SPEC}/ogcapi-records-1/1.0/conf/record-collection",
    f"{_SPEC}/ogcapi-records-1/1.0/conf/record-core-query-parameters",
    f"{_SPEC}/ogcapi-records-1/1.0/conf/record-api",
    f"{_SPEC}/ogcapi-records-1/1.0/conf/sorting",
    f"{_SPEC}/ogcapi-records-1/1.0/conf/filtering",
    f"{_SPEC}/ogcapi-records-1/1.0/conf/json",
    f"{_SPEC}/ogcapi-records-1/1.0/conf/html",
    f"{_SPEC}/ogcapi-maps-1/1.0/conf/core",
    f"{_SPEC}/ogcapi-maps-1/1.0/conf/png",
    f"{_SPEC}/ogcapi-tiles-1/1.0/conf/core",
    f"{_SPEC}/ogcapi-tiles-1/1.0/conf/tileset",
    f"{_SPEC}/ogcapi-tiles-1/1.0/conf/tilesets-list",
    f"{_SPEC}/ogcapi-tiles-1/1.0/conf/png",
    f"{_SPEC}/ogcapi-processes-1/1.0/conf/core",
    f"{_SPEC}/ogcapi-processes-1/1.0/conf/ogc-process-description",
    f"{_SPEC}/ogcapi-processes-1/1.0/conf/json",
    f"{_SPEC}/ogcapi-processes-1/1.0/conf/oas30",
    f"{_SPEC}/ogcapi-processes-1/1.0/conf/job-list",
    f"{_SPEC}/ogcapi-processes-1/1.0/conf/dismiss",
)


def conformance(api: Any, request: Any) -> tuple[dict[str, str], int, str]:
    """`GET /conformance`, with the signature of pygeoapi's functions."""
    headers = request.get_response_headers(**api.api_headers)
    document = {"conformsTo": list(CONFORMANCE_CLASSES)}
    if request.format == F_HTML:
        templates = api.config["server"]["templates"]
        return headers, 200, render_j2_template(api.tpl_config, templates, "conformance.html", document, request.locale)
    return headers, 200, to_json(document)
