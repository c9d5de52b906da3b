"""Aggregation along time: periods and intervals, edges first."""

from __future__ import annotations

from typing import Any

import pytest
from cubes import along, call, graph, series

from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError

SUM = graph("sum", data="$data")
COUNT = graph("count", data="$data")


def by_period(labels: list[str], period: str) -> dict[str, float]:
    """Number of the labels that fall into every period."""
    made = call("aggregate_temporal_period", data=series([1] * len(labels), labels), period=period, reducer=COUNT)
    return dict(zip(made.description.temporal[0].labels, along(made), strict=True))


def by_interval(days: list[str], intervals: list[Any], **more: Any) -> Operator:
    """Sums of 1, 10, 100 and so on: the digits tell which days were in."""
    data = series([10**i for i in range(len(days))], days)
    made: Operator = call("aggregate_temporal", data=data, intervals=intervals, reducer=SUM, **more)
    return made


def test_iso_weeks_may_belong_to_the_year_before_or_behind() -> None:
    assert by_period(["2021-01-03", "2021-01-04"], "week") == {"2020-53": 1, "2021-01": 1}
    assert by_period(["2019-12-30", "2020-01-05"], "week") == {"2020-01": 2}


def test_the_366th_day_of_a_leap_year_has_a_label() -> None:
    assert by_period(["2020-12-31", "2021-01-01"], "day") == {"2020-366": 1, "2021-001": 1}


def test_dekads_are_counted_from_01_to_36() -> None:
    found = by_period(["2020-02-10", "2020-02-11", "2020-02-29", "2020-03-01"], "dekad")
    assert found == {"2020-04": 1, "2020-05": 1, "2020-06": 1, "2020-07": 1}


def test_winter_bears_the_year_in_which_it_begins() -> None:
    found = by_period(["2020-11-30", "2020-12-01", "2021-02-28", "2021-03-01"], "season")
    assert found == {"2020-son": 1, "2020-djf": 2, "2021-mam": 1}


def test_tropical_seasons_begin_in_november_and_may() -> None:
    found = by_period(["2020-10-31", "2020-11-01", "2021-04-30", "2021-05-01"], "tropical-season")
    assert found == {"2020-mjjaso": 1, "2020-ndjfma": 2, "2021-mjjaso": 1}


def test_decades_begin_in_years_with_0_or_1() -> None:
    assert by_period(["2009-06-01", "2010-06-01"], "decade") == {"2000": 1, "2010": 1}
    assert by_period(["2010-06-01", "2011-06-01"], "decade-ad") == {"2001": 1, "2011": 1}


def test_days_are_those_of_utc() -> None:
    assert by_period(["2020-01-01T23:30:00-01:00"], "day") == {"2020-002": 1}


def test_periods_without_data_are_there_and_in_order_though_labels_descend() -> None:
    assert by_period(["2020-04-01", "2020-01-15"], "month") == {"2020-01": 1, "2020-02": 0, "2020-03": 0, "2020-04": 1}


def test_the_end_of_an_interval_is_not_in_it() -> None:
    made = by_interval(["2020-01-01", "2020-01-31T23:59:59Z", "2020-02-01"], [["2020-01-01", "2020-02-01"]])
    assert along(made) == [11]
    assert made.description.temporal[0].labels == ("2020-01-01",)


def test_intervals_may_overlap_and_be_open() -> None:
    labels = ["2020-01-01", "2020-06-01", "2021-01-01"]
    made = by_interval(labels, [["2020-06-01", None], [None, "2020-07-01"]], labels=["late", "early"])
    assert along(made) == [110, 11]


def test_an_open_start_needs_a_label() -> None:
    with pytest.raises(OpenEOError, match="open start"):
        by_interval(["2020-01-01"], [[None, "2020-07-01"]])


def test_equal_starts_need_labels() -> None:
    with pytest.raises(OpenEOError) as caught:
        by_interval(["2020-01-01"], [["2020-01-01", "2020-02-01"], ["2020-01-01", "2020-03-01"]])
    assert caught.value.code == "DistinctDimensionLabelsRequired"


def test_an_interval_that_ends_before_it_starts_is_empty() -> None:
    with pytest.raises(OpenEOError) as caught:
        by_interval(["2020-01-01"], [["2020-02-01", "2020-01-01"]])
    assert caught.value.code == "TemporalExtentEmpty"


def test_times_of_day_count_for_every_day_and_go_over_midnight() -> None:
    labels = ["2020-01-01T05:59:59Z", "2020-01-01T06:00:00Z", "2020-01-02T17:00:00Z", "2020-01-03T18:00:00Z"]
    made = by_interval(labels, [["06:00:00", "18:00:00"], ["18:00:00", "06:00:00"]])
    assert made.description.temporal[0].labels == ("06:00:00", "18:00:00")
    assert along(made) == [110, 1001]


def test_times_of_day_are_read_in_utc() -> None:
    assert along(by_interval(["2020-01-01T07:30:00+02:00"], [["06:00:00", "18:00:00"]])) == [None]


def test_no_time_of_day_is_refused() -> None:
    with pytest.raises(OpenEOError) as caught:
        by_interval(["2020-01-01"], [["25:00:00", "26:00:00"]])
    assert caught.value.code == "ProcessParameterInvalid"


@pytest.mark.parametrize(
    ("period", "labels"),
    [
        ("hour", ["0999-12-31-23", "1000-01-01-00"]),
        ("day", ["0999-365", "1000-001"]),
        ("week", ["1000-01"]),
        ("month", ["0999-12", "1000-01"]),
        ("season", ["0999-djf"]),
        ("year", ["0999", "1000"]),
    ],
)
def test_years_have_four_digits_in_every_label(period: str, labels: list[str]) -> None:
    assert list(by_period(["0999-12-31T23:30:00Z", "1000-01-01T00:30:00Z"], period)) == labels


def test_more_periods_than_anybody_wants_are_refused_before_they_are_listed() -> None:
    with pytest.raises(OpenEOError) as raised:
        by_period(["0001-01-01", "9999-12-31"], "hour")
    assert raised.value.code == "ProcessGraphComplexity"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"intervals": [["2020-06-01", "2020-06-01"]]}, "TemporalExtentEmpty"),
        ({"intervals": [["2020-06-02", "2020-06-01"]]}, "TemporalExtentEmpty"),
        ({"intervals": [["2020-06-01T02:00:00+02:00", "2020-06-01"]]}, "TemporalExtentEmpty"),
        ({"intervals": [["06:00:00", "06:00:00"]]}, "TemporalExtentEmpty"),
        ({"intervals": [["2020-06-01", "2020-06-02"]] * 2}, "DistinctDimensionLabelsRequired"),
        (
            {"intervals": [["2020-06-01", None], [None, "2020-06-02"]], "labels": ["a", "a"]},
            "DistinctDimensionLabelsRequired",
        ),
        ({"intervals": [[None, None]]}, "ProcessParameterInvalid"),
        ({"intervals": [["2020-06-01", "06:00:00"]]}, "ProcessParameterInvalid"),
        ({"intervals": [["2020-06-01"]]}, "ProcessParameterInvalid"),
        ({"intervals": []}, "ProcessParameterInvalid"),
    ],
)
def test_intervals_that_say_nothing_have_their_own_errors(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(OpenEOError) as raised:
        by_interval(["2020-06-01", "2020-06-02"], **arguments)
    assert raised.value.code == code
