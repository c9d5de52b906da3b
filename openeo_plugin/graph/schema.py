"""JSON Schemas that users write: values are held against them within a budget, and nothing is fetched for them.

A schema may name others by their addresses, call itself, double its work with every line, or hold an expression that
takes years. So references lead to places within the same schema only, each keyword costs what it looks at, and
expressions are those of an engine that needs no more than linear time.
"""

from __future__ import annotations

import functools
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import jsonschema
from jsonschema.exceptions import ValidationError
from pydantic import StringConstraints, TypeAdapter
from pydantic import ValidationError as NoMatchError
from pydantic_core import SchemaError as NoPatternError
from referencing import Registry
from referencing.exceptions import Unresolvable

from openeo_plugin.errors import suggest

STEPS_MIN = 10_000
STEPS_PER_VALUE = 20
PATTERN_MAX = 500
REPEATED_MAX = 10_000
_KEPT_CHARACTERS = 10_000
_PATTERN_COST = 100  # characters of the text, times those of the pattern with its repetitions, that count as a step
_OPENEO = frozenset({"parameters", "returns", "dimensions", "subtype"})  # words of openEO, not of JSON Schema
_PLACES = frozenset({"$schema", "$id", "id"})  # what would make another place of a part of the schema
_COUNTS = re.compile(r"(?P<group>\))?\{(?P<low>\d+)?(?:,(?P<high>\d+)?)?\}")


class _TooCostlyError(Exception):
    """Checking takes more steps than it may."""


class _Budget(threading.local):
    steps = 0

    def grant(self, value: Any) -> None:
        self.steps = STEPS_MIN + STEPS_PER_VALUE * _size(value)

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise _TooCostlyError


_budget = _Budget()


def is_schema(schema: Any) -> bool:
    """Whether something is a JSON Schema, or a list of them."""
    alternatives = schema if isinstance(schema, list) else [schema]
    if not alternatives or not all(isinstance(one, dict) for one in alternatives):
        return False
    try:
        checkable = [_checkable(one) for one in alternatives]
        _budget.steps = sys.maxsize  # the schema of schemas, which never takes long
        return all(_META.is_valid(one) for one in checkable)
    except (RecursionError, ArithmeticError):
        return False


def mismatch(value: Any, schema: Any) -> str | None:
    """Why a JSON value does not fit a schema (or any of a list of schemas); None if it does."""
    text = json.dumps(schema, sort_keys=True)
    alternatives = (_kept_alternatives if len(text) <= _KEPT_CHARACTERS else _alternatives)(text)
    reasons = []
    _budget.grant(value)
    for alternative in alternatives:
        try:
            error = next(alternative.iter_errors(value), None)
        except (_TooCostlyError, RecursionError):
            return "it can't be checked, as the schema takes too many steps: make it simpler."
        except (Unresolvable, ArithmeticError):
            error = None  # a reference that leads nowhere, or a number beyond all bounds, says nothing of the value
        if error is None:
            return None
        reasons.append(_sentence(error))
    return " Or: ".join(dict.fromkeys(reasons))


def _alternatives(schema: str) -> tuple[jsonschema.Draft7Validator, ...]:
    loaded = json.loads(schema)
    schemas = loaded if isinstance(loaded, list) else [loaded]
    return tuple(_Bounded(_checkable(one), registry=Registry()) for one in schemas)


_kept_alternatives = functools.lru_cache(maxsize=2048)(_alternatives)


def _checkable(schema: Any) -> Any:
    """The schema without what belongs to openEO, and without what leads out of it.

    And without `items` that may be anything, for which every element would be looked at.
    """
    if isinstance(schema, list):
        return [_checkable(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: _checkable(v) for k, v in schema.items() if not _left_out(k, v)}


def _left_out(keyword: str, value: Any) -> bool:
    if keyword == "$ref" and isinstance(value, str):
        return value != "#" and not value.startswith("#/")
    return keyword in _OPENEO or keyword in _PLACES or (keyword, value) == ("items", {})


def _size(value: Any) -> int:
    """How many values there are in a JSON value, itself included."""
    count, waiting = 1, [value]
    while waiting:
        part = waiting.pop()
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        count += len(inner)
        waiting += [one for one in inner if isinstance(one, dict | list)]
    return count


# ---- keywords

type _Keyword = Callable[[Any, Any, Any, Any], Any]


def _counted(keyword: _Keyword) -> _Keyword:
    """A keyword that costs a step, and one for each part that it goes through itself."""

    def check(validator: Any, given: Any, instance: Any, schema: Any) -> Any:
        _budget.spend(1 + (len(given) if isinstance(given, list | dict) else 0))
        return keyword(validator, given, instance, schema)

    return check


def _compared(keyword: _Keyword) -> _Keyword:
    """A keyword that compares whole values."""

    def check(validator: Any, given: Any, instance: Any, schema: Any) -> Any:
        _budget.spend(_size(given))
        return keyword(validator, given, instance, schema)

    return check


def _pattern(_: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, inner in patterns.items():
            for name, value in instance.items():
                if _matches(pattern, name):
                    yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, given: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    _budget.spend(len(instance))
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in known or any(_matches(pattern, name) for pattern in patterns):
            continue
        if given is False:
            yield ValidationError(f"Additional properties are not allowed ({name!r} was unexpected)")
        else:
            yield from validator.descend(value, given, path=name)


def _unique(_: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if wanted is True and isinstance(instance, list):
        _budget.spend(_size(instance))
        if len({_identity(one) for one in instance}) < len(instance):
            yield ValidationError(f"{instance!r} has non-unique elements")


def _identity(value: Any) -> Any:
    """The same for equal values only: 1 and 1.0 are equal, 1 and true are not."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return json.dumps(_comparable(value), sort_keys=True), type(value) is bool
    return value


def _comparable(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _comparable(inner) for name, inner in value.items()}
    return [_comparable(inner) for inner in value] if isinstance(value, list) else value


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text; also if that can't be known in linear time, as with look-ahead."""
    _budget.spend(1 + len(text) * _weight(pattern) // _PATTERN_COST)
    expression = _expression(pattern)
    if expression is None:
        return True
    try:
        expression.validate_python(text)
    except NoMatchError:
        return False
    return True


def _weight(pattern: str) -> int:
    """How long a pattern is with its repetitions written out; those of groups may stand within each other."""
    single = groups = 1
    for found in _COUNTS.finditer(pattern):
        times = max(1, *(int(found[name][:9]) for name in ("low", "high") if found[name]), 1)
        if found["group"]:
            groups *= times
        else:
            single += times
    return (len(pattern) + single) * min(groups, 10**9)


@functools.lru_cache(maxsize=1024)
def _expression(pattern: str) -> TypeAdapter[str] | None:
    if len(pattern) > PATTERN_MAX or _weight(pattern) > REPEATED_MAX:
        return None
    try:
        return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    except NoPatternError:
        return None


_Bounded = jsonschema.validators.extend(
    jsonschema.Draft7Validator,
    {name: _counted(keyword) for name, keyword in jsonschema.Draft7Validator.VALIDATORS.items()}
    | {name: _compared(jsonschema.Draft7Validator.VALIDATORS[name]) for name in ("enum", "const")}
    | {
        "pattern": _pattern,
        "patternProperties": _counted(_pattern_properties),
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique,
    },
)
_META = _Bounded(
    {name: value for name, value in jsonschema.Draft7Validator.META_SCHEMA.items() if name != "$schema"},
    registry=Registry(),
    format_checker=jsonschema.FormatChecker(["regex"]),
)


# ---- what a fault is called


def _sentence(error: Any) -> str:
    where = "".join(f"[{p!r}]" for p in error.absolute_path)
    shown = json.dumps(error.instance, default=str)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    expected = {
        "type": lambda: f"expected {_either(error.validator_value)}, got {shown}.",
        "enum": lambda: _not_listed(shown, error.instance, error.validator_value),
        "required": lambda: f"{error.message}.",
        "minItems": lambda: f"at least {error.validator_value} element(s) are needed, got {len(error.instance)}.",
        "maxItems": lambda: f"at most {error.validator_value} element(s) are allowed, got {len(error.instance)}.",
    }.get(error.validator, lambda: f"{error.message[:200]}.")()
    return f"{where + ': ' if where else ''}{expected}"


def _not_listed(shown: str, value: Any, allowed: list[Any]) -> str:
    near = suggest(value, [word for word in allowed if isinstance(word, str)]) if isinstance(value, str) else ""
    return f"got {shown}; allowed are {', '.join(map(str, allowed))}.{near}"


def _either(types: str | list[str]) -> str:
    return types if isinstance(types, str) else " or ".join(types)
