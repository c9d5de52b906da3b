from __future__ import annotations

from datetime import UTC, datetime

import pytest

from openeo_plugin.ogcapi.instants import Interval, instant_of, interval_of, rfc3339


def test_a_day_is_an_interval_up_to_the_next_midnight() -> None:
    assert interval_of("2020-06-30") == Interval(datetime(2020, 6, 30, tzinfo=UTC), datetime(2020, 7, 1, tzinfo=UTC))


def test_december_ends_with_the_year() -> None:
    assert interval_of("2020-12").end == datetime(2021, 1, 1, tzinfo=UTC)


def test_an_instant_belongs_to_the_interval_that_it_names_and_no_other_does() -> None:
    interval = interval_of("2020-06-30T10:00:00Z")
    assert datetime(2020, 6, 30, 10, tzinfo=UTC) in interval
    assert datetime(2020, 6, 30, 10, 0, 0, 1, tzinfo=UTC) not in interval


def test_both_ends_belong_to_an_interval() -> None:
    interval = interval_of("2020-06-01T00:00:00Z/2020-06-30")
    assert interval == Interval(datetime(2020, 6, 1, tzinfo=UTC), datetime(2020, 7, 1, tzinfo=UTC))


@pytest.mark.parametrize("text", ["../2020", "/2020"])
def test_two_dots_or_nothing_leave_an_end_open(text: str) -> None:
    assert interval_of(text) == Interval(None, datetime(2021, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("text", ["yesterday", "2020-13", "2020-06-30/2020-06-01", "2020/2021/2022", ""])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is datetime's
        interval_of(text)


def test_other_time_zones_become_utc() -> None:
    assert rfc3339(instant_of("2020-06-01T02:00:00+02:00")) == "2020-06-01T00:00:00Z"
