import pytest

from openeo_plugin.errors import OpenEOError
from services.dates import dates_of, selection

TWO_ON_ONE_DAY = ("2020-06-11T09:00:00Z", "2020-06-01T10:00:00Z", "2020-06-11T10:00:00Z")


def test_the_default_is_the_latest_date_wherever_it_stands(fakes):
    assert dates_of(fakes.cube(dates=("2020-06-11", "2020-06-01")), None).default == 0


@pytest.mark.parametrize("requested", [None, "", "default", "current"])
def test_a_request_without_a_date_means_the_default(fakes, requested):
    assert dates_of(fakes.cube(dates=TWO_ON_ONE_DAY), "2020-06-01").index(requested) == 1


@pytest.mark.parametrize(
    ("requested", "index"),
    [
        ("2020-06-01T10:00:00Z", 1),
        ("2020-06-01T10:00:00.000Z", 1),
        ("2020-06-01T12:00:00+02:00", 1),
        ("2020-06-01", 1),
        ("2020-06-11", 2),
        ("2020-06", 2),
        ("2020-05-01/2020-06-02", 1),
        ("2020-06-01T00:00:00Z/2020-06-11T09:30:00Z", 0),
    ],
)
def test_a_date_is_known_by_label_instant_day_month_and_interval(fakes, requested, index):
    assert dates_of(fakes.cube(dates=TWO_ON_ONE_DAY), None).index(requested) == index


@pytest.mark.parametrize(
    "requested", ["2020-06-02", "1999", "yesterday", "2021-01-01/2021-02-01", "2", "/", "2020-06-1"]
)
def test_an_unknown_date_is_refused(fakes, requested):
    with pytest.raises(OpenEOError) as caught:
        dates_of(fakes.cube(dates=TWO_ON_ONE_DAY), None).index(requested)
    assert caught.value.code == "RequestInvalid"


def test_a_cube_without_dates_takes_any_date(fakes):
    dates = dates_of(fakes.cube(dates=()), "2020-06-01")
    assert dates.index("1999-01-01") == 0
    assert dates.label(None) is None


def test_an_unknown_default_is_a_fault_of_the_configuration(fakes):
    with pytest.raises(OpenEOError) as caught:
        dates_of(fakes.cube(), "1999-01-01")
    assert caught.value.code == "ServiceConfigInvalid"


def test_one_label_of_every_dimension_is_selected(fakes):
    description = fakes.cube()
    assert selection(description, dates_of(description, None), 1) == {"t": (1,)}
