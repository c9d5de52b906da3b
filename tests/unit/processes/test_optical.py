"""Clouds, haze and analysis-ready reflectance: every expected value is worked by hand from the methods' thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cubes import DAYS, X, Y, call, computed, cube, values

from openeo_plugin.cube.dimensions import BandsDimension, TemporalDimension
from openeo_plugin.cube.grid import Window
from openeo_plugin.engine.memory import MemoryCube
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.optical import DARK_OBJECTS


def bands(names: Sequence[str], rows: Any, **fields: Any) -> MemoryCube:
    """A cube of bands with one row of pixels each; every name is a common name as well."""
    made = cube([BandsDimension("bands", tuple(names)), Y, X], [[row] for row in rows], **fields)
    return declared(made, common_name=None)


def declared(made: MemoryCube, **fields: Any) -> MemoryCube:
    described = tuple(replace(b, **{**fields, "common_name": b.name}) for b in made.description.bands)
    return replace(made, description=replace(made.description, bands=described))


def labels(operator: Operator) -> tuple[Any, ...]:
    dimension = operator.description.bands_dimension
    assert dimension is not None
    return dimension.labels


def code(process_id: str, **arguments: Any) -> str:
    with pytest.raises(OpenEOError) as raised:
        call(process_id, **arguments)
    return raised.value.code


# cloud_detection


def test_green_and_red_part_clouds_at_their_thresholds() -> None:
    green = [0.39, 0.40, 0.175, 0.18, 0.18, 0.18, 0.10]
    red = [0.50, 0.50, 0.10, 0.17, 0.18, 0.19, 0.01]
    found = call("cloud_detection", data=bands(["green", "red"], [green, red], dtype=np.float64), method=None)
    assert labels(found) == ("cloud",)
    assert values(found) == [[[0, 1, 0, 1, 0, 0, 0]]]
    assert "Braaten-Cohen-Yang" in found.description.bands[0].description


def test_snow_is_told_from_clouds_where_there_is_a_swir_band() -> None:
    data = bands(["swir16", "green", "red"], [[0.1, 0.21, 0.21], [0.6, 0.6, 0.1], [0.6, 0.6, 0.1]])
    assert values(call("cloud_detection", data=data, method=None)) == [[[0, 1, 0]]]


def test_stored_integers_are_scaled_to_reflectance() -> None:
    data = bands(["green", "red"], [[2800, 5000, 0], [2700, 6000, 0]], dtype=np.uint16, nodata=0)
    data = declared(data, scale=0.0001, offset=-0.1)  # 0.18 and 0.17; 0.4 and 0.5
    assert values(call("cloud_detection", data=data, method=None)) == [[[1, 1, None]]]


def test_null_and_nan_in_any_band_give_null() -> None:
    data = bands(["green", "red"], [[None, 0.5, np.nan], [0.1, None, 0.1]], nodata=-1)
    assert values(call("cloud_detection", data=data, method=None)) == [[[None, None, None]]]


def test_whole_numbers_without_a_scale_are_no_reflectance() -> None:
    data = bands(["green", "red"], [[1], [1]], dtype=np.uint16)
    assert code("cloud_detection", data=data, method=None) == "ProcessParameterInvalid"


@pytest.mark.parametrize("method", [None, "Sen2Cor"])
def test_the_classes_of_sen2cor_are_read(method: str | None) -> None:
    data = bands(["SCL"], [list(range(12))], dtype=np.uint8)
    cloud, shadow = values(call("cloud_detection", data=data, method=method))
    assert cloud == [[None, None, 0, 0, 0, 0, 0, 0, 0.5, 1, 1, 0]]
    assert shadow == [[None, None, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]]


def test_the_confidences_of_landsat_are_read() -> None:
    clear, fill = 21824, 1  # clear: all confidences low
    medium, high, cirrus, shadow = 0b10 << 8, 0b11 << 8, 0b11 << 14, 0b11 << 10
    data = bands(["QA_PIXEL"], [[clear, fill, medium, high, cirrus, shadow]], dtype=np.uint16)
    found = call("cloud_detection", data=data, method="Fmask")
    assert values(found) == [[[0, None, 0.5, 1, 1, 0]], [[0, None, 0, 0, 0, 1]]]
    assert "CFMask" in found.description.bands[0].description


def test_the_bits_of_force_are_read() -> None:
    data = bands(["QAI"], [[0, 1, 0b010, 0b100, 0b110, 0b1000, 0b10 << 6]], dtype=np.int16)
    found = call("cloud_detection", data=data, method="Fmask")
    assert labels(found) == ("cloud", "shadow", "aerosol")
    assert values(found) == [
        [[0, None, 0.5, 1, 1, 0, 0]],
        [[0, None, 0, 0, 0, 1, 0]],
        [[0, None, 0, 0, 0, 0, 1]],
    ]


def test_the_probabilities_of_s2cloudless_are_scaled() -> None:
    data = bands(["CLP"], [[0, 51, 255]], dtype=np.uint8)
    assert values(call("cloud_detection", data=data, method="s2cloudless")) == [[[0, pytest.approx(0.2), 1]]]


@pytest.mark.parametrize("method", ["Fmask", "s2cloudless", "Sen2Cor"])
def test_a_method_whose_band_is_missing_is_refused(method: str) -> None:
    data = bands(["green", "red"], [[0.1], [0.1]])
    assert code("cloud_detection", data=data, method=method) == "ProcessParameterInvalid"


def test_bands_of_unknown_meaning_are_refused() -> None:
    data = bands(["a", "b"], [[0.1], [0.1]])
    assert code("cloud_detection", data=data, method=None) == "ProcessParameterInvalid"
    assert code("cloud_detection", data=cube([Y, X], [[1.0]]), method=None) == "ProcessParameterInvalid"


@pytest.mark.parametrize(
    ("process_id", "arguments"),
    [
        ("cloud_detection", {"method": "fmask"}),
        ("cloud_detection", {"method": None, "options": {"x": 1}}),
        ("atmospheric_correction", {"method": "DOS"}),
        ("ard_surface_reflectance", {"atmospheric_correction_method": None, "cloud_detection_method": "Fmask"}),
    ],
)
def test_what_the_schema_does_not_know_is_refused(process_id: str, arguments: Any) -> None:
    data = bands(["green", "red"], [[0.1], [0.1]])
    assert code(process_id, data=data, **arguments) == "ProcessParameterInvalid"


# atmospheric_correction


def scene(*rows: Sequence[float | None], **fields: Any) -> MemoryCube:
    return bands(["blue", "red"][: len(rows)], rows, **fields)


def corrected(data: Operator) -> Any:
    return call("atmospheric_correction", data=data, method=None)


def test_what_the_darkest_pixels_show_beyond_one_percent_is_subtracted() -> None:
    found = corrected(scene([0.06, 0.2, 0.3], [0.03, 0.5, 0.02]))
    blue, red = values(found)  # haze 0.05 and 0.01
    assert blue == [pytest.approx([0.01, 0.15, 0.25], abs=1e-6)]
    assert red == [pytest.approx([0.02, 0.49, 0.01], abs=1e-6)]
    assert found.description.bands[0].description == f"Method: {DARK_OBJECTS}"
    assert [band.common_name for band in found.description.bands] == ["blue", "red"]


def test_a_scene_that_is_dark_enough_stays_as_it_is() -> None:
    assert values(corrected(scene([0.01, 0.2, 0.0])))[0] == [pytest.approx([0.01, 0.2, 0.0], abs=1e-6)]


def test_a_scene_without_dark_objects_stays_as_it_is() -> None:
    assert values(corrected(scene([0.3, 0.4])))[0] == [pytest.approx([0.3, 0.4], abs=1e-6)]


def test_null_takes_no_part_and_stays_null() -> None:
    found = values(corrected(scene([None, 0.06, np.nan, 0.2], nodata=0)))[0][0]
    assert found[0] is None
    assert found[2] is None
    assert [found[1], found[3]] == pytest.approx([0.01, 0.15], abs=1e-6)


def test_a_scene_of_nulls_stays_one() -> None:
    assert values(corrected(scene([None, None], nodata=0))) == [[[None, None]]]


def test_one_pixel_in_a_thousand_is_dark_enough_and_fewer_are_not() -> None:
    thousand = [0.02] + [0.06] * 999
    assert values(corrected(scene(thousand)))[0][0][1] == pytest.approx(0.05, abs=1e-6)  # the one counts: haze 0.01
    two_thousand = [0.02] + [0.06] * 1999
    assert values(corrected(scene(two_thousand)))[0][0][1] == pytest.approx(0.01, abs=1e-6)  # it does not: haze 0.05


def test_nothing_falls_below_zero() -> None:
    two_thousand = [0.02] + [0.06] * 1999
    assert values(corrected(scene(two_thousand)))[0][0][0] == 0


def test_stored_integers_are_scaled_before_they_are_corrected() -> None:
    data = declared(scene([1600, 3000], dtype=np.uint16), scale=0.0001, offset=-0.1)
    assert values(corrected(data))[0] == [pytest.approx([0.01, 0.15], abs=1e-6)]


def test_every_time_has_dark_objects_of_its_own() -> None:
    t = TemporalDimension("t", DAYS[:2])
    made = cube([t, BandsDimension("bands", ("blue",)), Y, X], [[[[0.06, 0.2]], [[0.03, 0.2]]]])
    found = values(corrected(declared(made)))
    assert found[0][0] == [pytest.approx([0.01, 0.15], abs=1e-6)]
    assert found[0][1] == [pytest.approx([0.01, 0.18], abs=1e-6)]


def test_a_window_is_corrected_by_the_whole_scene() -> None:
    made = corrected(scene([0.06] + [0.2] * 99))
    window = Window(made.description.grid, 0, 98, 1, 2)
    assert computed(made, window).bands[0].values.tolist() == [pytest.approx([0.15, 0.15], abs=1e-6)]


@pytest.mark.parametrize("method", ["FORCE", "iCOR"])
def test_methods_that_are_not_there_are_said_so(method: str) -> None:
    assert code("atmospheric_correction", data=scene([0.1]), method=method) == "ProcessParameterInvalid"


def test_an_elevation_model_is_not_used() -> None:
    arguments = {"data": scene([0.1]), "method": None, "elevation_model": "dem"}
    assert code("atmospheric_correction", **arguments) == "DigitalElevationModelInvalid"


def test_a_band_that_nothing_says_to_be_optical_is_refused() -> None:
    data = cube([BandsDimension("bands", ("x",)), Y, X], [[[0.1]]])
    assert code("atmospheric_correction", data=data, method=None) == "ProcessParameterInvalid"


# ard_surface_reflectance


def force(**fields: Any) -> MemoryCube:
    """Clear land, no data, opaque cloud, shadow, snow, water, saturated, buffer of a cloud."""
    quality = [0, 1, 0b100, 0b1000, 1 << 4, 1 << 5, 1 << 9, 0b010]
    made = bands(["red", "QAI"], [[1000] * 8, quality], dtype=np.int16)
    return declared(made, scale=0.0001, **fields)


def ready(data: Operator) -> Operator:
    made: Operator = call(
        "ard_surface_reflectance", data=data, atmospheric_correction_method="FORCE", cloud_detection_method="Fmask"
    )
    return made


def test_a_product_of_force_becomes_analysis_ready() -> None:
    found = ready(force())
    assert labels(found) == (
        "red", "incomplete-testing", "saturation", "cloud", "shadow", "aerosol", "snow-ice", "land-water",
    )  # fmt: skip
    by_label = dict(zip(labels(found), (plane[0] for plane in values(found)), strict=True))
    tenth = pytest.approx(0.1)
    assert by_label["red"] == [tenth, None, None, None, tenth, tenth, tenth, tenth]
    assert by_label["incomplete-testing"] == [0, 1, 0, 0, 0, 0, 0, 0]
    assert by_label["cloud"] == [0, None, 1, 0, 0, 0, 0, 0.5]
    assert by_label["shadow"] == [0, None, 0, 1, 0, 0, 0, 0]
    assert by_label["snow-ice"] == [0, None, 0, 0, 1, 0, 0, 0]
    assert by_label["land-water"] == [1, None, 1, 1, 1, 0, 1, 1]
    assert by_label["saturation"] == [0, None, 0, 0, 0, 0, 1, 0]


def test_the_order_of_bands_is_kept_wherever_the_quality_stands() -> None:
    made = bands(["QAI", "nir", "red"], [[0], [2000], [1000]], dtype=np.int16)
    found = ready(declared(made, scale=0.0001))
    assert labels(found)[:2] == ("nir", "red")
    assert values(found)[0][0][0] == pytest.approx(0.2)


@pytest.mark.parametrize(("air", "cloud"), [("iCOR", "Fmask"), ("FORCE", "Sen2Cor"), ("FORCE", "s2cloudless")])
def test_other_methods_are_not_there(air: str, cloud: str) -> None:
    arguments = {"atmospheric_correction_method": air, "cloud_detection_method": cloud}
    assert code("ard_surface_reflectance", data=force(), **arguments) == "ProcessParameterInvalid"


def test_products_of_others_are_refused() -> None:
    arguments = {"atmospheric_correction_method": "FORCE", "cloud_detection_method": "Fmask"}
    assert code("ard_surface_reflectance", data=scene([0.1]), **arguments) == "ProcessParameterInvalid"
    unscaled = bands(["red", "QAI"], [[1000], [0]], dtype=np.int16)
    assert code("ard_surface_reflectance", data=unscaled, **arguments) == "ProcessParameterInvalid"
    given = {**arguments, "elevation_model": "dem"}
    assert code("ard_surface_reflectance", data=force(), **given) == "ProcessParameterInvalid"
