"""What features of items and of records have in common: their parameters, their fields, their pages.

pygeoapi reads `filter` with a parser of its own, text only, and knows no sizes. So its functions are given the
parameters without showing them the filter, and the providers read it: see `db.filters`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flask
from pygeoapi.api.itemtypes import get_collection_items

from db.filters.expression import Condition, FilterInvalidError, Joined, Same, Words
from db.filters.query import filter_in
from db.filters.read import PARTS_MAX
from openeo_plugin.ogcapi.failures import invalid
from openeo_plugin.ogcapi.instants import Interval, interval_of, rfc3339
from openeo_plugin.ogcapi.scope import current_scope

type Feature = dict[str, Any]
type Field = dict[str, Any]

SORT_MAX = 8
TERMS_MAX = 50


class _Unread(dict[str, str]):
    """Parameters of an address; `filter` is among them, in links too, but not to be had by name."""

    def get(self, name: str, default: Any = None) -> Any:
        return default if name in ("filter", "filter-lang", "filter-crs") else super().get(name, default)


def get_items(api: Any, request: Any, dataset: str) -> tuple[dict[str, str], int, Any]:
    """`GET /collections/{id}/items`, and `POST` with a filter as CQL2 JSON for its body."""
    scope, parameters = current_scope(), dict(request.params)
    if request.data or flask.request.method == "POST":
        parameters |= {"filter": _text(request.data), "filter-lang": "cql2-json"}
        request._data = b""
    scope.parameters = parameters
    request._args = _Unread(parameters)
    headers, status, content = get_collection_items(api, request, dataset)
    return headers, status, content


def _text(body: bytes) -> str:
    try:
        return body.decode() or "nothing"
    except UnicodeDecodeError:
        return "not UTF-8"


def condition_of(
    queryables: Mapping[str, Any], properties: Sequence[tuple[str, str]], q: str | None, words_in: Sequence[str]
) -> Condition | None:
    """All that the request asks of properties: `filter`, parameters named like properties, and `q`.

    Args:
        queryables: JSON Schema of each property that can be asked for.
        properties: (name, value) pairs that must all be equal.
        q: terms, separated by commas, of which one must occur.
        words_in: the properties in which it must.
    Raises: RequestFailedError.
    """
    try:
        asked, _ = filter_in(current_scope().parameters, queryables)
    except FilterInvalidError as error:
        raise invalid(str(error)) from None
    parts: list[Condition] = [Same(name, value) for name, value in properties]
    terms = tuple(term for part in (q or "").split(",") if (term := part.strip().lower()))
    if len(terms) > TERMS_MAX:
        raise invalid(f"The parameter `q` has more than {TERMS_MAX} terms.")
    if len(terms) * len(words_in) > PARTS_MAX:
        most = PARTS_MAX // len(words_in)
        raise invalid(f"The parameter `q` has more than {most} terms for the {len(words_in)} properties with texts.")
    if terms:
        parts.append(Words(tuple(words_in), terms))
    if asked is not None:
        parts.append(asked)
    return Joined("and", tuple(parts)) if parts else None


def sort_keys(sortby: Sequence[Mapping[str, str]]) -> tuple[tuple[str, bool], ...]:
    """Names, each with whether it is descending. Raises: RequestFailedError."""
    if len(sortby) > SORT_MAX:
        raise invalid(f"The parameter `sortby` names more than {SORT_MAX} properties.")
    return tuple((key["property"], key["order"] == "-") for key in sortby)


def fields_of(queryables: Mapping[str, Any]) -> dict[str, Field]:
    """Queryables as pygeoapi has them: every field has a type."""
    fields = {"id": {"type": "string"}}
    for name, schema in queryables.items():
        field = {"type": schema.get("type", "string"), "format": schema.get("format"), "values": schema.get("enum")}
        fields[name] = {key: value for key, value in field.items() if value is not None}
    return fields


def within(bbox: Sequence[float], datetime_: str | None) -> dict[str, Any]:
    """bbox, start and end as stores have them: the end belongs to the interval of the request.

    Raises: RequestFailedError.
    """
    interval = Interval() if datetime_ is None else _parsed(datetime_)
    return {
        "bbox": _horizontal(bbox),
        "start": None if interval.start is None else rfc3339(interval.start),
        "end": None if interval.end is None else rfc3339(interval.end),
    }


def feature_collection(features: Sequence[Feature], matched: int) -> Feature:
    """A page."""
    return {
        "type": "FeatureCollection",
        "features": [*features],
        "numberMatched": matched,
        "numberReturned": len(features),
    }


def narrowed(feature: Feature, select_properties: Sequence[str], skip_geometry: bool) -> Feature:
    """With the properties and the geometry that are wanted."""
    if select_properties:
        feature["properties"] = {n: v for n, v in feature["properties"].items() if n in select_properties}
    if skip_geometry:
        feature["geometry"] = None
    return feature


def _horizontal(bbox: Sequence[float]) -> tuple[float, float, float, float] | None:
    if not bbox:
        return None
    west, south, *rest = bbox if len(bbox) == 4 else (bbox[0], bbox[1], bbox[3], bbox[4])
    return west, south, rest[0], rest[1]


def _parsed(datetime_: str) -> Interval:
    try:
        return interval_of(datetime_)
    except ValueError as error:
        raise invalid(f"The parameter `datetime` is no RFC 3339 instant or interval: {error}") from error
