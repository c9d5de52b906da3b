"""What a filter says: a tree of frozen values. `read` makes it from CQL2, `sql` makes a condition of it.

A condition is true, false or null, as in SQL: a comparison with a property that an item does not have, or that holds
another type, is null, and so is its negation. Only what is true is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

type Kind = Literal["number", "text", "boolean", "moment"]
type Order = Literal["=", "<>", "<", "<=", ">", ">="]


class FilterInvalidError(ValueError):
    """The filter can't be used; the message is for who sent it."""


@dataclass(frozen=True, slots=True)
class Property:
    """A property of an item. kind: of its values, None if they differ or nobody knows. `id` stands for the item's."""

    name: str
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Value:
    """A number, a text or a truth value."""

    value: float | str | bool
    kind: Kind


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, or a day: first <= t <= last, in UTC."""

    first: datetime
    last: datetime
    kind: Kind = "moment"


@dataclass(frozen=True, slots=True)
class Lower:
    """A text in lower case."""

    of: Term
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """left op right, of numbers. A division by zero is null."""

    op: Literal["+", "-", "*", "/"]
    left: Term
    right: Term
    kind: Kind = "number"


type Term = Property | Value | Moment | Lower | Arithmetic


@dataclass(frozen=True, slots=True)
class Comparison:
    """left op right; texts are ordered by code point."""

    op: Order
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Like:
    """A text against a pattern: `%` for any characters, `_` for one, a backslash before what stands for itself."""

    text: Term
    pattern: str
    any_case: bool


@dataclass(frozen=True, slots=True)
class IsNull:
    """A property that is not there, or null."""

    of: Property


@dataclass(frozen=True, slots=True)
class Truth:
    """A property that is true, or a constant."""

    of: Property | bool


@dataclass(frozen=True, slots=True)
class Spatial:
    """The footprint op a geometry in longitude and latitude.

    Args:
        op: intersects, disjoint, contains, within, touches, crosses, overlaps or equals.
        wkb: the geometry; valid, and no collection.
        bounds: west, south, east, north of it.
    """

    op: str
    wkb: bytes
    bounds: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, both included; None is open. `whole`: the time of the item."""

    first: Property | datetime | None = None
    last: Property | datetime | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Temporal:
    """A relation of Allen's, by its name in CQL2 without `t_`."""

    op: str
    left: Span
    right: Span


@dataclass(frozen=True, slots=True)
class Among:
    """A property that is an array, as a set, against values.

    Args:
        op: contains, containedby, overlaps or equals.
    """

    op: str
    name: str
    values: tuple[float | str | bool, ...]


@dataclass(frozen=True, slots=True)
class Same:
    """A property given as text in an address: equal as a text, a number or a truth value, or in an array."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """Whether one of some texts occurs in one of some properties (texts, or arrays of texts), in any case."""

    names: tuple[str, ...]
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; null stays null."""

    of: Condition


@dataclass(frozen=True, slots=True)
class Joined:
    """Several conditions of which all, or at least one, must hold."""

    op: Literal["and", "or"]
    of: tuple[Condition, ...]


type Condition = Comparison | Like | IsNull | Truth | Spatial | Temporal | Among | Same | Words | Not | Joined
