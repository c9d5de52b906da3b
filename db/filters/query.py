"""`filter`, `filter-lang` and `filter-crs` of an address, as OGC API Features Part 3 and the STAC API have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from db.filters.expression import Condition, FilterInvalidError
from db.filters.read import LANGUAGES, read_filter

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_SPEC = "http://www.opengis.net/spec"
CONFORMANCE_CLASSES = (
    *(f"{_SPEC}/ogcapi-features-3/1.0/conf/{name}" for name in ("filter", "features-filter", "queryables")),
    *(
        f"{_SPEC}/cql2/1.0/conf/{name}"
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
        raise FilterInvalidError(f"`filter-lang` is one of {', '.join(LANGUAGES)}.")
    if arguments.get("filter-crs", CRS84) != CRS84:
        raise FilterInvalidError(f"`filter-crs` is {CRS84}, nothing else.")
    if not text:
        return None, {}
    try:
        condition = read_filter(text, language, queryables)
    except FilterInvalidError as error:
        raise FilterInvalidError(f"`filter` is not valid: {str(error).rstrip('.')}.") from None
    return condition, {"filter": text, "filter-lang": language}
