"""Which time a label stands for."""

import pytest

from openeo_plugin.formats.times import Span, since_epoch, span_of_labels


def period(start, end):
    return Span(start=f"{start}T00:00:00Z", end=f"{end}T00:00:00Z")


@pytest.mark.parametrize(
    ("label", "span"),
    [
        ("2020-06-01T10:00:31Z", Span(datetime="2020-06-01T10:00:31Z")),
        ("2020-06-01T10:00:31.024Z", Span(datetime="2020-06-01T10:00:31.024000Z")),
        ("2020-06-01T12:00:00+02:00", Span(datetime="2020-06-01T10:00:00Z")),
        ("2020-06-01", Span(datetime="2020-06-01T00:00:00Z")),
        ("2020-12", period("2020-12-01", "2021-01-01")),
        ("2020", period("2020-01-01", "2021-01-01")),
        ("2020-060", period("2020-02-29", "2020-03-01")),
        ("2020-mam", period("2020-03-01", "2020-06-01")),
        ("2020-djf", period("2019-12-01", "2020-03-01")),
        ("2020-06-01-23", Span(start="2020-06-01T23:00:00Z", end="2020-06-02T00:00:00Z")),
        ("before", Span()),
        ("2020-02-31", Span()),
        (7, Span()),
    ],
)
def test_a_label_alone(label, span):
    assert span_of_labels([label], [label]) == span


def test_two_digits_are_no_month_beside_a_thirteenth():
    assert span_of_labels(["2020-06"], ["2020-06", "2020-13"]) == period("2020-01-01", "2021-01-01")


def test_several_labels_span_from_first_to_last():
    labels = ["2020-06-03T00:00:00Z", "2020-06-01T00:00:00Z"]
    assert span_of_labels(labels, labels) == period("2020-06-01", "2020-06-03")
    assert span_of_labels(["2020-01", "2020-03"], ["2020-01", "2020-03"]) == period("2020-01-01", "2020-04-01")


def test_instants_count_in_the_coarsest_unit_that_is_exact():
    assert since_epoch(["1970-01-03", "1969-12-31"]) == ("days since 1970-01-01T00:00:00Z", [2, -1])
    assert since_epoch(["1970-01-01T00:00:31Z"]) == ("seconds since 1970-01-01T00:00:00Z", [31])
    assert since_epoch(["1970-01-01T00:00:00.5Z"]) == ("microseconds since 1970-01-01T00:00:00Z", [500000])
    assert since_epoch(["1970-01-01", "1970-02"]) is None
