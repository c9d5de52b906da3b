"""Climate normals and anomalies."""

from __future__ import annotations

from typing import Any

import pytest
from cubes import X, Y, along, call, cube, series, values

from openeo_plugin.cube.dimensions import BandsDimension, TemporalDimension
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError


def normal(cells: list[Any], labels: list[str], period: str, years: list[int]) -> dict[Any, Any]:
    made = call("climatological_normal", data=series(cells, labels), period=period, climatology_period=years)
    return dict(zip(made.description.temporal[0].labels, along(made), strict=True))


def test_a_month_is_the_mean_of_all_its_values_in_the_years() -> None:
    labels = ["1980-01-01", "1981-01-01", "1981-01-31", "1982-01-15", "1982-02-01", "1983-01-01"]
    found = normal([99, 1, 2, 6, None, 99], labels, "month", [1981, 1982])
    assert list(found) == [f"{m:02d}" for m in range(1, 13)]
    assert (found["01"], found["02"], found["12"]) == (3, None, None)


def test_labels_of_months_are_understood() -> None:
    found = normal([1, 3, 10], ["1981-06", "1982-06", "1982-07"], "month", [1981, 1982])
    assert (found["06"], found["07"]) == (2, 10)


def test_days_are_counted_from_001_and_366_is_there_in_leap_years_only() -> None:
    found = normal([1, 3], ["1981-001", "1982-01-01"], "day", [1981, 1982])
    assert (len(found), found["001"]) == (365, 2)
    found = normal([1, 5, 7], ["1983-12-31", "1984-12-31", "1984-02-29"], "day", [1983, 1984])
    assert (len(found), found["365"], found["366"], found["060"]) == (366, 1, 5, 7)


def test_the_whole_period_has_one_label() -> None:
    assert normal(
        [1, 2, 6, 99], ["1981-01-01", "1981-06-01", "1982-12-31", "1983-01-01"], "climatology-period", [1981, 1982]
    ) == {"climatology-period": 3}


def test_the_first_winter_counts_if_the_december_before_is_there() -> None:
    winter = ["1980-12-15", "1981-01-15", "1981-02-15", "1982-01-15"]
    assert normal([1, 2, 3, 10], winter, "season", [1981, 1982])["djf"] == 4
    assert normal([2, 3, 10], winter[1:], "season", [1981, 1982])["djf"] == 10


def test_the_winter_that_begins_in_the_last_year_does_not_count() -> None:
    found = normal([1, 5, 100], ["1981-03-01", "1982-01-15", "1982-12-15"], "season", [1981, 1982])
    assert found == {"djf": 5, "mam": 1, "jja": None, "son": None}


def test_the_first_tropical_season_needs_november_and_december() -> None:
    labels = ["1980-11-15", "1980-12-15", "1981-04-30", "1981-05-01", "1982-01-01"]
    assert normal([1, 2, 3, 50, 10], labels, "tropical-season", [1981, 1982]) == {"ndjfma": 4, "mjjaso": 50}
    assert normal([2, 3, 50, 10], labels[1:], "tropical-season", [1981, 1982])["ndjfma"] == 10


def test_labels_of_seasons_are_understood() -> None:
    labels = ["1980-djf", "1981-mam", "1981-djf", "1982-mam", "1982-djf"]
    found = normal([1, 2, 3, 4, 100], labels, "season", [1981, 1982])
    assert (found["djf"], found["mam"]) == (2, 3)


def test_the_data_must_reach_from_the_first_year_to_the_last() -> None:
    for labels in (["1982-01-01"], ["1981-01-01"], []):
        with pytest.raises(OpenEOError) as caught:
            normal([1] * len(labels), labels, "month", [1981, 1982])
        assert caught.value.code == "ProcessParameterInvalid"


def test_labels_that_are_no_times_are_refused() -> None:
    with pytest.raises(OpenEOError, match="neither instants nor periods"):
        normal([1], ["later"], "month", [1981, 1982])


def test_thirty_years_are_the_default() -> None:
    data = series([1, 3, 99], ["1981-01-01", "2010-01-01", "2011-01-01"])
    assert along(call("climatological_normal", data=data, period="climatology-period")) == [2]


# anomaly


def deviations(cells: list[Any], labels: list[str], normals: dict[str, float], period: str) -> list[Any]:
    cube = call(
        "anomaly", data=series(cells, labels), normals=series(list(normals.values()), list(normals)), period=period
    )
    assert cube.description.temporal[0].labels == tuple(labels)
    return along(cube)


def test_the_normal_of_its_month_is_subtracted_from_every_value() -> None:
    normals = {"01": 10, "02": 20, "03": 30}
    assert deviations([11, 22, 9, None], ["2020-01", "2020-02", "2021-01", "2021-02"], normals, "month") == [
        1,
        2,
        -1,
        None,
    ]


def test_labels_keep_their_order() -> None:
    assert deviations([22, 11], ["2020-02", "2020-01"], {"01": 10, "02": 20}, "month") == [2, 1]


@pytest.mark.parametrize(
    ("label", "normal_label", "period"),
    [
        ("2020-06-01-07", "07", "hour"),
        ("2020-06-01T07:59:00Z", "07", "hour"),
        ("2020-366", "366", "day"),
        ("2020-12-31", "366", "day"),
        ("2020-53", "53", "week"),
        ("2021-01-01", "53", "week"),
        ("2020-36", "36", "dekad"),
        ("2020-djf", "djf", "season"),
        ("2021-01-15T00:00:00Z", "djf", "season"),
        ("2020-mjjaso", "mjjaso", "tropical-season"),
        ("2020", "2020", "year"),
        ("2020-07-01", "2020", "year"),
        ("2010", "2010", "decade"),
        ("2011", "2011", "decade-ad"),
    ],
)
def test_every_kind_of_period_finds_its_normal(label: str, normal_label: str, period: str) -> None:
    assert deviations([5], [label], {"xx": 100, normal_label: 3}, period) == [2]


def test_a_single_period_takes_any_label_but_one_only() -> None:
    assert deviations([5, 6], ["a", "b"], {"climatology-period": 3}, "climatology-period") == [2, 3]
    with pytest.raises(OpenEOError, match="expected one label"):
        deviations([5], ["a"], {"x": 3, "y": 4}, "single-period")


def test_a_missing_normal_is_named() -> None:
    with pytest.raises(OpenEOError, match="no normal for the month '02'"):
        deviations([5], ["2020-02"], {"01": 3}, "month")


def bands(label: str, first: float, second: float) -> Operator:
    return cube(
        [TemporalDimension("t", (label,)), BandsDimension("b", ("B1", "B2")), Y, X], [[[[first]]], [[[second]]]]
    )


def test_bands_have_normals_of_their_own() -> None:
    made = call("anomaly", data=bands("2020-01", 5, 6), normals=bands("01", 1, 3), period="month")
    assert values(made) == [[[[4]]], [[[3]]]]


def test_bands_of_other_names_are_refused() -> None:
    normals = call("rename_labels", data=bands("01", 1, 3), dimension="b", source=["B1"], target=["B9"])
    with pytest.raises(OpenEOError) as caught:
        call("anomaly", data=bands("2020-01", 5, 6), normals=normals, period="month")
    assert caught.value.code == "IncompatibleDataCubes"


def test_normals_of_the_same_data_give_anomalies_around_zero() -> None:
    data = series([1, 3, 10, 30], ["1981-01", "1982-01", "1981-02", "1982-02"])
    normals = call("climatological_normal", data=data, period="month", climatology_period=[1981, 1982])
    assert along(call("anomaly", data=data, normals=normals, period="month")) == [-1, 1, -10, 10]
