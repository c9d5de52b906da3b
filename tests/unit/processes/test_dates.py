"""Dates beyond the official cases."""

from __future__ import annotations

import pytest

from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.dates import date_between, date_difference, date_shift


@pytest.mark.parametrize(
    ("date", "value", "unit", "expected"),
    [
        ("2020-01-31", 1, "month", "2020-02-29"),
        ("2019-01-31", 1, "month", "2019-02-28"),
        ("2020-03-31", -1, "month", "2020-02-29"),
        ("2020-02-29", -4, "year", "2016-02-29"),
        ("2020-02-29", 1, "year", "2021-02-28"),
        ("2020-12-31", 2, "month", "2021-02-28"),
        ("2020-11-15", 14, "month", "2022-01-15"),
        ("2020-01-15", -1, "month", "2019-12-15"),
        ("2020-12-28", 1, "week", "2021-01-04"),
        ("2020-03-28T02:30:00+01:00", 1, "day", "2020-03-29T02:30:00+01:00"),
        ("2020-06-01T23:30:00-05:30", 45, "minute", "2020-06-02T00:15:00-05:30"),
        ("2020-06-01T00:00:00Z", -1, "millisecond", "2020-05-31T23:59:59.999Z"),
        ("2020-06-01T00:00:00.5Z", 500, "millisecond", "2020-06-01T00:00:01.0Z"),
        ("2020-06-01T00:00:00.123456Z", 1, "second", "2020-06-01T00:00:01.123456Z"),
        ("2020-06-01t00:00:00z", 0, "day", "2020-06-01t00:00:00z"),
        ("2016-12-31T23:59:60Z", 1, "day", "2017-01-01T23:59:59Z"),
        ("2016-12-31T23:59:60Z", 0, "second", "2016-12-31T23:59:59Z"),
        ("2016-12-31T23:59:60Z", 1, "second", "2017-01-01T00:00:01Z"),
    ],
)
def test_a_date_is_shifted_within_the_calendar(date: str, value: int, unit: str, expected: str) -> None:
    assert date_shift(date, value, unit) == expected


@pytest.mark.parametrize(("value", "unit"), [(9000, "year"), (-3000, "year"), (10**7, "day"), (-(10**9), "hour")])
def test_a_shift_out_of_the_calendar_is_refused(value: int, unit: str) -> None:
    with pytest.raises(OpenEOError, match="years 1 to 9999"):
        date_shift("2020-01-01", value, unit)


@pytest.mark.parametrize(
    "date",
    [
        "2020-13-01",
        "2021-02-29",
        "2020-01-01T24:00:00Z",
        "2020-01-01T10:00:00",
        "20200101",
        "0000-01-01",
        "-0001-01-01",
        "10000-01-01",
        "2020-01-01T10:00:60Z",
        "2016-12-31T23:59:60+01:00",
        "2016-12-31T23:59:61Z",
        "2020-01-01T10:00:00+24:00",
        "2020-06-01T10:00:00\n",
        "10:00:00",
        "",
    ],
)
def test_what_is_no_date_is_refused(date: str) -> None:
    with pytest.raises(OpenEOError) as caught:
        date_shift(date, 1, "day")
    assert caught.value.code == "ProcessParameterInvalid"


@pytest.mark.parametrize(
    ("date1", "date2", "unit", "expected"),
    [
        ("2020-01-01", "2020-01-02", "second", 86400),
        ("2020-01-01", "2020-01-01T00:00:00.001Z", "millisecond", 1),
        ("2020-01-01", "2020-01-15", "week", 2),
        ("2020-01-01", "2020-01-01T12:00:00Z", "day", 0.5),
        ("2020-01-15", "2020-03-15", "month", 2),
        ("2020-03-15", "2020-01-15", "month", -2),
        ("2020-02-01", "2020-02-15T12:00:00Z", "month", 0.5),
        ("2020-01-31", "2020-02-29", "month", 1),
        ("2000-02-29", "2020-02-29", "year", 20),
        ("2021-01-01", "2021-07-02T12:00:00Z", "year", 0.5),
        ("1970-01-01", "2020-01-01", "month", 600),
        ("2016-12-31T23:59:59Z", "2017-01-01T00:00:00Z", "second", 1),
        ("2020-01-01T01:00:00+01:00", "2020-01-01", "hour", 0),
        ("2020-01-01T00:00:00+14:00", "2020-01-01T00:00:00-12:00", "hour", 26),
        ("0001-01-01", "9999-12-31", "month", 9998 * 12 + 11 + 30 / 31),
        ("9999-12-31", "0001-01-01", "month", -(9998 * 12 + 11 + 30 / 31)),
        ("0001-01-01", "9999-12-31", "year", 9998 + 364 / 365),
        ("0001-01-01", "9999-12-31", "day", 3652058),
        ("9999-12-01", "9999-12-31", "month", 30 / 31),
        ("0001-01-01T00:00:00+14:00", "0001-01-01", "hour", 14),
        ("0001-01-01T00:00:00+14:00", "0001-01-31T10:00:00Z", "month", 1),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "hour", -14),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z", "month", 0),
        ("2016-12-31T15:59:60-08:00", "2017-01-01", "second", 0),
    ],
)
def test_the_difference_of_dates(date1: str, date2: str, unit: str, expected: float) -> None:
    assert date_difference(date1, date2, unit) == expected


@pytest.mark.parametrize(
    ("x", "low", "high", "expected"),
    [
        ("2020-01-01", "2020-01-01", "2020-12-31", True),
        ("2020-12-31", "2020-01-01", "2020-12-31", True),
        ("2020-12-31T00:00:01Z", "2020-01-01", "2020-12-31", False),
        ("2020-06-01", "2020-12-31", "2020-01-01", False),
        ("2020-01-01T00:30:00+01:00", "2020-01-01", "2020-12-31", False),
        ("10:00:00", "09:00:00", "11:00:00", True),
        ("2020-06-01T10:00:00+02:00", "09:00:00", "11:00:00", False),
        ("2020-06-01T10:00:00Z", "10:00:00", "10:00:00", True),
        (None, "2020-01-01", "2020-12-31", None),
    ],
)
def test_bounds_belong_to_the_range(x: str, low: str, high: str, expected: bool | None) -> None:
    assert date_between(x, low, high) is expected


def test_the_upper_bound_can_be_left_out() -> None:
    assert date_between("2020-12-31", "2020-01-01", "2020-12-31", exclude_max=True) is False
    assert date_between("2020-12-31T01:00:00+01:00", "2020-01-01", "2020-12-31", exclude_max=True) is False
    assert date_between("2020-12-30T23:59:59Z", "2020-01-01", "2020-12-31", exclude_max=True) is True


@pytest.mark.parametrize(
    ("x", "low", "high"),
    [("10:00:00", "2020-01-01", "2020-12-31"), ("2020-01-01", "10:00:00", "2020-12-31")],
)
def test_times_and_dates_can_not_be_mixed(x: str, low: str, high: str) -> None:
    with pytest.raises(OpenEOError) as caught:
        date_between(x, low, high)
    assert caught.value.code == "ProcessParameterInvalid"
