"""What items can be asked for by: JSON Schema of their properties, found when a collection is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from db.moments import moment

type Schema = dict[str, Any]

PRIVATE = "openeo:"  # what the engine notes for itself; nobody is told of it
_MOMENTS = ("datetime", "start_datetime", "end_datetime", "created", "updated")
_NAME_MAX = 100
_COUNT_MAX = 300


def queryables_of(items: Iterable[Mapping[str, Any]]) -> dict[str, Schema]:
    """A schema for each property of some items; an empty one where their types differ."""
    found: dict[str, Schema] = {}
    for item in items:
        for name, value in (item.get("properties") or {}).items():
            schema = _schema(name, value)
            if schema is None or not can_be_asked(name):
                continue
            if name in found:
                found[name] = _both(found[name], schema)
            elif len(found) < _COUNT_MAX:
                found[name] = schema
    return found


def described(found: Mapping[str, Schema], document: Mapping[str, Any]) -> dict[str, Schema]:
    """The schemas with what the collection's summaries tell of the values: an enumeration, or bounds."""
    summaries = document.get("summaries") or {}
    names = sorted({*found, *(name for name in summaries if can_be_asked(name))})
    return {name: {**_of_summary(summaries.get(name)), **found.get(name, {})} for name in names}


def _of_summary(summary: object) -> Schema:
    if isinstance(summary, dict) and {"minimum", "maximum"} <= summary.keys():
        bounds = {"minimum": summary["minimum"], "maximum": summary["maximum"]}
        return {"type": "number", **bounds} if _numbers(bounds.values()) else {"type": "string", "format": "date-time"}
    if isinstance(summary, list) and summary and all(isinstance(value, str) for value in summary):
        return {"type": "string", "enum": summary}
    if isinstance(summary, list) and summary and _numbers(summary):
        return {"type": "number", "enum": summary}
    return {}


def _numbers(values: Iterable[object]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def can_be_asked(name: str) -> bool:
    """Whether a property may be named in a filter: not the engine's own, and a path of JSON can hold it."""
    return len(name) <= _NAME_MAX and not name.startswith(PRIVATE) and not set(name) & set('"\\')


def _schema(name: str, value: Any) -> Schema | None:
    match value:
        case None | dict():
            return None
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case list():
            return {"type": "array"}
    is_moment = name in _MOMENTS or ("T" in value[10:11] and _is_moment(value))
    return {"type": "string", "format": "date-time"} if is_moment else {"type": "string"}


def _is_moment(text: str) -> bool:
    try:
        return moment(text) is not None
    except (ValueError, OverflowError):
        return False


def _both(one: Schema, other: Schema) -> Schema:
    if one == other:
        return one
    if {one.get("type"), other.get("type")} == {"integer", "number"}:
        return {"type": "number"}
    if one.get("type") == other.get("type") == "string":
        return {"type": "string"}
    return {}
