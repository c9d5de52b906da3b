"""The rule for the type and the nodata value of several bands in one file."""

import math

import numpy as np
import pytest

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.pixels import Mask, Pixels
from openeo_plugin.formats.stored_type import StoredType, stored_type, stored_values


def of(*kinds):
    return stored_type([Band(str(n), np.dtype(dtype), nodata) for n, (dtype, nodata) in enumerate(kinds)])


@pytest.mark.parametrize(
    ("kinds", "dtype", "nodata"),
    [
        ([("uint8", None)], "uint8", None),
        ([("uint16", 0)], "uint16", 0),
        ([("uint16", 0), ("uint8", 0)], "uint16", 0),
        # 255 is a value of uint16, 0 one of the mask: no uint16 is free
        ([("uint16", 0), ("uint8", 255)], "int32", -(2**31)),
        ([("uint16", 0), ("uint16", None)], "int32", -(2**31)),
        # -32768 is no uint8
        ([("int16", -32768), ("uint8", 255)], "int16", -32768),
        ([("int16", -32768), ("uint8", None)], "int16", -32768),
        # int16 + uint16 need int32; 0 is a value of the first, -1 is none of the second
        ([("int16", -1), ("uint16", 0)], "int32", -1),
        ([("bool", None)], "uint8", 255),
        ([("bool", None), ("uint8", 7)], "uint8", 7),
        ([("bool", None), ("uint8", 1)], "int16", -(2**15)),
        ([("uint8", None), ("int8", None)], "int16", None),
        ([("int64", 5), ("int32", 5)], "int64", 5),
    ],
)
def test_whole_numbers_get_the_smallest_type_with_a_free_nodata(kinds, dtype, nodata):
    stored = of(*kinds)
    assert (stored.dtype.name, stored.nodata) == (dtype, nodata)


@pytest.mark.parametrize(
    ("kinds", "dtype"),
    [
        ([("float32", -9999.0)], "float32"),
        ([("float16", None)], "float32"),
        ([("float32", None), ("uint16", 0)], "float32"),
        ([("float32", None), ("int32", 0)], "float64"),
        ([("float64", None), ("uint8", None)], "float64"),
        ([("int64", None), ("uint64", 0)], "float64"),
    ],
)
def test_real_numbers_have_nan(kinds, dtype):
    stored = of(*kinds)
    assert stored.dtype.name == dtype
    assert math.isnan(stored.nodata)


def test_a_band_that_may_be_null_without_a_value_for_it_gets_a_wider_type():
    masked = Band("v", np.dtype("uint8"), nullable=True)
    stored = stored_type([masked])
    assert (stored.dtype.name, stored.nodata) == ("int16", -(2**15))
    pixels = Pixels(np.array([[0, 255]], np.uint8), mask=Mask(np.array([[True, False]])))
    assert stored_values(pixels, stored).tolist() == [[-(2**15), 255]]


def test_values_that_need_no_change_are_not_copied():
    real, whole = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.int16)
    assert stored_values(Pixels(real, np.nan), StoredType(real.dtype, np.nan)) is real
    assert stored_values(Pixels(whole, -1), StoredType(whole.dtype, -1)) is whole


def test_a_sentinel_is_replaced_by_the_nodata_of_the_file():
    values = stored_values(Pixels(np.array([[0, 7]], np.uint16), 0), StoredType(np.dtype(np.int32), -5))
    assert (values.tolist(), values.dtype) == ([[-5, 7]], np.int32)
