"""Texts."""

from __future__ import annotations

import math
from typing import Annotated, Any

from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.lanes import refuse_large
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import BooleanOrNull, TextOrNull

TextLike = Annotated[Any, Schema({"type": ["string", "number", "boolean", "null"]})]
TextLikes = Annotated[list[Any], Schema({"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}})]
Position = Annotated[int | None, Schema({"type": ["integer", "null"], "minimum": 0})]


def fold_case(text: str) -> str:
    """The text without upper and lower case, of the same length (so that positions in it still hold)."""
    return "".join(_fold(letter) for letter in text)


def _fold(letter: str) -> str:
    for folded in (letter.lower().casefold(), letter.lower()):
        if len(folded) == 1:
            return folded
    return letter


def _prepared(data: Any, pattern: Any, case_sensitive: bool, process_id: str) -> tuple[str, str]:
    for name, value in (("data", data), ("pattern", pattern)):
        if not isinstance(value, str):
            raise OpenEOError("ProcessParameterInvalid", process=process_id, parameter=name, reason="expected a text.")
    return (data, pattern) if case_sensitive else (fold_case(data), fold_case(pattern))


@process(level="L2-Text", categories=["texts", "comparison"])
def text_begins(data: TextOrNull, pattern: str, case_sensitive: bool = True) -> BooleanOrNull:
    """Whether a text begins with another.

    Null stays null.

    Args:
        data: the text to look into.
        pattern: the text to look for, letter by letter; not a regular expression.
        case_sensitive: whether upper and lower case matter.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, text_begins.
    """
    if data is None:
        return None
    text, sought = _prepared(data, pattern, case_sensitive, "text_begins")
    return text.startswith(sought)


@process(level="L2-Text", categories=["texts", "comparison"])
def text_ends(data: TextOrNull, pattern: str, case_sensitive: bool = True) -> BooleanOrNull:
    """Whether a text ends with another.

    Null stays null.

    Args:
        data: the text to look into.
        pattern: the text to look for, letter by letter; not a regular expression.
        case_sensitive: whether upper and lower case matter.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, text_ends.
    """
    if data is None:
        return None
    text, sought = _prepared(data, pattern, case_sensitive, "text_ends")
    return text.endswith(sought)


@process(level="L2-Text", categories=["texts", "comparison"])
def text_contains(data: TextOrNull, pattern: str, case_sensitive: bool = True) -> BooleanOrNull:
    """Whether a text contains another.

    Null stays null.

    Args:
        data: the text to look into.
        pattern: the text to look for, letter by letter; not a regular expression.
        case_sensitive: whether upper and lower case matter.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, text_contains.
    """
    if data is None:
        return None
    text, sought = _prepared(data, pattern, case_sensitive, "text_contains")
    return sought in text


@process(level="L2-Text", categories=["texts"], experimental=True)
def text_find(data: TextOrNull, pattern: str, case_sensitive: bool = True) -> Position:
    """Where in a text another one first stands.

    Null stays null.

    Args:
        data: the text to look into.
        pattern: the text to look for, letter by letter; not a regular expression.
        case_sensitive: whether upper and lower case matter.
    Returns: the position of its first letter, counted from 0; null if it does not occur.
    Source: openeo-processes 2.0.0-rc.2, text_find.
    """
    if data is None:
        return None
    text, sought = _prepared(data, pattern, case_sensitive, "text_find")
    found = text.find(sought)
    return None if found < 0 else found


@process(level="L2-Text", categories=["texts"])
def text_concat(data: TextLikes, separator: TextLike = "") -> str:
    """The elements of an array written one behind the other.

    Numbers, booleans and null are written as in JSON, whole numbers without decimal places.

    Args:
        data: the elements.
        separator: what stands between two of them.
    Returns: one text.
    Source: openeo-processes 2.0.0-rc.2, text_concat.
    """
    between, parts = _written(separator, "separator"), [_written(element, "data") for element in data]
    refuse_large(len(between) * len(parts) + sum(map(len, parts)), "letters")
    return between.join(parts)


def _written(value: Any, parameter: str) -> str:
    """A JSON value as text."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isinf(value):
            return "infinity" if value > 0 else "-infinity"
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    reason = "expected texts, numbers, booleans and nulls."
    raise OpenEOError("ProcessParameterInvalid", process="text_concat", parameter=parameter, reason=reason)
