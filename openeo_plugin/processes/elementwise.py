"""Functions of single values, made to work on JSON values and on pixels alike.

The function itself is written once, for numpy: it gets floats (or arrays of them) and never a null. Null in any
operand gives null. An 8-bit band whose values stand in a palette is evaluated on the palette's 256 entries.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Array, DeferredNull, Mask, Palette, Pixels, null_pixels

Operand = Any


def to_json_number(value: Any, *, whole: bool) -> float | int | bool | None:
    """A numpy scalar as Python has it; an integral result of integers stays an integer."""
    plain = value.item() if isinstance(value, np.generic | np.ndarray) else value
    if isinstance(plain, bool):
        return plain
    if whole and isinstance(plain, float) and math.isfinite(plain) and plain.is_integer():
        return int(plain)
    return plain


def elementwise(
    *, native: bool = False, absorbs_nan: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a numpy function of numbers be called with JSON values, nulls and `Pixels`.

    Args:
        native: give the function the values in their own type, not as floating point (comparisons: it gives bool).
        absorbs_nan: the function may give a number for NaN (`power(NaN, 0)`), so nulls are restored afterwards.
    """

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Operand, **kwargs: Operand) -> Any:
            names = [*kwargs]
            operands = [*args, *kwargs.values()]

            def evaluate(*values: Any) -> Any:
                split = len(values) - len(names)
                with np.errstate(all="ignore"):
                    return function(*values[:split], **dict(zip(names, values[split:], strict=True)))

            if any(isinstance(o, Pixels) for o in operands):
                return on_pixels(evaluate, operands, native=native, absorbs_nan=absorbs_nan)
            return on_json(evaluate, operands)

        return call

    return wrap


def on_json(evaluate: Callable[..., Any], operands: Sequence[Operand]) -> Any:
    """Evaluate on JSON numbers; null if an operand is."""
    if any(o is None for o in operands):
        return None
    numbers = [np.float64(o) if isinstance(o, int | float) and not isinstance(o, bool) else o for o in operands]
    whole = all(isinstance(o, int) for o in operands)
    return to_json_number(evaluate(*numbers), whole=whole)


def shared_palette(operands: Sequence[Operand]) -> Array | None:
    """The codes that all pixel operands share, if every one of them is a palette over the same codes."""
    pixels = [o for o in operands if isinstance(o, Pixels)]
    first = pixels[0]
    if first.palette is None:
        return None
    same = all(p.palette is not None and p.values is first.values and p.mask is first.mask for p in pixels)
    return first.values if same else None


def table_of(operand: Operand) -> Operand:
    """A palette's table as pixels of its own: shape (256,)."""
    if not isinstance(operand, Pixels):
        return operand
    assert operand.palette is not None
    null = operand.palette.null
    return Pixels(operand.palette.values, mask=Mask(null) if null.any() else None)


def on_palette(evaluate: Callable[[Sequence[Operand]], Pixels], operands: Sequence[Operand], codes: Array) -> Pixels:
    """Evaluate on the 256 entries of the palettes; the result is a palette over the same codes."""
    table = evaluate([table_of(o) for o in operands])
    null = table.null()
    entries = np.broadcast_to(table.plain().values, (256,))
    palette = Palette(entries, np.zeros(256, bool) if null is None else null)
    mask = next(o.mask for o in operands if isinstance(o, Pixels))
    return Pixels(codes, mask=mask, palette=palette)


def may_be_null(pixels: Pixels) -> bool:
    """Whether a pixel of these can be null at all."""
    return pixels.nodata is not None or pixels.mask is not None or pixels.palette is not None


def either_null(operands: Sequence[Operand], shape: tuple[int, ...]) -> DeferredNull | None:
    """Null where any operand is; None if none can be."""
    candidates = [o for o in operands if isinstance(o, Pixels) and may_be_null(o)]
    if not candidates:
        return None

    def flags() -> Array:
        found = np.zeros(shape, bool)
        for candidate in candidates:
            null = candidate.null()
            if null is not None:
                found |= null
        return found

    return DeferredNull(flags)


def on_pixels(
    evaluate: Callable[..., Any], operands: Sequence[Operand], *, native: bool = False, absorbs_nan: bool = False
) -> Pixels:
    """Evaluate on pixels (and JSON constants among them)."""
    codes = shared_palette(operands)
    if codes is not None:
        return on_palette(lambda o: on_pixels(evaluate, o, native=native, absorbs_nan=absorbs_nan), operands, codes)
    shape = np.broadcast_shapes(*[o.shape for o in operands if isinstance(o, Pixels)])
    if any(o is None for o in operands):
        return null_pixels(shape, np.dtype(bool), None) if native else null_pixels(shape, np.dtype(np.float32), np.nan)
    if native:
        values = evaluate(*[o.plain().values if isinstance(o, Pixels) else o for o in operands])
        return Pixels(np.broadcast_to(values, shape), mask=either_null(operands, shape))
    values = np.broadcast_to(evaluate(*[o.real() if isinstance(o, Pixels) else o for o in operands]), shape)
    null = either_null(operands, shape)
    if null is None:
        return Pixels(values)
    if values.dtype.kind != "f":
        return Pixels(values, mask=null)
    if absorbs_nan:
        values = np.where(null.flags(), values.dtype.type(np.nan), values)
    return Pixels(values, mask=null, nan_marks=True)
