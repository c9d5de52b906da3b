"""Angles beyond the official cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from openeo_plugin.cube.pixels import Pixels
from openeo_plugin.processes.registry import predefined
from openeo_plugin.processes.trigonometry import arcosh, arctan2, artanh, cos, sin, tan


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ("sin", "arcsin"),
        ("cos", "arccos"),
        ("tan", "arctan"),
        ("sinh", "arsinh"),
        ("cosh", "arcosh"),
        ("tanh", "artanh"),
    ],
)
def test_a_function_and_its_inverse_cancel_out(there: str, back: str) -> None:
    forward, inverse = predefined()[there].function, predefined()[back].function
    assert forward is not None
    assert inverse is not None
    angles = np.array([0.0, 0.25, 1.0])
    assert inverse(forward(Pixels(angles))).values == pytest.approx(angles)
    assert inverse(forward(0.25)) == pytest.approx(0.25)


def test_angles_are_radians() -> None:
    assert sin(math.pi / 6) == pytest.approx(0.5)
    assert cos(math.pi / 3) == pytest.approx(0.5)
    assert tan(math.pi / 4) == pytest.approx(1)


def test_the_ordinate_comes_first_in_arctan2() -> None:
    assert arctan2(1, 0) == pytest.approx(math.pi / 2)
    assert arctan2(y=0, x=-1) == pytest.approx(math.pi)


def test_hyperbolic_inverses_end_at_their_poles() -> None:
    assert artanh(1) == math.inf
    assert artanh(-1) == -math.inf
    assert math.isnan(arcosh(0.99))
    assert arcosh(1) == 0
