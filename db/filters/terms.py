"""Terms of a filter: properties, values, moments, and what is computed of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal, cast

from db.filters import expression as ex
from db.filters.expression import FilterInvalidError, Kind, Term
from openeo_plugin.errors import suggest

type Names = Mapping[str, Any]

_TEXT_MAX = 10_000
_OPEN = (None, "..")
_PREFIX = "properties."


def term(node: Any, names: Names) -> Term:
    """A term. Raises: FilterInvalidError."""
    if isinstance(node, bool):
        return ex.Value(node, "boolean")
    if isinstance(node, int | float):
        return ex.Value(_finite(node), "number")
    if isinstance(node, str):
        return ex.Value(_short(node), "text")
    if isinstance(node, dict):
        if "property" in node:
            return property_of(node, names)
        if "timestamp" in node or "date" in node:
            return moment_of(node)
        if "op" in node:
            return _computed(node, names)
    raise FilterInvalidError("a property, a number, a text, a truth value or a moment is expected")


def scalars(nodes: list[Any], names: Names) -> tuple[Term, Term]:
    """Two terms that can be compared. A text beside a moment is read as one. Raises: FilterInvalidError."""
    left, right = (term(node, names) for node in nodes)
    left, right = _as_moment(left, right), _as_moment(right, left)
    if left.kind is not None and right.kind is not None and left.kind != right.kind:
        raise FilterInvalidError(f"{_told(left)} can't be compared with {_told(right)}")
    return left, right


def lowered(asked: Term) -> tuple[Term, bool]:
    """What `casei` was asked of, and whether it was."""
    return (asked.of, True) if isinstance(asked, ex.Lower) else (asked, False)


def property_of(node: Mapping[str, Any], names: Names, *, spatial: bool = False, arrays: bool = False) -> ex.Property:
    """A property that can be asked for. Raises: FilterInvalidError, with a near match for a name that nothing has."""
    name = node.get("property")
    if not isinstance(name, str):
        raise FilterInvalidError("the name of a property is a text")
    if name not in names and name.startswith(_PREFIX):
        name = name.removeprefix(_PREFIX)
    if name == "geometry" and not spatial:
        raise FilterInvalidError("'geometry' can be used in spatial functions only")
    if name in ("id", "geometry"):
        return ex.Property(name, "text")
    if name not in names:
        raise FilterInvalidError(f"there is no property '{name[:80]}'.{suggest(name[:80], [*names])}")
    schema = names[name] if isinstance(names[name], Mapping) else {}
    if not arrays and not spatial and schema.get("type") == "array":
        raise FilterInvalidError(
            f"the property '{name}' is an array: use a_contains, a_containedBy, a_overlaps or a_equals"
        )
    return ex.Property(name, kind_of(schema))


def kind_of(schema: Mapping[str, Any]) -> Kind | None:
    """What a property holds, by its JSON Schema."""
    match schema.get("type"):
        case "number" | "integer":
            return "number"
        case "boolean":
            return "boolean"
        case "string":
            return "moment" if schema.get("format") in ("date-time", "date") else "text"
    return None


def moment_of(node: Mapping[str, Any]) -> ex.Moment:
    """A timestamp, or the day of a date. Raises: FilterInvalidError."""
    if "date" in node:
        return _moment(node["date"])
    found = _moment(node["timestamp"])
    if found.first != found.last:
        raise FilterInvalidError("a timestamp is RFC 3339, with a time and a zone")
    return found


def span(node: Any, names: Names) -> ex.Span:
    """A moment or an interval of two, either of which may be a property. Raises: FilterInvalidError."""
    if isinstance(node, dict) and "interval" in node:
        ends = node["interval"]
        if not isinstance(ends, list) or len(ends) != 2:
            raise FilterInvalidError("an interval has two ends")
        first, last = _end(ends[0], names, "first"), _end(ends[1], names, "last")
        if isinstance(first, datetime) and isinstance(last, datetime) and first > last:
            raise FilterInvalidError("an interval begins before it ends")
        return ex.Span(first, last)
    if isinstance(node, dict) and node.get("property") in ("datetime", f"{_PREFIX}datetime"):
        return ex.Span(whole=True)
    first, last = _end(node, names, "first"), _end(node, names, "last")
    if first is None:
        raise FilterInvalidError("a moment or an interval is expected")
    return ex.Span(first, last)


def _end(node: Any, names: Names, which: Literal["first", "last"]) -> ex.Property | datetime | None:
    if node in _OPEN:
        return None
    if isinstance(node, dict) and "property" in node:
        asked = property_of(node, names)
        if asked.kind not in (None, "moment"):
            raise FilterInvalidError(f"the property '{asked.name}' holds no moments")
        return asked
    if isinstance(node, dict) and ("timestamp" in node or "date" in node):
        return cast(datetime, getattr(moment_of(node), which))
    return cast(datetime, getattr(_moment(node), which))


def _moment(text: Any) -> ex.Moment:
    try:
        if len(text) == len("2020-01-01"):
            day = datetime.combine(datetime.fromisoformat(text), time(), UTC)
            return ex.Moment(day, day + (timedelta(days=1) - timedelta(microseconds=1)))
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None or len(text) < len("2020-01-01T00:00:00Z"):
            raise FilterInvalidError(f"'{text[:40]}' has no time zone")
        return ex.Moment(moment.astimezone(UTC), moment.astimezone(UTC))
    except FilterInvalidError:
        raise
    except (TypeError, ValueError, OverflowError):
        raise FilterInvalidError(f"'{str(text)[:40]}' is no RFC 3339 date or time") from None


def _as_moment(asked: Term, other: Term) -> Term:
    """Clients write moments as plain texts."""
    if other.kind == "moment" and isinstance(asked, ex.Value) and isinstance(asked.value, str):
        return _moment(asked.value)
    return asked


def _computed(node: Mapping[str, Any], names: Names) -> Term:
    op, args = node["op"], node.get("args")
    if op == "casei" and isinstance(args, list) and len(args) == 1:
        text = term(args[0], names)
        if text.kind not in (None, "text"):
            raise FilterInvalidError("'casei' is for texts")
        return ex.Lower(text)
    if op in ("+", "-", "*", "/") and isinstance(args, list) and len(args) == 2:
        left, right = (term(arg, names) for arg in args)
        if {left.kind, right.kind} - {None, "number"}:
            raise FilterInvalidError(f"'{op}' is for numbers")
        return ex.Arithmetic(cast(Any, op), left, right)
    raise FilterInvalidError(f"there is no function '{str(op)[:40]}' with these arguments")


def _told(asked: Term) -> str:
    kinds = {"number": "numbers", "text": "texts", "boolean": "truth values", "moment": "moments"}
    kind = kinds[asked.kind] if asked.kind else "anything"
    return f"'{asked.name}', which holds {kind}," if isinstance(asked, ex.Property) else kind


def _finite(number: float) -> float:
    try:
        if math.isfinite(float(number)):
            return float(number)
    except OverflowError:
        pass
    raise FilterInvalidError("a number is too large")


def _short(text: str) -> str:
    if len(text) > _TEXT_MAX:
        raise FilterInvalidError(f"a text is longer than {_TEXT_MAX} characters")
    return text
