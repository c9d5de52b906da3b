"""Arithmetic of single numbers."""

from __future__ import annotations

import numpy as np

from openeo_plugin.processes.elementwise import elementwise
from openeo_plugin.processes.process import process
from openeo_plugin.processes.types import Number


@process(level="L1", categories=["math"])
@elementwise()
def add(x: Number | None, y: Number | None) -> Number | None:
    """Sum of two numbers.

    Null in either operand gives null; NaN and infinity follow IEEE 754.

    Args:
        x: the first summand.
        y: the second summand.
    Returns: x + y.
    Source: openeo-processes 2.0.0-rc.2, add.
    """
    return np.add(x, y)
