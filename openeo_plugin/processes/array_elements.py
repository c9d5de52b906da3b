"""Elements of arrays, got and found.

Values are compared as `eq` does: types are told apart strictly, null equals nothing.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from openeo_plugin.cube.dimensions import Label
from openeo_plugin.cube.pixels import Array, Lanes, Mask, Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.comparison import eq
from openeo_plugin.processes.lanes import elements_of, index_of, is_true, labels_of, lanes_of
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import AnyArray, Anything, Boolean, Comparable

LabelGiven = Annotated[Label, Schema([{"type": "number"}, {"type": "string"}])]
OptionalLabel = Annotated[Label | None, Schema([{"type": "number"}, {"type": "string"}])]
OptionalIndex = Annotated[int | None, Schema({"type": "integer", "minimum": 0}, accepts={"type": ["integer", "null"]})]
"""Below zero there is no element, which the standard has an error of its own for."""

FoundIndex = Annotated[Any, Schema([{"type": "null"}, {"type": "integer", "minimum": 0}])]


@process(level="L1", categories=["arrays", "reducer"])
def array_element(
    data: AnyArray, index: OptionalIndex = None, label: OptionalLabel = None, return_nodata: bool = False
) -> Anything:
    """One element of an array.

    Args:
        data: the array.
        index: position of the element, from 0.
        label: label of the element, in an array with labels. Either index or label is given.
        return_nodata: whether to give null for an element that is not there, instead of failing.
    Returns: the element.
    Raises: ArrayElementNotAvailable, ArrayElementParameterMissing, ArrayElementParameterConflict, ArrayNotLabeled.
    Source: openeo-processes 2.0.0-rc.2, array_element.
    """
    if index is None and label is None:
        raise OpenEOError("ArrayElementParameterMissing")
    if index is not None and label is not None:
        raise OpenEOError("ArrayElementParameterConflict")
    position = index if label is None else _position(data, label)
    if position is not None and 0 <= position < len(data):
        return data.element(position) if isinstance(data, Lanes) else data[position]
    if return_nodata:
        return None
    raise OpenEOError("ArrayElementNotAvailable", element=label if index is None else index)


def _position(data: Any, label: Label) -> int | None:
    labels = labels_of(data)
    if labels is None:
        raise OpenEOError("ArrayNotLabeled")
    return index_of(label, labels)


@process(level="L3", categories=["arrays", "comparison", "reducer"])
def array_contains(data: AnyArray, value: Comparable) -> Boolean:
    """Whether an array holds a value.

    Null is never found, nor is anything inside nested arrays.

    Args:
        data: the array.
        value: the value to look for.
    Returns: true or false.
    Source: openeo-processes 2.0.0-rc.2, array_contains.
    """
    matches = _matches(data, value)
    if isinstance(matches, list):
        return any(matches)
    return Pixels(matches.any(axis=0))  # type: ignore[return-value]


@process(level="L2", categories=["arrays", "reducer"])
def array_find(data: AnyArray, value: Anything, reverse: bool = False) -> FoundIndex:
    """Index of a value in an array.

    Args:
        data: the array.
        value: the value to look for; null, arrays and objects are never found.
        reverse: whether to give the last match instead of the first.
    Returns: the index from 0, or null without a match.
    Source: openeo-processes 2.0.0-rc.2, array_find.
    """
    matches = _matches(data, value)
    if isinstance(matches, list):
        found = [i for i, match in enumerate(matches) if match]
        return found[-1 if reverse else 0] if found else None
    first = matches[::-1].argmax(axis=0) if reverse else matches.argmax(axis=0)
    index = len(matches) - 1 - first if reverse else first
    return Pixels(index.astype(np.uint16), mask=Mask(~matches.any(axis=0)))


def _matches(data: Any, value: Any) -> list[bool] | Array:
    """Which elements equal the value: a list, or bool (T, *rest) if there are pixels among data and value."""
    elements = elements_of(lanes_of(data) or data)
    verdicts = [eq(element, value) for element in elements]
    shapes = [v.shape for v in verdicts if isinstance(v, Pixels)]
    if not shapes:
        return [v is True for v in verdicts]
    shape = np.broadcast_shapes(*shapes)
    return np.stack([is_true(v, shape) for v in verdicts])


@process(level="L3", categories=["arrays", "reducer"], experimental=True)
def array_find_label(data: AnyArray, label: LabelGiven) -> FoundIndex:
    """Index of a label in an array.

    Args:
        data: the array.
        label: the label to look for.
    Returns: the index from 0; null if there is no such label, or no labels at all.
    Source: openeo-processes 2.0.0-rc.2, array_find_label.
    """
    labels = labels_of(data)
    return None if labels is None else index_of(label, labels)
