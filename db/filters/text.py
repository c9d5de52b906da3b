"""CQL2 text as CQL2 JSON, read from left to right in a time that grows with its length only.

Parsers that try one reading after another need, for an unclosed parenthesis, twice the time for each one around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from db.filters.expression import FilterInvalidError
from db.filters.words import ORDERS, Tokens, tokens_of

type Json = Any

DEPTH_MAX = 40
_CONSTANTS = {"TRUE": True, "FALSE": False}
# How deep the positions of a geometry lie.
_GEOMETRIES = {
    "POINT": ("Point", 0), "LINESTRING": ("LineString", 1), "POLYGON": ("Polygon", 2), "MULTIPOINT": ("MultiPoint", 1),
    "MULTILINESTRING": ("MultiLineString", 2), "MULTIPOLYGON": ("MultiPolygon", 3),
}  # fmt: skip


def parsed_text(text: str) -> Json:
    """A filter in CQL2 text as JSON. Raises: FilterInvalidError."""
    reader = _Reader(tokens_of(text))
    found = reader.condition()
    reader.tokens.end()
    return found


class _Reader:
    """Reads by precedence: or, and, not, comparisons, sums, products, signs, and what stands alone."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self._depth = 0

    def condition(self) -> Json:
        with self._deeper():
            return self._joined("or", lambda: self._joined("and", self._negated))

    def _joined(self, op: str, read: Callable[[], Json]) -> Json:
        parts = [read()]
        while self.tokens.takes(op.upper()):
            parts.append(read())
        return parts[0] if len(parts) == 1 else {"op": op, "args": parts}

    def _negated(self) -> Json:
        if self.tokens.takes("NOT"):
            with self._deeper():
                return {"op": "not", "args": [self._negated()]}
        return self._predicate()

    def _predicate(self) -> Json:
        left = self._sum()
        for order in ORDERS:
            if self.tokens.takes(order):
                return {"op": order, "args": [left, self._sum()]}
        if self.tokens.takes("IS"):
            negated = self.tokens.takes("NOT")
            self.tokens.needs("NULL")
            return _perhaps_not(negated, {"op": "isNull", "args": [left]})
        negated = self.tokens.takes("NOT")
        if self.tokens.takes("BETWEEN"):
            low = self._sum()
            self.tokens.needs("AND")
            return _perhaps_not(negated, {"op": "between", "args": [left, low, self._sum()]})
        if self.tokens.takes("LIKE"):
            return _perhaps_not(negated, {"op": "like", "args": [left, self._sum()]})
        if self.tokens.takes("IN"):
            return _perhaps_not(negated, {"op": "in", "args": [left, self._list()]})
        return self.tokens.refuse() if negated else left

    def _sum(self) -> Json:
        return self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._signed))

    def _chain(self, ops: tuple[str, ...], read: Callable[[], Json]) -> Json:
        found = read()
        while (op := next((op for op in ops if self.tokens.takes(op)), None)) is not None:
            found = {"op": op, "args": [found, read()]}
        return found

    def _signed(self) -> Json:
        if not self.tokens.takes("-"):
            return self._alone()
        with self._deeper():
            value = self._signed()
        return -value if isinstance(value, int | float) else {"op": "*", "args": [-1, value]}

    def _alone(self) -> Json:
        tokens = self.tokens
        value = tokens.value()
        if value is not None:
            return value
        if tokens.takes("("):
            inner = self.condition()
            tokens.needs(")")
            return inner
        name, quoted = tokens.name()
        if quoted or not tokens.takes("("):
            constant = None if quoted else _CONSTANTS.get(name.upper())
            return {"property": name} if constant is None else constant
        return self._call(name)

    def _call(self, name: str) -> Json:
        """What follows a name and its parenthesis."""
        kind = name.upper()
        if kind in ("DATE", "TIMESTAMP"):
            text = self.tokens.text()
            self.tokens.needs(")")
            return {kind.lower(): text}
        if kind in _GEOMETRIES:
            return self._geometry(kind)
        arguments = self._arguments(self._element if kind.startswith("A_") else self.condition)
        if kind == "INTERVAL":
            return {"interval": arguments}
        return {"bbox": arguments} if kind == "BBOX" else {"op": name.lower(), "args": arguments}

    def _element(self) -> Json:
        """An argument of an array function: what stands in parentheses is a list."""
        return self._list() if self.tokens.sees("(") else self.condition()

    def _list(self) -> list[Json]:
        self.tokens.needs("(")
        return self._arguments(self.condition)

    def _arguments(self, read: Callable[[], Json]) -> list[Json]:
        """What stands between commas until the parenthesis closes."""
        if self.tokens.takes(")"):
            return []
        found = [read()]
        while self.tokens.takes(","):
            found.append(read())
        self.tokens.needs(")")
        return found

    def _geometry(self, kind: str) -> Json:
        name, depth = _GEOMETRIES[kind]
        if depth == 0:
            coordinates: list[Json] = self._position()
            self.tokens.needs(")")
        else:
            coordinates = self._arguments(lambda: self._positions(depth - 1, kind == "MULTIPOINT"))
        return {"type": name, "coordinates": coordinates}

    def _positions(self, depth: int, loose: bool) -> list[Json]:
        """Lists of positions; those of a multipoint may stand in parentheses each."""
        if depth == 0 and not (loose and self.tokens.sees("(")):
            return self._position()
        self.tokens.needs("(")
        if depth == 0:
            position = self._position()
            self.tokens.needs(")")
            return position
        return self._arguments(lambda: self._positions(depth - 1, False))

    def _position(self) -> list[Json]:
        numbers = [self.tokens.number(), self.tokens.number()]
        while len(numbers) < 4 and not self.tokens.sees(",") and not self.tokens.sees(")"):
            numbers.append(self.tokens.number())
        return numbers

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise FilterInvalidError(f"it is nested more than {DEPTH_MAX} times")
        yield
        self._depth -= 1


def _perhaps_not(negated: bool, condition: Json) -> Json:
    return {"op": "not", "args": [condition]} if negated else condition
