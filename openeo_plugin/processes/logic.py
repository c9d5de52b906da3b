"""Logic with three values: true, false and null for "not known"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Array, DeferredNull, Pixels, null_pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.elementwise import elementwise, may_be_null, on_palette, shared_palette
from openeo_plugin.processes.process import process
from openeo_plugin.processes.types import Anything, BooleanOrNull

Evaluate = Callable[[Sequence[Any]], Pixels]


def is_true(operand: Any) -> Array:
    """Bool, broadcasts against the other operand; what stands for null is not defined."""
    if isinstance(operand, Pixels):
        values = operand.plain().values
        return values if values.dtype == bool else values != 0
    return np.asarray(operand is True)


def is_null(operand: Any) -> Array:
    """Bool, broadcasts against the other operand."""
    if isinstance(operand, Pixels):
        null = operand.null()
        return np.asarray(False) if null is None else null
    return np.asarray(operand is None)


def _shape_of(operands: Sequence[Any]) -> tuple[int, ...]:
    return np.broadcast_shapes(*[o.shape for o in operands if isinstance(o, Pixels)])


def on_shared_palette(evaluate: Evaluate, operands: Sequence[Any], *, null_in_null_out: bool) -> Pixels:
    """Evaluate, on the 256 entries of the palette if all operands share one.

    Args:
        null_in_null_out: whether the result is null where every operand is. If not, or if constants take part, a mask
            beside the palette can't be carried over, and the pixels themselves are evaluated.
    """
    codes = shared_palette(operands)
    masked = any(isinstance(o, Pixels) and o.mask is not None for o in operands)
    only_pixels = all(isinstance(o, Pixels) for o in operands)
    if codes is None or (masked and not (null_in_null_out and only_pixels)):
        return evaluate(operands)
    return on_palette(evaluate, operands, codes)


def _decide(operands: Sequence[Any], combine: Callable[[Array, Array], Array], decisive: bool) -> Pixels:
    """Both operands combined; one of them being `decisive` settles the matter, else null in one gives null."""
    x, y = operands
    shape = _shape_of(operands)
    values = np.broadcast_to(combine(is_true(x), is_true(y)), shape)
    if not any(o is None or (isinstance(o, Pixels) and may_be_null(o)) for o in operands):
        return Pixels(values)

    def flags() -> Array:
        settled = [(is_true(o) == decisive) & ~is_null(o) for o in operands]
        return np.broadcast_to((is_null(x) | is_null(y)) & ~(settled[0] | settled[1]), shape)

    return Pixels(values, mask=DeferredNull(flags))


def _three_valued(x: Any, y: Any, combine: Callable[[Any, Any], Any], decisive: bool) -> Any:
    if isinstance(x, Pixels) or isinstance(y, Pixels):
        return on_shared_palette(lambda o: _decide(o, combine, decisive), [x, y], null_in_null_out=True)
    if x is decisive or y is decisive:
        return decisive
    return None if x is None or y is None else not decisive


@process(level="L1", categories=["logic"])
def and_(x: BooleanOrNull, y: BooleanOrNull) -> BooleanOrNull:
    """Whether both of two values are true.

    False as soon as one is false, whatever the other is; otherwise null if one is null.

    Args:
        x: the first value.
        y: the second value.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, and.
    """
    return _three_valued(x, y, np.logical_and, decisive=False)


@process(level="L1", categories=["logic"])
def or_(x: BooleanOrNull, y: BooleanOrNull) -> BooleanOrNull:
    """Whether at least one of two values is true.

    True as soon as one is true, whatever the other is; otherwise null if one is null.

    Args:
        x: the first value.
        y: the second value.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, or.
    """
    return _three_valued(x, y, np.logical_or, decisive=True)


@elementwise(native=True)
def _differ(x: Any, y: Any) -> Any:
    return np.logical_xor(x, y)


@process(level="L2", categories=["logic"])
def xor(x: BooleanOrNull, y: BooleanOrNull) -> BooleanOrNull:
    """Whether exactly one of two values is true.

    Null if either is null.

    Args:
        x: the first value.
        y: the second value.
    Returns: true, false, or null.
    Source: openeo-processes 2.0.0-rc.2, xor.
    """
    return _differ(x, y)


@elementwise(native=True)
def _opposite(x: Any) -> Any:
    return np.logical_not(x)


@process(level="L1", categories=["logic"])
def not_(x: BooleanOrNull) -> BooleanOrNull:
    """The opposite of a value.

    Null stays null.

    Args:
        x: the value.
    Returns: false for true, true for false.
    Source: openeo-processes 2.0.0-rc.2, not.
    """
    return _opposite(x)


@process(level="L2", categories=["logic", "comparison", "masks"])
def if_(value: BooleanOrNull, accept: Anything, reject: Anything = None) -> Anything:
    """One of two values, as a third one decides.

    Null decides like false. Pixels can be decided one by one, between numbers, booleans, null and other pixels.

    Args:
        value: what decides.
        accept: the result if it is true.
        reject: the result if it is not.
    Returns: accept or reject, as it is.
    Source: openeo-processes 2.0.0-rc.2, if.
    """
    if not isinstance(value, Pixels):
        return accept if value is True else reject
    for name, choice in (("accept", accept), ("reject", reject)):
        if not (choice is None or isinstance(choice, Pixels | bool | int | float)):
            reason = "pixels can only become numbers, booleans or null."
            raise OpenEOError("ProcessParameterInvalid", process="if", parameter=name, reason=reason)
    return on_shared_palette(_choose, [value, accept, reject], null_in_null_out=False)


def _choose(operands: Sequence[Any]) -> Pixels:
    value, accept, reject = operands
    shape = _shape_of(operands)
    chosen = np.broadcast_to(is_true(value) & ~is_null(value), shape)
    dtype = _common_dtype([accept, reject])
    if dtype is None:
        return null_pixels(shape, np.dtype(np.float32), np.nan)
    values = np.where(chosen, _values_of(accept, dtype), _values_of(reject, dtype))
    if not any(o is None or (isinstance(o, Pixels) and may_be_null(o)) for o in (accept, reject)):
        return Pixels(values)
    mask = DeferredNull(lambda: np.where(chosen, is_null(accept), is_null(reject)))
    return Pixels(values, mask=mask, nan_marks=dtype.kind == "f")


def _values_of(choice: Any, dtype: np.dtype[Any]) -> Array:
    """Values as `dtype`; null as NaN if that has one."""
    real = dtype.kind == "f"
    if isinstance(choice, Pixels):
        return choice.real(dtype) if real else choice.plain().values.astype(dtype, copy=False)
    return np.asarray((np.nan if real else 0) if choice is None else choice, dtype)


def _common_dtype(choices: Sequence[Any]) -> np.dtype[Any] | None:
    """The smallest type that holds all choices as they are; None if all are null."""
    dtypes: list[np.dtype[Any]] = []
    whole: list[np.dtype[Any]] = []
    for choice in choices:
        if isinstance(choice, Pixels):
            dtypes.append(choice.dtype)
        elif isinstance(choice, bool):
            dtypes.append(np.dtype(bool))
        elif isinstance(choice, int):
            whole.append(np.min_scalar_type(choice) if abs(choice) < 2**63 else np.dtype(np.float64))
        elif isinstance(choice, float):
            dtypes.append(np.dtype(np.float32))
    if any(d.kind == "f" for d in dtypes):
        return np.result_type(*dtypes)  # an integer among floats becomes one of them
    return np.result_type(*dtypes, *whole) if dtypes or whole else None
