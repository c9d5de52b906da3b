"""Processes that give a value of their own."""

from __future__ import annotations

import math

from openeo_plugin.processes.process import process
from openeo_plugin.processes.types import Anything, Number


@process(level="L1", categories=["math > constants"])
def constant(x: Anything) -> Anything:
    """A value under a name.

    Lets one value be used in many places of a process graph.

    Args:
        x: the value, of any type.
    Returns: the value as it is.
    Source: openeo-processes 2.0.0-rc.2, constant.
    """
    return x


@process(level="L1", categories=["math > constants", "math > exponential & logarithmic"])
def e() -> Number:
    """Euler's number.

    The base of the natural logarithm, about 2.71828.

    Returns: e in double precision.
    Source: openeo-processes 2.0.0-rc.2, e.
    """
    return math.e


@process(level="L1", categories=["math > constants", "math > trigonometric"])
def pi() -> Number:
    """Ratio of a circle's circumference to its diameter.

    About 3.14159.

    Returns: π in double precision.
    Source: openeo-processes 2.0.0-rc.2, pi.
    """
    return math.pi


@process(level="L2", categories=["math > constants"], experimental=True)
def nan() -> Anything:
    """Not a number.

    The value of IEEE 754 that stands for the result of an undefined computation. It is not null.

    Returns: NaN, which no JSON Schema can describe.
    Source: openeo-processes 2.0.0-rc.2, nan.
    """
    return math.nan
