"""Processes run on every element of an array."""

from __future__ import annotations

import numpy as np

from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.processes.lanes import by_element, compacted, elements_of, is_true, labels_of, lanes_of, selected
from openeo_plugin.processes.process import process
from openeo_plugin.processes.types import AnyArray, Anything, ElementCallback, ElementCondition


@process(level="L3", categories=["arrays"])
def array_apply(data: AnyArray, process: ElementCallback, context: Anything = None) -> AnyArray:
    """Array of what a process gives for every element.

    Args:
        data: the array.
        process: called with the value x, the index and the label of each element.
        context: passed on to the process.
    Returns: an array of the same length, with the same labels.
    Source: openeo-processes 2.0.0-rc.2, array_apply.
    """
    array = lanes_of(data) or data
    return by_element(array, lambda x, index, label: process(x=x, index=index, label=label, context=context))


@process(level="L3", categories=["arrays", "filter"])
def array_filter(data: AnyArray, condition: ElementCondition, context: Anything = None) -> AnyArray:
    """Array of the elements that meet a condition.

    For pixels, a condition on index or label selects elements; one on values keeps for every pixel the values that
    meet it, moved to the front in their order, and fills up with null: all pixels have arrays of the same length.
    Reducers leave out what was filled up, also those that count nulls.

    Args:
        data: the array.
        condition: called with the value x, the index and the label of each element.
        context: passed on to the condition.
    Returns: the elements for which the condition is true.
    Source: openeo-processes 2.0.0-rc.2, array_filter.
    """
    array = lanes_of(data) or data
    labels = labels_of(array)
    verdicts = [
        condition(x=element, index=i, label=None if labels is None else labels[i], context=context)
        for i, element in enumerate(elements_of(array))
    ]
    if isinstance(array, Lanes) and any(isinstance(v, Pixels) for v in verdicts):
        shape = array.stack().shape[1:]
        return compacted(array, np.stack([is_true(v, shape) for v in verdicts]))  # type: ignore[return-value]
    return selected(array, [i for i, verdict in enumerate(verdicts) if verdict is True])
