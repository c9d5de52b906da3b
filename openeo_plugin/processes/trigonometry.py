"""Trigonometric and hyperbolic functions of single numbers; angles are in radians."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from openeo_plugin.processes.elementwise import elementwise
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import NumberOrNull

Sine = Annotated[Any, Schema({"type": ["number", "null"], "minimum": -1, "maximum": 1})]
Ratio = Annotated[
    Any, Schema({"type": ["number", "null"], "minimum": -1, "maximum": 1}, accepts={"type": ["number", "null"]})
]
"""Beyond the bounds the result is NaN."""

NotNegative = Annotated[Any, Schema({"type": ["number", "null"], "minimum": 0})]
AtLeastOne = Annotated[Any, Schema({"type": ["number", "null"], "minimum": 1})]
WithinOne = Annotated[
    Any,
    Schema(
        {"type": ["number", "null"], "minimumExclusive": -1, "maximumExclusive": 1},
        accepts={"type": ["number", "null"]},
    ),
]
"""Beyond the bounds the result is infinite or NaN."""


@process(level="L1", categories=["math > trigonometric"])
@elementwise()
def sin(x: NumberOrNull) -> Sine:
    """Sine of an angle.

    NaN for infinite x; null stays null.

    Args:
        x: an angle in radians.
    Returns: the sine, between -1 and 1.
    Source: openeo-processes 2.0.0-rc.2, sin.
    """
    return np.sin(x)


@process(level="L1", categories=["math > trigonometric"])
@elementwise()
def cos(x: NumberOrNull) -> Sine:
    """Cosine of an angle.

    NaN for infinite x; null stays null.

    Args:
        x: an angle in radians.
    Returns: the cosine, between -1 and 1.
    Source: openeo-processes 2.0.0-rc.2, cos.
    """
    return np.cos(x)


@process(level="L1", categories=["math > trigonometric"])
@elementwise()
def tan(x: NumberOrNull) -> NumberOrNull:
    """Tangent of an angle.

    NaN for infinite x; null stays null. No floating-point number is an odd multiple of π/2, so the result is always
    finite.

    Args:
        x: an angle in radians.
    Returns: the tangent.
    Source: openeo-processes 2.0.0-rc.2, tan.
    """
    return np.tan(x)


@process(level="L1", categories=["math > trigonometric"])
@elementwise()
def arcsin(x: Ratio) -> NumberOrNull:
    """Angle of a sine.

    NaN outside of [-1, 1]; null stays null.

    Args:
        x: a number between -1 and 1.
    Returns: the angle in radians, between -π/2 and π/2.
    Source: openeo-processes 2.0.0-rc.2, arcsin.
    """
    return np.arcsin(x)


@process(level="L1", categories=["math > trigonometric"])
@elementwise()
def arccos(x: Ratio) -> NotNegative:
    """Angle of a cosine.

    NaN outside of [-1, 1]; null stays null.

    Args:
        x: a number between -1 and 1.
    Returns: the angle in radians, between 0 and π.
    Source: openeo-processes 2.0.0-rc.2, arccos.
    """
    return np.arccos(x)


@process(level="L1", categories=["math > trigonometric"])
@elementwise()
def arctan(x: NumberOrNull) -> NumberOrNull:
    """Angle of a tangent.

    Null stays null, NaN stays NaN.

    Args:
        x: a number.
    Returns: the angle in radians, between -π/2 and π/2.
    Source: openeo-processes 2.0.0-rc.2, arctan.
    """
    return np.arctan(x)


@process(level="L2", categories=["math > trigonometric"])
@elementwise()
def sinh(x: NumberOrNull) -> NumberOrNull:
    """Hyperbolic sine.

    Null stays null, NaN stays NaN.

    Args:
        x: a hyperbolic angle in radians.
    Returns: the hyperbolic sine.
    Source: openeo-processes 2.0.0-rc.2, sinh.
    """
    return np.sinh(x)


@process(level="L2", categories=["math > trigonometric"])
@elementwise()
def cosh(x: NumberOrNull) -> AtLeastOne:
    """Hyperbolic cosine.

    Null stays null, NaN stays NaN.

    Args:
        x: a hyperbolic angle in radians.
    Returns: the hyperbolic cosine, 1 or more.
    Source: openeo-processes 2.0.0-rc.2, cosh.
    """
    return np.cosh(x)


@process(level="L2", categories=["math > trigonometric"])
@elementwise()
def tanh(x: NumberOrNull) -> WithinOne:
    """Hyperbolic tangent.

    Null stays null, NaN stays NaN.

    Args:
        x: a hyperbolic angle in radians.
    Returns: the hyperbolic tangent, between -1 and 1.
    Source: openeo-processes 2.0.0-rc.2, tanh.
    """
    return np.tanh(x)


@process(level="L2", categories=["math > trigonometric"])
@elementwise()
def arsinh(x: NumberOrNull) -> NumberOrNull:
    """Hyperbolic angle of a hyperbolic sine.

    Null stays null, NaN stays NaN.

    Args:
        x: a number.
    Returns: the hyperbolic angle in radians.
    Source: openeo-processes 2.0.0-rc.2, arsinh.
    """
    return np.arcsinh(x)


@process(level="L2", categories=["math > trigonometric"])
@elementwise()
def arcosh(x: NumberOrNull) -> NotNegative:
    """Hyperbolic angle of a hyperbolic cosine.

    NaN for x below 1; null stays null.

    Args:
        x: a number, 1 or more.
    Returns: the hyperbolic angle in radians, 0 or more.
    Source: openeo-processes 2.0.0-rc.2, arcosh.
    """
    return np.arccosh(x)


@process(level="L2", categories=["math > trigonometric"])
@elementwise()
def artanh(x: WithinOne) -> NumberOrNull:
    """Hyperbolic angle of a hyperbolic tangent.

    Infinite for 1 and -1, NaN beyond them; null stays null.

    Args:
        x: a number between -1 and 1.
    Returns: the hyperbolic angle in radians.
    Source: openeo-processes 2.0.0-rc.2, artanh.
    """
    return np.arctanh(x)


@process(level="L2", categories=["math > trigonometric"])
@elementwise()
def arctan2(y: NumberOrNull, x: NumberOrNull) -> NumberOrNull:
    """Angle of a point, seen from the origin.

    The signs of both numbers tell the quadrant. Null in either operand gives null.

    Args:
        y: the ordinate of the point.
        x: the abscissa of the point.
    Returns: the angle in radians, between -π and π, counted from the positive x axis.
    Source: openeo-processes 2.0.0-rc.2, arctan2.
    """
    return np.arctan2(y, x)
