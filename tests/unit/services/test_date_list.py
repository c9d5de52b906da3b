from datetime import date, timedelta

import pytest

from services.date_list import LISTED_MAX, listed


def days(number, step=1, time="T10:00:31Z"):
    return [(date(2018, 1, 1) + timedelta(days=step * n)).isoformat() + time for n in range(number)]


def test_some_dates_are_listed_one_by_one():
    assert listed(days(LISTED_MAX)) == days(LISTED_MAX)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (days(1000), ["2018-01-01/2020-09-26/P1D"]),
        (days(300, 5), ["2018-01-01/2022-02-04/P5D"]),
        (
            [f"{year}-{month:02}-01" for year in range(2000, 2025) for month in range(1, 13)],
            ["2000-01-01/2024-12-01/P1M"],
        ),
        ([f"{year}-07-01" for year in range(1700, 2000)], ["1700-07-01/1999-07-01/P1Y"]),
        (
            [f"2020-01-{day:02}T{hour:02}:00:00Z" for day in range(1, 21) for hour in range(24)],
            ["2020-01-01T00:00:00Z/2020-01-20T23:00:00Z/PT3600S"],
        ),
    ],
)
def test_very_many_regular_dates_are_an_interval_with_a_period(labels, expected):
    assert listed(labels) == expected


def test_runs_and_single_dates_stand_next_to_each_other():
    labels = sorted([*days(300), "2019-01-05T10:00:31Z", "2019-03-01T10:00:31Z", "2019-03-02T10:00:31Z"])
    # 2018-10-27 is the 300th day
    assert listed(labels) == ["2018-01-01/2018-10-27/P1D", "2019-01-05", "2019-03-01", "2019-03-02"]


def test_what_is_no_date_is_listed_as_it_is():
    labels = [f"epoch {n:03}" for n in range(300)]
    assert listed(labels) == labels
