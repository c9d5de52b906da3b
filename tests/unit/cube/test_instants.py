"""Instants at the edges of the calendar and of the day."""

from __future__ import annotations

import numpy as np
import pytest

from openeo_plugin.cube.instants import format_instant, parse_instant


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020", "2020-01-01T00:00:00Z"),
        ("2020-02", "2020-02-01T00:00:00Z"),
        ("2020-06-01T01:00:00+14:00", "2020-05-31T11:00:00Z"),
        ("2020-06-01T23:30:00-02:30", "2020-06-02T02:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.5Z"),
        ("2017-01-01T00:59:60+01:00", "2017-01-01T00:00:00Z"),
        ("0001-01-01T14:00:00+14:00", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_an_instant_is_read_in_utc(text: str, expected: str) -> None:
    instant = parse_instant(text)
    assert format_instant(instant) == expected
    assert instant.dtype == np.dtype("datetime64[us]")


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:00:00-14:00",
        "0000-01-01",
        "2020-06-01T12:00:60Z",
        "2020-06-31",
        "2020-13",
        "June",
        "",
    ],
)
def test_what_is_no_instant_of_the_years_1_to_9999_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_instant(text)
