"""Conditions as SQL, with the same answers from SQLite and from PostgreSQL with PostGIS.

Every value from outside is a bound parameter, names of properties included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Numeric,
    and_,
    case,
    cast,
    column,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    table,
    true,
)

from db.filters import expression as ex
from db.filters.properties import Properties, properties_of
from db.moments import EVER
from db.types import UtcDateTime

type Sql = ColumnElement[Any]

_ORDERS: dict[str, Callable[[Any, Any], Sql]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OF_DAY: dict[str, Callable[[Any, Any, Any], Sql]] = {
    "=": lambda t, first, last: and_(t >= first, t <= last),
    "<>": lambda t, first, last: or_(t < first, t > last),
    "<": lambda t, first, last: t < first,
    "<=": lambda t, first, last: t <= last,
    ">": lambda t, first, last: t > last,
    ">=": lambda t, first, last: t >= first,
}
_SUMS: dict[str, Callable[[Any, Any], Sql]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / func.nullif(b, 0),
}
_TYPES: dict[str, Any] = {"number": Numeric(), "boolean": Boolean(), "moment": UtcDateTime()}
# of a to b and c to d
_ALLEN: dict[str, Callable[[Any, Any, Any, Any], Sql]] = {
    "after": lambda a, b, c, d: a > d,
    "before": lambda a, b, c, d: b < c,
    "contains": lambda a, b, c, d: and_(a < c, b > d),
    "during": lambda a, b, c, d: and_(a > c, b < d),
    "disjoint": lambda a, b, c, d: or_(b < c, a > d),
    "intersects": lambda a, b, c, d: and_(a <= d, b >= c),
    "equals": lambda a, b, c, d: and_(a == c, b == d),
    "finishedby": lambda a, b, c, d: and_(a < c, b == d),
    "finishes": lambda a, b, c, d: and_(a > c, b == d),
    "meets": lambda a, b, c, d: b == c,
    "metby": lambda a, b, c, d: a == d,
    "overlappedby": lambda a, b, c, d: and_(a > c, a < d, b > d),
    "overlaps": lambda a, b, c, d: and_(a < c, b > c, b < d),
    "startedby": lambda a, b, c, d: and_(a == c, b > d),
    "starts": lambda a, b, c, d: and_(a == c, b < d),
}


@dataclass(frozen=True)
class SearchedColumns:
    """What a search looks at.

    Args:
        row: a class of `db.models` with the columns of `PlacedColumns`.
        id: column of the id that clients know.
        bounds: on SQLite, the R*Tree over the row's `key`.
    """

    row: Any
    id: Any
    bounds: str

    def near(self, west: float, south: float, east: float, north: float) -> Sql:
        """On SQLite: rows whose bounds meet a box."""
        bounds = table(self.bounds, *(column(name) for name in ("key", "west", "east", "south", "north"))).c
        met = (bounds.west <= east, bounds.east >= west, bounds.south <= north, bounds.north >= south)
        return self.row.key.in_(select(bounds.key).where(*met))


class ConditionSql:
    """Makes SQL of conditions about the rows of a search."""

    def __init__(self, columns: SearchedColumns, is_sqlite: bool) -> None:
        self._columns = columns
        self._is_sqlite = is_sqlite
        self._properties: Properties = properties_of(columns.row.document, is_sqlite)

    def of(self, node: ex.Condition) -> Sql:
        """True, false or null for each row."""
        match node:
            case ex.Joined(op, parts):
                made = [self.of(part) for part in parts]
                return and_(true(), *made) if op == "and" else or_(false(), *made)
            case ex.Not(inner):
                return not_(self.of(inner))
            case ex.Comparison():
                return self._comparison(node)
            case ex.Like():
                return self._like(node)
            case ex.Spatial():
                return self._spatial(node)
            case ex.Temporal(op, left, right):
                return _ALLEN[op](*self._ends(left), *self._ends(right))
            case ex.Among(op, name, values):
                return self._properties.among(op, name, values)
        return self._plain(node)

    def _plain(self, node: ex.Condition) -> Sql:
        match node:
            case ex.IsNull(of):
                return self._is_null(of.name)
            case ex.Truth(bool() as constant):
                return true() if constant else false()
            case ex.Truth(ex.Property(name)):
                return self._properties.boolean(name)
            case ex.Same(name, text):
                return self._same(name, text)
            case ex.Words(names, terms):
                texts = [self._properties.lower(self._properties.any_text(name)) for name in names]
                return or_(false(), *(self._properties.holds(text, term) for text in texts for term in terms))
        raise TypeError(f"no SQL for {node}")

    def order(self, name: str, descending: bool) -> list[Sql]:
        """What to sort by: rows without the property first, then numbers, then texts; turned round if descending."""
        number, text = self._term(ex.Property(name, None), "number"), self._term(ex.Property(name, None), "text")
        keys = [case((number.is_not(None), 1), (text.is_not(None), 2), else_=0), number, text]
        return [key.desc() if descending else key.asc() for key in keys]

    def _comparison(self, node: ex.Comparison) -> Sql:
        kind = node.left.kind or node.right.kind
        if isinstance(node.left, ex.Moment) and not isinstance(node.right, ex.Moment):
            return self._comparison(ex.Comparison(_FLIPPED.get(node.op, node.op), node.right, node.left))  # type: ignore[arg-type]
        if isinstance(node.right, ex.Moment):
            return _OF_DAY[node.op](self._term(node.left, "moment"), node.right.first, node.right.last)
        if kind is not None:
            return _ORDERS[node.op](self._term(node.left, kind), self._term(node.right, kind))
        as_kinds: list[ex.Kind] = ["number", "text"]
        return func.coalesce(
            *(_ORDERS[node.op](self._term(node.left, one), self._term(node.right, one)) for one in as_kinds),
            type_=Boolean(),
        )

    def _term(self, node: ex.Term, kind: ex.Kind) -> Sql:
        match node:
            case ex.Value(str() as value):
                return literal(value)
            case ex.Value(bool() as value):
                return literal(value)
            case ex.Value(float() as value):
                return self._properties.of_number(value)
            case ex.Moment(first):
                return literal(first, UtcDateTime())
            case ex.Lower(of):
                return self._properties.lower(self._term(of, "text"))
            case ex.Arithmetic(op, left, right):
                return _SUMS[op](self._term(left, "number"), self._term(right, "number"))
            case ex.Property("id"):
                text = self._columns.id.collate("BINARY" if self._is_sqlite else "C")
                return text if kind == "text" else cast(null(), _TYPES[kind])
            case ex.Property(name):
                return getattr(self._properties, kind)(name)
        raise TypeError(f"no SQL for {node}")

    def _like(self, node: ex.Like) -> Sql:
        text = self._term(node.text, "text")
        if node.any_case:
            return self._properties.like(self._properties.lower(text), node.pattern.lower())
        return self._properties.like(text, node.pattern)

    def _same(self, name: str, text: str) -> Sql:
        if name == "id":
            return self._columns.id == text
        choices = [self._properties.text(name) == text, self._properties.among("contains", name, [text])]
        number = _number(text)
        if number is not None:
            choices.append(self._properties.number(name) == self._properties.of_number(number))
            choices.append(self._properties.among("contains", name, [number]))
        if text.lower() in ("true", "false"):
            choices.append(self._properties.boolean(name) == literal(text.lower() == "true"))
        return func.coalesce(or_(*choices), false(), type_=Boolean())

    def _is_null(self, name: str) -> Sql:
        if name == "geometry":
            return self._columns.row.footprint.is_(None)
        return false() if name == "id" else self._properties.is_null(name)

    def _spatial(self, node: ex.Spatial) -> Sql:
        row = self._columns.row
        if not self._is_sqlite:
            relation = getattr(func, f"ST_{node.op.capitalize()}")
            holds = relation(row.footprint, func.ST_GeomFromWKB(node.wkb, 4326), type_=Boolean())
            if node.op in ("intersects", "disjoint"):
                return holds
            return case((func.GeometryType(row.footprint) != "GEOMETRYCOLLECTION", holds))
        holds = func.footprint_relates(node.op, row.footprint, node.wkb, type_=Boolean())
        if node.op == "disjoint":
            return holds
        return case((row.footprint.is_(None), null()), else_=and_(self._columns.near(*node.bounds), holds))

    def _ends(self, span: ex.Span) -> tuple[Sql, Sql]:
        if span.whole:
            return self._columns.row.datetime, self._columns.row.end_datetime
        return self._end(span.first, EVER[0]), self._end(span.last, EVER[1])

    def _end(self, end: ex.Property | datetime | None, open_: datetime) -> Sql:
        if isinstance(end, ex.Property):
            return self._properties.moment(end.name)
        return literal(end or open_, UtcDateTime())


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None
