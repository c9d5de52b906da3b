"""Official cases that are wrong themselves, and why. What is listed here must fail, or it leaves the list."""

from __future__ import annotations

DEFECTIVE: dict[str, str] = {
    "array_apply#8": "calls a process 'mulitply', which does not exist; -4.725 would give -6.45, not 6.45",
    "array_element#3": "asks for the label 'BO2' (the letter O), but the array has 'B02'",
    "array_filter#0": "the call of gt in the callback lacks the required parameter y",
    "array_filter#5": "the condition gives numbers, not booleans: it subtracts where it should compare",
    "count#4": "the condition is a bare graph without `process_graph`, and names its parameter 'element' instead of x",
    "count#5": "the condition is a bare graph without `process_graph`, and names its parameter 'element' instead of x",
    "filter_bands#4": "asks for the bands red and blue, but expects blue and green",
    "lte#15": "expects that infinity is not less than or equal to itself, though eq says that it is equal",
    "mask#1": "refers to assets/xyb-minimal-float.json5, which does not exist",
    "product#10": "1 * -inf * 3 * inf is -inf by IEEE 754, not NaN (the numbers are those of the case of sum)",
}
