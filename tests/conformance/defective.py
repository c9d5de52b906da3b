"""Official cases that are wrong themselves, and why. What is listed here must fail, or it leaves the list."""

from __future__ import annotations

_CONDITION = "gives the callback as `process`, but the parameter is called `condition`"
_JANUARY = "the intervals lie in January, the data in June; the values are means rounded to two decimals"
_BARE = "the condition is a bare graph without `process_graph`, and calls its parameter `element` instead of `x`"

DEFECTIVE: dict[str, str] = {
    "aggregate_temporal#5": _JANUARY,
    "aggregate_temporal#6": _JANUARY,
    "aggregate_temporal#7": _JANUARY,
    "aggregate_temporal#8": "the intervals lie in January, the data in June",
    "aggregate_temporal#9": "the labels stand inside of the reducer, and `before` lies in January, the data in June",
    "aggregate_temporal#10": "expects medians, but the reducer gives means (of the first pixel 0.002, not -12.23)",
    "aggregate_temporal_period#3": "expects labels of four days, but the period is the hour and the data covers five",
    "aggregate_temporal_period#4": "expects the labels of hours (2020-06-01-00), but the period is the day (2020-153)",
    "aggregate_temporal_period#8": "the dimension is called t2 in the data and t in the result",
    "aggregate_temporal_period#9": "the dimension is called t2 in the data and t in the result",
    "apply#2": "expects 1650 where the data is null: the values are those of xyb-enumerated-bands.json5",
    "apply_dimension#1": "expects quantiles of 165 where the data is null (see apply#2)",
    "apply_dimension#2": "works along the dimension `bands`, which the cube does not have; it has t",
    "array_append#0": "expects that appending 0 to an empty array gives [1]",
    "array_apply#8": "calls a process 'mulitply', which does not exist; -4.725 would give -6.45, not 6.45",
    "array_element#3": "asks for the label 'BO2' (the letter O), but the array has 'B02'",
    "array_filter#0": _CONDITION,
    "array_filter#1": _CONDITION,
    "array_filter#2": _CONDITION,
    "array_filter#3": _CONDITION,
    "array_filter#4": _CONDITION,
    "array_filter#5": _CONDITION,
    "array_filter#6": _CONDITION,
    "array_find#6": "expects the index 1 for the first element",
    "array_modify#3": "expects that an element is removed, though `length` is left out and 0 by default",
    "count#4": _BARE,
    "count#5": _BARE,
    "filter_bands#4": "asks for the bands red and blue, but expects blue and green",
    "lte#15": "expects that infinity is not less than or equal to itself, though eq says that it is equal",
    "mask#0": "keeps the pixels whose mask is 1 and replaces the others; the standard says the opposite",
    "mask#1": "refers to assets/xyb-minimal-float.json5, which does not exist",
    "mask#2": "keeps the pixels whose mask is 1 and replaces the others; the standard says the opposite",
    "rename_dimension#3": "renames x, but expects that y has the new name",
    "rename_dimension#4": "renames y, but expects that x has the new name",
    "rename_labels#5": "gives the new labels as `source` and leaves out the required `target`",
    "rename_labels#7": "gives the new label as `source` and leaves out the required `target`",
    "mask_polygon#0": "the polygon has no pixel, so that with `inside` nothing is replaced; expects that all is",
    "mask_polygon#1": "the polygon has no pixel, so that everything is replaced; expects that nothing is",
    "mask_polygon#6": "keeps four pixels of the last band and date that it replaces in all others",
    "product#10": "1 * -inf * 3 * inf is -inf by IEEE 754, not NaN (the numbers are those of a case of sum)",
    "reduce_dimension#1": "refers to nodes by `from_argument`, and expects 192/165 where the data is null",
}
