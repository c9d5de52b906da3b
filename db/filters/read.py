"""CQL2 as conditions: every name is one that can be asked for, every value is of a type that fits.

text or JSON -> CQL2 JSON -> `Condition`. Sizes are bounded before anything walks through the filter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, NoReturn, cast

from db.filters import expression as ex
from db.filters.expression import Condition, FilterInvalidError
from db.filters.geometries import geometry_of
from db.filters.terms import Names, lowered, property_of, scalars, span, term
from db.filters.text import parsed_text

type Language = Literal["cql2-text", "cql2-json"]

LANGUAGES: tuple[Language, ...] = ("cql2-text", "cql2-json")
DEPTH_MAX = 60
NODES_MAX = 50_000
TERMS_MAX = 500
PARTS_MAX = 900
"""Comparisons and sums in all: databases take a millisecond for each, and SQLite no more than 1000 one in the other."""
_FLIPPED = {"contains": "within", "within": "contains"}
_SPATIAL = frozenset({"intersects", "disjoint", "contains", "within", "touches", "crosses", "overlaps", "equals"})
_TEMPORAL = frozenset(
    {"after", "before", "contains", "disjoint", "during", "equals", "finishedby", "finishes", "intersects", "meets",
     "metby", "overlappedby", "overlaps", "startedby", "starts"}
)  # fmt: skip
_ARRAYS = frozenset({"contains", "containedby", "overlaps", "equals"})


def read_filter(filter_: str | Any, language: Language, queryables: Mapping[str, Any]) -> Condition:
    """A filter as a condition.

    Args:
        filter_: text, or JSON that is read already.
        language: of a text.
        queryables: JSON Schema of each property that can be asked for; `geometry` and `id` always can.
    Raises: FilterInvalidError.
    """
    document = filter_ if not isinstance(filter_, str) else _document(filter_, language)
    _measure(document)
    condition = _condition(document, queryables)
    if _parts(condition) > PARTS_MAX:
        raise FilterInvalidError(f"it has more than {PARTS_MAX} comparisons, values to choose from and sums")
    return condition


def _parts(node: Condition | ex.Term) -> int:
    """What the database has to look at for each item."""
    match node:
        case ex.Joined(_, inner):
            return sum(map(_parts, inner))
        case ex.Not(of) | ex.Lower(of):
            return _parts(of)
        case ex.Comparison(_, left, right):
            return max(1, _parts(left) + _parts(right))
        case ex.Arithmetic(_, left, right):
            return 1 + _parts(left) + _parts(right)
        case ex.Like(text):
            return 1 + _parts(text)
        case ex.Among(_, _, values):
            return max(1, len(values))
    return 0 if isinstance(node, ex.Property | ex.Value | ex.Moment) else 1


def _document(text: str, language: Language) -> Any:
    if language == "cql2-text":
        return parsed_text(text)
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FilterInvalidError("it can't be read as CQL2 JSON") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _measure(document: Any) -> None:
    """Raises: FilterInvalidError, for what is nested too deeply or too large, or holds what no database takes."""
    level, nodes = [document], 0
    for _ in range(DEPTH_MAX):
        nodes += len(level)
        if not all(_is_text(value) for value in level if isinstance(value, str)):
            raise FilterInvalidError("it holds a NUL character or half of a surrogate pair")
        if nodes > NODES_MAX:
            raise FilterInvalidError(f"it has more than {NODES_MAX} parts")
        level = [inner for value in level for inner in _inner(value)]
        if not level:
            return
    raise FilterInvalidError(f"it is nested more than {DEPTH_MAX} times")


def _is_text(value: str) -> bool:
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.values()]
    return value if isinstance(value, list) else []


def _condition(node: Any, names: Names) -> Condition:
    if isinstance(node, bool):
        return ex.Truth(node)
    if isinstance(node, dict) and isinstance(node.get("property"), str):
        asked = property_of(node, names)
        if asked.kind not in (None, "boolean"):
            raise FilterInvalidError(f"the property '{asked.name}' is neither true nor false")
        return ex.Truth(asked)
    if not isinstance(node, dict) or not isinstance(node.get("op"), str) or not isinstance(node.get("args"), list):
        raise FilterInvalidError("an operation with `op` and `args` is expected")
    op, args = node["op"], node["args"]
    found = _family(op)
    if found is None:
        raise FilterInvalidError(f"there is no operation '{op[:40]}' that is true or false")
    return found(op, args, names)


def _family(op: str) -> Callable[[str, list[Any], Names], Condition] | None:
    family, _, relation = op.lower().partition("_")
    if (family, relation in _SPATIAL) == ("s", True):
        return _spatial
    if (family, relation in _TEMPORAL) == ("t", True):
        return _temporal
    if (family, relation in _ARRAYS) == ("a", True):
        return _array
    return _OPERATIONS.get(op)


def _joined(op: str, args: list[Any], names: Names) -> Condition:
    if not 1 <= len(args) <= TERMS_MAX:
        raise FilterInvalidError(f"'{op}' joins 2 to {TERMS_MAX} conditions")
    return ex.Joined(cast(Literal["and", "or"], op), tuple(_condition(arg, names) for arg in args))


def _not(op: str, args: list[Any], names: Names) -> Condition:
    return ex.Not(_condition(_exactly(op, args, 1)[0], names))


def _comparison(op: str, args: list[Any], names: Names) -> Condition:
    left, right = scalars(_exactly(op, args, 2), names)
    if left.kind == "boolean" and op not in ("=", "<>"):
        raise FilterInvalidError("truth values have no order")
    return ex.Comparison(cast(ex.Order, op), left, right)


def _between(op: str, args: list[Any], names: Names) -> Condition:
    value, low, high = _exactly(op, args, 3)
    return ex.Joined("and", (_comparison(">=", [value, low], names), _comparison("<=", [value, high], names)))


def _in(op: str, args: list[Any], names: Names) -> Condition:
    value, choices = _exactly(op, args, 2)
    if not isinstance(choices, list) or not 1 <= len(choices) <= TERMS_MAX:
        raise FilterInvalidError(f"'in' needs a list of 1 to {TERMS_MAX} values")
    return ex.Joined("or", tuple(_comparison("=", [value, choice], names) for choice in choices))


def _like(op: str, args: list[Any], names: Names) -> Condition:
    asked, pattern = _exactly(op, args, 2)
    text, any_case = lowered(term(asked, names))
    wanted, also = lowered(term(pattern, names))
    if text.kind not in (None, "text") or not isinstance(wanted, ex.Value) or not isinstance(wanted.value, str):
        raise FilterInvalidError("'like' compares a text with a pattern")
    if len(wanted.value) > 200:
        raise FilterInvalidError("the pattern of 'like' is longer than 200 characters")
    return ex.Like(text, wanted.value, any_case or also)


def _is_null(op: str, args: list[Any], names: Names) -> Condition:
    (asked,) = _exactly(op, args, 1)
    if not isinstance(asked, dict) or "property" not in asked:
        raise FilterInvalidError("'isNull' asks for a property")
    return ex.IsNull(property_of(asked, names, spatial=True))


def _spatial(op: str, args: list[Any], names: Names) -> Condition:
    left, right = _exactly(op, args, 2)
    relation = op.lower().partition("_")[2]
    if _is_geometry(right):
        left, right, relation = right, left, _FLIPPED.get(relation, relation)
    if not _is_geometry(left) or _is_geometry(right):
        raise FilterInvalidError(f"'{op}' compares the property 'geometry' with a geometry")
    return ex.Spatial(relation, *geometry_of(right))


def _is_geometry(node: Any) -> bool:
    return isinstance(node, dict) and node.get("property") == "geometry"


def _temporal(op: str, args: list[Any], names: Names) -> Condition:
    left, right = _exactly(op, args, 2)
    return ex.Temporal(op.lower().partition("_")[2], span(left, names), span(right, names))


def _array(op: str, args: list[Any], names: Names) -> Condition:
    left, right = _exactly(op, args, 2)
    relation = op.lower().partition("_")[2]
    if isinstance(left, list):
        left, right = right, left
        relation = {"contains": "containedby", "containedby": "contains"}.get(relation, relation)
    if not isinstance(left, dict) or not isinstance(right, list) or len(right) > TERMS_MAX:
        raise FilterInvalidError(f"'{op}' compares a property with a list of up to {TERMS_MAX} values")
    values = [term(value, names) for value in right]
    if not all(isinstance(value, ex.Value) for value in values):
        raise FilterInvalidError(f"'{op}' compares with numbers, texts and truth values")
    asked = property_of(left, names, arrays=True)
    return ex.Among(relation, asked.name, tuple(value.value for value in values if isinstance(value, ex.Value)))


def _exactly(op: str, args: list[Any], count: int) -> list[Any]:
    if len(args) != count:
        raise FilterInvalidError(f"'{op}' takes {count} arguments, not {len(args)}")
    return args


_OPERATIONS: dict[str, Callable[[str, list[Any], Names], Condition]] = {
    "and": _joined,
    "or": _joined,
    "not": _not,
    "between": _between,
    "in": _in,
    "like": _like,
    "isNull": _is_null,
    **dict.fromkeys(("=", "<>", "<", "<=", ">", ">="), _comparison),
}
