"""Properties of a stored item as SQL, by the type they are asked for: null where an item has another, or none.

The two databases have different words for the same; `Properties` is what both can say.
"""

# ruff: noqa: D102 - the Protocol tells what each method is
from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import Boolean, ColumnElement, Float, Numeric, String, and_, case, cast, false, func, literal, or_, true
from sqlalchemy.dialects.postgresql import JSONB

from db.types import UtcDateTime

type Sql = ColumnElement[Any]


class Properties(Protocol):
    """Properties of the items of a query."""

    def number(self, name: str) -> Sql:
        """As a number."""
        ...

    def text(self, name: str) -> Sql:
        """As a text, ordered by code point."""
        ...

    def boolean(self, name: str) -> Sql:
        """As a truth value."""
        ...

    def moment(self, name: str) -> Sql:
        """As a moment."""
        ...

    def any_text(self, name: str) -> Sql:
        """Text of whatever it holds."""
        ...

    def is_null(self, name: str) -> Sql:
        """Whether it is not there, or null."""
        ...

    def among(self, op: str, name: str, values: Sequence[float | str | bool]) -> Sql:
        """An array as a set: contains, containedby, overlaps or equals the values."""
        ...

    def of_number(self, value: float) -> Sql:
        """A number of the filter."""
        ...

    def lower(self, text: Sql) -> Sql:
        """A text in lower case."""
        ...

    def like(self, text: Sql, pattern: str) -> Sql:
        """Whether a text is of a pattern of CQL2."""
        ...

    def holds(self, text: Sql, part: str) -> Sql:
        """Whether a text has a part."""
        ...


class SqliteProperties:
    """With the JSON functions of SQLite, and those of `db.filters.sqlite`."""

    def __init__(self, document: Any) -> None:
        self._document = document

    def _path(self, name: str) -> str:
        return f'$.properties."{name}"'  # names with quotes are never asked for

    def _type(self, name: str) -> Sql:
        return func.json_type(self._document, self._path(name), type_=String())

    def _value(self, name: str, kind: Any) -> Sql:
        return func.json_extract(self._document, self._path(name), type_=kind)

    def number(self, name: str) -> Sql:
        return case((self._type(name).in_(("integer", "real")), self._value(name, Float())))

    def text(self, name: str) -> Sql:
        return case((self._type(name) == "text", self._value(name, String())))

    def boolean(self, name: str) -> Sql:
        return case((self._type(name) == "true", true()), (self._type(name) == "false", false()))

    def moment(self, name: str) -> Sql:
        return func.moment_of(self.text(name), type_=UtcDateTime())

    def any_text(self, name: str) -> Sql:
        return self._value(name, String())

    def is_null(self, name: str) -> Sql:
        return func.coalesce(self._type(name), "null") == "null"

    def among(self, op: str, name: str, values: Sequence[float | str | bool]) -> Sql:
        array = case((self._type(name) == "array", self._value(name, String())))
        return func.array_relates(op, array, json.dumps(values), type_=Boolean())

    def of_number(self, value: float) -> Sql:
        return literal(value, Float())

    def lower(self, text: Sql) -> Sql:
        return func.lower_case(text, type_=String())

    def like(self, text: Sql, pattern: str) -> Sql:
        words = {"%": "*", "_": "?"}
        made = "".join(
            words[sign] if wild else f"[{sign}]" if sign in "*?[" else sign for sign, wild in _signs(pattern)
        )
        return text.op("GLOB", is_comparison=True)(made)

    def holds(self, text: Sql, part: str) -> Sql:
        return func.instr(text, part) > 0


class PostgresProperties:
    """With the operators of `jsonb`; `openeo_moment` is a function of the migrations."""

    def __init__(self, document: Any) -> None:
        self._document = document

    def _json(self, name: str) -> Sql:
        return func.jsonb_extract_path(self._document, "properties", name, type_=JSONB())

    def _type(self, name: str) -> Sql:
        return func.jsonb_typeof(self._json(name), type_=String())

    def number(self, name: str) -> Sql:
        return case((self._type(name) == "number", cast(self.any_text(name), Numeric())))

    def text(self, name: str) -> Sql:
        return case((self._type(name) == "string", self.any_text(name))).collate("C")

    def boolean(self, name: str) -> Sql:
        return case((self._type(name) == "boolean", cast(self.any_text(name), Boolean())))

    def moment(self, name: str) -> Sql:
        return func.openeo_moment(self.text(name), type_=UtcDateTime())

    def any_text(self, name: str) -> Sql:
        return func.jsonb_extract_path_text(self._document, "properties", name, type_=String())

    def is_null(self, name: str) -> Sql:
        return func.coalesce(self._type(name), "null") == "null"

    def among(self, op: str, name: str, values: Sequence[float | str | bool]) -> Sql:
        array = case((self._type(name) == "array", self._json(name)))
        given = literal([*values], JSONB())
        has_all, has_no_other = array.op("@>", is_comparison=True)(given), given.op("@>", is_comparison=True)(array)
        match op:
            case "contains":
                return has_all
            case "containedby":
                return has_no_other
            case "equals":
                return and_(has_all, has_no_other)
        return or_(false(), *(array.op("@>", is_comparison=True)(literal([value], JSONB())) for value in values))

    def of_number(self, value: float) -> Sql:
        return literal(Decimal(repr(value)), Numeric())

    def lower(self, text: Sql) -> Sql:
        return func.lower(text.collate("und-x-icu"), type_=String()).collate("C")

    def like(self, text: Sql, pattern: str) -> Sql:
        made = "".join(f"\\{sign}" if sign in "%_\\" and not wild else sign for sign, wild in _signs(pattern))
        return text.like(made, escape="\\")

    def holds(self, text: Sql, part: str) -> Sql:
        return func.strpos(text, part) > 0


def properties_of(document: Any, is_sqlite: bool) -> Properties:
    """The properties of a column that holds items (GeoJSON features)."""
    return SqliteProperties(document) if is_sqlite else PostgresProperties(document)


def _signs(pattern: str) -> list[tuple[str, bool]]:
    """The characters of a pattern, and whether each is a wildcard."""
    signs, escaped = [], False
    for sign in pattern:
        if sign == "\\" and not escaped:
            escaped = True
            continue
        signs.append((sign, sign in "%_" and not escaped))
        escaped = False
    return [*signs, ("\\", False)] if escaped else signs
