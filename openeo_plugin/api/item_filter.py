"""`filter` in a query, as OGC API Features Part 3 and the STAC API have it: CQL2 as text or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from db.filters.expression import Condition, FilterInvalidError
from db.filters.read import LANGUAGES, read_filter
from openeo_plugin.errors import OpenEOError

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    *(
        f"http://www.opengis.net/spec/cql2/1.0/conf/{name}"
        for name in (
            "cql2-text",
            "cql2-json",
            "basic-cql2",
            "advanced-comparison-operators",
            "case-insensitive-comparison",
            "basic-spatial-functions",
            "basic-spatial-functions-plus",
            "spatial-functions",
            "temporal-functions",
            "array-functions",
            "property-property",
        )
    ),
)


def filter_in(arguments: Mapping[str, str], queryables: Mapping[str, Any]) -> tuple[Condition | None, dict[str, str]]:
    """The condition of a query, None without one, and the parameters to be kept in links to further pages.

    Args:
        arguments: of the address.
        queryables: JSON Schema of each property that can be asked for.
    Raises: FilterInvalidError, whose message is for the client.
    """
    text, language = arguments.get("filter", "").strip(), arguments.get("filter-lang", "").strip() or "cql2-text"
    if language not in LANGUAGES:
        raise FilterInvalidError(f"`filter-lang` is one of {', '.join(LANGUAGES)}")
    if arguments.get("filter-crs", CRS84) != CRS84:
        raise FilterInvalidError(f"`filter-crs` is {CRS84}, nothing else")
    if not text:
        return None, {}
    try:
        condition = read_filter(text, language, queryables)
    except FilterInvalidError as error:
        raise FilterInvalidError(f"`filter` is not valid: {error}") from None
    return condition, {"filter": text, "filter-lang": language}


def requested_filter(queryables: Mapping[str, Any]) -> tuple[Condition | None, dict[str, str]]:
    """The condition of the current request; see `filter_in`. Raises: RequestInvalid."""
    try:
        return filter_in(request.args, queryables)
    except FilterInvalidError as error:
        raise OpenEOError("RequestInvalid", reason=f"{str(error).rstrip('.')}.") from None
