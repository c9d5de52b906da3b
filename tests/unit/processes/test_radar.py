"""Backscatter of calibrated products: angles of 30 and 60 degrees, whose sines and cosines are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cubes import X, Y, call, cube, values

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.dimensions import BandsDimension
from openeo_plugin.engine.memory import MemoryCube
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.radar import declared_coefficient


def radar(text: str = "sigma0", unit: str | None = None, **rows: Any) -> MemoryCube:
    """Bands with one row of pixels; VV and VH are described by the text."""
    made = cube([BandsDimension("bands", tuple(rows)), Y, X], [[row] for row in rows.values()], nodata=-1)
    described = tuple(
        replace(b, description=text, unit=unit) if b.name in ("VV", "VH") else b for b in made.description.bands
    )
    return replace(made, description=replace(made.description, bands=described))


def labels(operator: Operator) -> tuple[Any, ...]:
    dimension = operator.description.bands_dimension
    assert dimension is not None
    return dimension.labels


def code(process_id: str, **arguments: Any) -> str:
    with pytest.raises(OpenEOError) as raised:
        call(process_id, **arguments)
    return raised.value.code


ANGLES = [30, 60]


@pytest.mark.parametrize(
    ("declared", "wanted", "expected"),
    [
        ("beta0", "sigma0-ellipsoid", [0.5, 0.8660254]),  # times the sine
        ("beta0", "gamma0-ellipsoid", [0.5773503, 1.7320508]),  # times the tangent
        ("sigma0", "gamma0-ellipsoid", [1.1547005, 2.0]),  # by the cosine
        ("sigma0", "beta0", [2.0, 1.1547005]),  # by the sine
        ("gamma0", "sigma0-ellipsoid", [0.8660254, 0.5]),  # times the cosine
        ("gamma0", "beta0", [1.7320508, 0.5773503]),  # by the tangent
    ],
)
def test_coefficients_on_the_ellipsoid_follow_from_one_another(declared: str, wanted: str, expected: Any) -> None:
    data = radar(declared, VV=[1, 1], ellipsoid_incidence_angle=ANGLES)
    found = call("sar_backscatter", data=data, coefficient=wanted)
    assert labels(found) == ("VV",)
    assert values(found) == [[pytest.approx(expected, rel=1e-6)]]
    assert found.description.bands[0].description.startswith(f"Method: {wanted}")


def test_what_is_declared_is_handed_on_without_an_angle() -> None:
    for text, coefficient in (("Gamma0 RTC", "gamma0-terrain"), ("sigma0", "sigma0-ellipsoid"), ("sigma0", None)):
        found = call("sar_backscatter", data=radar(text, VV=[0.25, None]), coefficient=coefficient)
        assert values(found) == [[[0.25, None]]]


def test_decibels_become_linear() -> None:
    data = radar("gamma0 terrain-flattened", "dB", VV=[-10, 0, 10, -20])
    assert values(call("sar_backscatter", data=data)) == [[pytest.approx([0.1, 1, 10, 0.01], rel=1e-6)]]


def test_a_mask_is_one_where_all_polarisations_have_a_value() -> None:
    data = radar("gamma0 rtc", VV=[1, None, 1, np.nan], VH=[1, 1, None, 1])
    found = call("sar_backscatter", data=data, mask=True)
    assert labels(found) == ("VV", "VH", "mask")
    assert values(found)[2] == [[1, 0, 0, 0]]


def test_bands_that_are_asked_for_are_kept_and_others_are_not() -> None:
    data = radar("gamma0 rtc", local_incidence_angle=[40], VV=[1], contributing_area=[100])
    assert labels(call("sar_backscatter", data=data)) == ("VV",)
    found = call("sar_backscatter", data=data, contributing_area=True, local_incidence_angle=True)
    assert labels(found) == ("VV", "contributing_area", "local_incidence_angle")
    assert values(found) == [[[1]], [[100]], [[40]]]


def test_a_band_that_is_asked_for_and_missing_can_not_be_made() -> None:
    data = radar("gamma0 rtc", VV=[1])
    for name in ("contributing_area", "local_incidence_angle", "ellipsoid_incidence_angle"):
        assert code("sar_backscatter", data=data, **{name: True}) == "ProcessParameterInvalid"


def test_a_coefficient_of_the_terrain_is_not_made_from_one_of_the_ellipsoid() -> None:
    data = radar("sigma0", VV=[1], ellipsoid_incidence_angle=[30])
    assert code("sar_backscatter", data=data) == "ProcessParameterInvalid"
    terrain = radar("gamma0 terrain", VV=[1], ellipsoid_incidence_angle=[30])
    assert code("sar_backscatter", data=terrain, coefficient="sigma0-ellipsoid") == "ProcessParameterInvalid"


def test_a_conversion_needs_the_angle() -> None:
    assert code("sar_backscatter", data=radar("beta0", VV=[1]), coefficient="sigma0-ellipsoid") == (
        "ProcessParameterInvalid"
    )


def test_raw_products_are_refused() -> None:
    assert code("sar_backscatter", data=radar("digital numbers", VV=[1]), coefficient=None) == "ProcessParameterInvalid"
    assert code("sar_backscatter", data=cube([Y, X], [[1.0]])) == "ProcessParameterInvalid"
    only_angle = radar(ellipsoid_incidence_angle=[1])
    assert code("sar_backscatter", data=only_angle, coefficient=None) == "ProcessParameterInvalid"


def test_an_elevation_model_is_refused() -> None:
    data = radar("gamma0 rtc", VV=[1], local_incidence_angle=[1])
    for process_id in ("sar_backscatter", "ard_normalized_radar_backscatter"):
        assert code(process_id, data=data, elevation_model="dem") == "DigitalElevationModelInvalid"


@pytest.mark.parametrize(
    ("text", "coefficient"),
    [
        ("VV", None),
        ("Gamma0_VV", "gamma0-ellipsoid"),
        ("gamma nought, terrain corrected", "gamma0-terrain"),
        ("Sigma-0 RTC", "sigma0-terrain"),
        ("beta0 with terrain", "beta0"),
        ("gamma correction", None),
        ("sigma0-ellipsoid", "sigma0-ellipsoid"),
    ],
)
def test_the_coefficient_is_read_from_the_words_of_the_metadata(text: str, coefficient: str | None) -> None:
    assert declared_coefficient(Band("x", np.dtype("float32"), description=text)) == coefficient


def test_normalized_backscatter_has_the_bands_of_the_specification() -> None:
    data = radar("gamma0 rtc", VV=[0.5, None], local_incidence_angle=[40, 41], contributing_area=[100, 101])
    found = call("ard_normalized_radar_backscatter", data=data)
    assert labels(found) == ("VV", "mask", "local_incidence_angle")
    assert values(found) == [[[0.5, None]], [[1, 0]], [[40, 41]]]
    wide = call("ard_normalized_radar_backscatter", data=data, contributing_area=True)
    assert labels(wide) == ("VV", "mask", "contributing_area", "local_incidence_angle")


@pytest.mark.parametrize(
    "data",
    [
        radar("sigma0 rtc", VV=[1], local_incidence_angle=[1]),
        radar("gamma0", VV=[1], local_incidence_angle=[1]),
        radar("gamma0 rtc", VV=[1]),
        radar("digital numbers", VV=[1], local_incidence_angle=[1]),
    ],
    ids=["sigma0", "ellipsoid", "no angle", "raw"],
)
def test_what_is_no_normalized_product_is_refused(data: MemoryCube) -> None:
    assert code("ard_normalized_radar_backscatter", data=data) == "ProcessParameterInvalid"


def test_normalized_backscatter_keeps_what_is_asked_for_only_if_it_is_there() -> None:
    data = radar("gamma0 rtc", VV=[1], local_incidence_angle=[1])
    arguments = {"data": data, "ellipsoid_incidence_angle": True}
    assert code("ard_normalized_radar_backscatter", **arguments) == "ProcessParameterInvalid"


def test_options_and_unknown_coefficients_are_refused() -> None:
    data = radar("gamma0 rtc", VV=[1], local_incidence_angle=[1])
    assert code("sar_backscatter", data=data, coefficient="gamma") == "ProcessParameterInvalid"
    assert code("sar_backscatter", data=data, options={"x": 1}) == "ProcessParameterInvalid"
    assert code("ard_normalized_radar_backscatter", data=data, options={"x": 1}) == "ProcessParameterInvalid"
