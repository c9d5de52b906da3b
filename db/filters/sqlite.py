"""Functions that filters need and SQLite lacks. Given to each connection; they never raise, but answer null."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from db.footprint import meets_box
from db.moments import moment

_RELATIONS = ("intersects", "disjoint", "contains", "within", "touches", "crosses", "overlaps", "equals")


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    connection.create_function("footprint_meets", 5, meets_box, deterministic=True)
    connection.create_function("footprint_relates", 3, relates, deterministic=True)
    connection.create_function("array_relates", 3, array_relates, deterministic=True)
    connection.create_function("moment_of", 1, moment_of, deterministic=True)
    connection.create_function("lower_case", 1, lower_case, deterministic=True)


def relates(op: str, footprint: bytes | None, wkb: bytes) -> bool | None:
    """Whether a footprint has a relation to a geometry. A collection has none but to meet it or not, as in PostGIS."""
    import shapely

    if footprint is None or op not in _RELATIONS:
        return None
    ours, theirs = shapely.from_wkb(footprint), shapely.from_wkb(wkb)
    if ours.geom_type == "GeometryCollection" and op not in ("intersects", "disjoint"):
        return None
    try:
        return bool(getattr(ours, op)(theirs))
    except shapely.errors.GEOSException:
        return None


def array_relates(op: str, array: str | None, values: str) -> bool | None:
    """Whether a JSON array, as a set, contains, equals, overlaps or is contained by another."""
    if array is None:
        return None
    ours, theirs = _members(json.loads(array)), _members(json.loads(values))
    match op:
        case "contains":
            return ours >= theirs
        case "containedby":
            return ours <= theirs
        case "equals":
            return ours == theirs
    return bool(ours & theirs)


def _members(array: list[Any]) -> set[Any]:
    """1 and true differ; what is no plain value equals nothing."""
    return {
        (isinstance(one, bool), one) if isinstance(one, bool | int | float | str) else json.dumps(one) for one in array
    }


def moment_of(text: object) -> str | None:
    """RFC 3339 as the column type of moments has it: UTC, without a zone."""
    if not isinstance(text, str):
        return None
    try:
        found = moment(text)
    except (ValueError, OverflowError):
        return None
    return None if found is None else found.replace(tzinfo=None).isoformat(" ", "microseconds")


def lower_case(text: object) -> str | None:
    """A text in lower case, beyond ASCII too."""
    return text.lower() if isinstance(text, str) else None
