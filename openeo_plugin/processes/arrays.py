"""Arrays made, joined and changed: lists, lists with labels, or for every pixel the values along a dimension."""

from __future__ import annotations

from typing import Annotated, Any

from openeo_plugin.cube.dimensions import Label
from openeo_plugin.cube.labelled_array import LabelledArray
from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.lanes import array_of, concatenated, elements_of, labels_of, refuse_large
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import AnyArray, Anything, Index

Repeat = Annotated[int, Schema({"type": "integer", "minimum": 1})]

LabelOrNull = Annotated[Label | None, Schema([{"type": "number"}, {"type": "string"}, {"type": "null"}])]

DistinctLabels = Annotated[
    list[Label], Schema({"type": "array", "uniqueItems": True, "items": {"type": ["number", "string"]}})
]

LabelledList = Annotated[LabelledArray, Schema({"type": "array", "subtype": "labeled-array", "items": {}})]

PlainArray = Annotated[list[Any], Schema({"type": "array"})]

Labels = Annotated[list[Label], Schema({"type": "array", "items": {"type": ["number", "string"]}})]


@process(level="L1", categories=["arrays"])
def array_create(data: AnyArray = [], repeat: Repeat = 1) -> AnyArray:  # noqa: B006
    """Array of the given elements.

    Args:
        data: the elements; labels are dropped.
        repeat: how many times the elements follow one another.
    Returns: the new array.
    Source: openeo-processes 2.0.0-rc.2, array_create.
    """
    elements = elements_of(data)
    refuse_large(len(elements) * repeat)
    return array_of(elements * repeat, None)


@process(level="L3", categories=["arrays"], experimental=True)
def array_create_labeled(data: Anything, labels: DistinctLabels) -> LabelledList:
    """Array with labels.

    Args:
        data: the values.
        labels: as many labels, each different from the others.
    Returns: the labelled array.
    Raises: ArrayLengthMismatch.
    Source: openeo-processes 2.0.0-rc.2, array_create_labeled.
    """
    if not isinstance(data, list | Lanes):
        reason = "expected an array."
        raise OpenEOError("ProcessParameterInvalid", process="array_create_labeled", parameter="data", reason=reason)
    values = elements_of(data)
    if len(values) != len(labels):
        raise OpenEOError("ArrayLengthMismatch", values=len(values), labels=len(labels))
    return array_of(values, tuple(labels))


@process(level="L3", categories=["arrays"])
def array_append(data: AnyArray, value: Anything, label: LabelOrNull = None) -> AnyArray:
    """Array with one more element at its end.

    Args:
        data: the array.
        value: the element to add.
        label: its label, for an array with labels only; by default the index that the element gets.
    Returns: the longer array.
    Raises: LabelExists, ArrayNotLabeled.
    Source: openeo-processes 2.0.0-rc.2, array_append.
    """
    labels = labels_of(data)
    if labels is None and label is not None:
        raise OpenEOError("ArrayNotLabeled")
    if labels is not None:
        added = len(labels) if label is None else label
        if added in labels:
            raise OpenEOError("LabelExists", label=added)
        labels = (*labels, added)
    return concatenated([data, [value]], labels)


@process(level="L1", categories=["arrays"])
def array_concat(array1: AnyArray, array2: AnyArray) -> AnyArray:
    """Two arrays, one after the other.

    Labels stay only if both arrays have some. In callbacks a single value counts as an array of one element, as
    clients write `array_concat(data, ndvi)`.

    Args:
        array1: the first array.
        array2: the second array.
    Returns: the joined array.
    Raises: ArrayLabelConflict.
    Source: openeo-processes 2.0.0-rc.2, array_concat.
    """
    first, second = labels_of(array1), labels_of(array2)
    labels = None if first is None or second is None else _joined(first, second)
    return concatenated([[array] if isinstance(array, Pixels) else array for array in (array1, array2)], labels)


def _joined(first: tuple[Label, ...], second: tuple[Label, ...]) -> tuple[Label, ...]:
    if set(first) & set(second):
        raise OpenEOError("ArrayLabelConflict")
    return (*first, *second)


@process(level="L3", categories=["arrays"], experimental=True)
def array_modify(data: AnyArray, values: AnyArray, index: Index, length: Index = 0) -> AnyArray:
    """Array with elements inserted, replaced or removed.

    Labels stay only if both arrays have some, or if one has and the other is empty.

    Args:
        data: the array to change.
        values: the elements to insert; none to remove only.
        index: where they are inserted: before the element that stands there. The number of elements means the end.
        length: how many elements of `data` to remove from there on.
    Returns: the changed array.
    Raises: ArrayElementNotAvailable, ArrayLabelConflict.
    Source: openeo-processes 2.0.0-rc.2, array_modify.
    """
    if index > len(data):
        raise OpenEOError("ArrayElementNotAvailable", element=index)
    old, new = elements_of(data), elements_of(values)
    labels = _labels_after(data, values, index, length)
    return array_of([*old[:index], *new, *old[index + length :]], labels)


def _labels_after(data: Any, values: Any, index: int, length: int) -> tuple[Label, ...] | None:
    """The labels of the changed array; None if they are lost."""
    old, new = labels_of(data), labels_of(values)
    old = () if old is None and not len(data) else old
    new = () if new is None and not len(values) else new
    if old is None or new is None or (labels_of(data) is None and labels_of(values) is None):
        return None
    _joined(old, new)
    return (*old[:index], *new, *old[index + length :])


@process(level="L3", categories=["arrays"])
def array_labels(data: PlainArray) -> Labels:
    """Labels of an array.

    Args:
        data: the array.
    Returns: the labels, or the indices of an array without labels, in the order of the elements.
    Source: openeo-processes 2.0.0-rc.2, array_labels.
    """
    labels = labels_of(data)
    return list(range(len(data))) if labels is None else list(labels)
