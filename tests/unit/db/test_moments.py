from __future__ import annotations

from datetime import UTC, datetime

import pytest

from db.moments import interval_of, moment, text_of


def test_a_moment_is_in_utc() -> None:
    assert moment("2024-01-01T02:00:00+02:00") == datetime(2024, 1, 1, tzinfo=UTC)
    assert moment("2024-01-01T00:00:00Z") == moment("2024-01-01") == moment("2024-01-01T00:00:00")
    assert moment("2024-01-01T00:00:00.123456789Z") == datetime(2024, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert moment(None) is None


def test_what_is_no_date_is_refused() -> None:
    with pytest.raises(ValueError, match="yesterday"):
        moment("yesterday")


def test_a_moment_is_written_to_the_millisecond_with_z() -> None:
    assert text_of(datetime(2024, 1, 1, 12, 0, 0, 1999, tzinfo=UTC)) == "2024-01-01T12:00:00.001Z"


def test_an_item_with_half_a_range_is_at_that_end() -> None:
    may = datetime(2024, 5, 1, tzinfo=UTC)
    assert interval_of({"properties": {"datetime": None, "start_datetime": "2024-05-01"}}) == (may, may)
    assert interval_of({"properties": {"end_datetime": "2024-05-01"}}) == (may, may)
    assert interval_of({"properties": {}}) == (None, None)
    assert interval_of({}) == (None, None)
