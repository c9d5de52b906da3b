"""The normalized difference vegetation index of a cube."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from cubes import DAYS, X, Y, call, cube, nulls_and_nans, values

from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, TemporalDimension
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError


def bands(cells: Any, names: tuple[str, ...] = ("B04", "B08"), **more: Any) -> Operator:
    return cube([BandsDimension("bands", names), Y, X], cells, **more)


def ndvi(data: Operator, **more: Any) -> Operator:
    made: Operator = call("ndvi", data=data, **{"red": "B04", "nir": "B08", **more})
    return made


def test_the_bands_dimension_goes_away() -> None:
    made = ndvi(bands([[[1, 3]], [[3, 1]]]))
    assert made.description.dimensions == (Y, X)
    assert values(made) == [[0.5, -0.5]]


def test_small_integers_do_not_overflow_and_differences_may_be_negative() -> None:
    assert values(ndvi(bands([[[255, 0]], [[0, 255]]], dtype=np.uint8))) == [[-1, 1]]
    assert np.allclose(values(ndvi(bands([[[65_535]], [[1]]], dtype=np.uint16))), [[-65_534 / 65_536]])
    assert np.allclose(values(ndvi(bands([[[-30_000]], [[-10_000]]], dtype=np.int16))), [[-0.5]])


def test_zero_by_zero_is_no_number_and_anything_else_by_zero_is_infinite() -> None:
    (row,) = values(ndvi(bands([[[0, -1, 1]], [[0, 1, -1]]])))
    assert math.isnan(row[0])
    assert row[1:] == [math.inf, -math.inf]


def test_null_in_either_band_is_null_and_nan_stays_nan() -> None:
    (row,) = values(ndvi(bands([[[None, 1, math.nan]], [[1, None, 1]]])))
    assert row[:2] == [None, None]
    assert math.isnan(row[2])


def test_a_target_band_follows_the_others_whatever_their_types() -> None:
    made = ndvi(bands([[[1]], [[3]]], dtype=np.uint8), target_band="ndvi")
    assert made.description.bands_dimension == BandsDimension("bands", ("B04", "B08", "ndvi"))
    assert values(made) == [[[1]], [[3]], [[0.5]]]
    assert [str(b.dtype) for b in made.description.bands] == ["uint8", "uint8", "float32"]


def test_bands_are_found_by_common_names_which_are_the_defaults() -> None:
    made = call("ndvi", data=nulls_and_nans())
    assert made.description.names == ("t", "y", "x")


def test_a_name_counts_before_a_common_name() -> None:
    data = nulls_and_nans()
    assert np.array_equal(
        np.array(values(ndvi(data, red="B1", nir="nir")), float),
        np.array(values(call("ndvi", data=data)), float),
        equal_nan=True,
    )


def test_other_dimensions_stay_in_their_order() -> None:
    dimensions = [
        OtherDimension("z", (1, 2)),
        BandsDimension("bands", ("B04", "B08")),
        X,
        TemporalDimension("t", DAYS[:1]),
        Y,
    ]
    made = ndvi(cube(dimensions, [[[[[1]]], [[[3]]]], [[[[3]]], [[[3]]]]]))
    assert made.description.names == ("z", "x", "t", "y")
    assert values(made) == [[[[0.5]]], [[[0]]]]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"red": "B99"}, "RedBandAmbiguous"),
        ({"nir": "B99"}, "NirBandAmbiguous"),
        ({"red": "red"}, "RedBandAmbiguous"),
        ({"target_band": "B08"}, "BandExists"),
        ({"target_band": "a b"}, "ProcessParameterInvalid"),
        ({"nir": ""}, "NirBandAmbiguous"),
        ({"nir": 8}, "ProcessParameterInvalid"),
    ],
)
def test_bands_that_can_not_be_told_are_refused(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(OpenEOError) as raised:
        ndvi(bands([[[1]], [[3]]]), **arguments)
    assert raised.value.code == code


def test_a_cube_without_bands_is_refused() -> None:
    with pytest.raises(OpenEOError) as raised:
        ndvi(cube([Y, X], [[1]]))
    assert raised.value.code == "DimensionAmbiguous"
