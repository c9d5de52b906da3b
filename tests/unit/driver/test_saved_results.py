from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from cubes import DAYS, X, Y, cube

from openeo_plugin.cube.dimensions import Dimension, TemporalDimension
from openeo_plugin.driver.saved_results import saved_results

T = TemporalDimension("t", DAYS[:1])


@pytest.mark.parametrize(
    ("dimensions", "values", "format"),
    [([T, Y, X], [[[1]]], "GTiff"), ([T, X], [[[1]]], "JSON"), ([T], [[[1]]], "JSON")],
)
def test_a_cube_that_nobody_saves_is_images_if_it_has_x_and_y_and_values_if_not(
    dimensions: list[Dimension], values: Any, format: str
) -> None:
    plan: Any = SimpleNamespace(results=(), operator=cube(dimensions, values))

    (saved,) = saved_results(plan)

    assert saved.format == format
