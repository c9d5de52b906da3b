"""Statistics over lists and lanes: what the official cases leave open."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.picks import count, first, last
from openeo_plugin.processes.statistics import extrema, max_, mean, median, product, quantiles, sd, sum_, variance

PIXELS = Pixels(np.array([[1, 0], [3, 4]], np.uint16), 0)


def test_whole_numbers_stay_exact() -> None:
    assert sum_([2**60, 1, None]) == 2**60 + 1
    assert product([2**40, 2**30]) == 2**70
    assert isinstance(mean([2, 4]), int)
    assert isinstance(median([1.0, 3.0]), float)


def test_one_value_has_no_spread() -> None:
    assert sd([5]) is None
    assert variance([5, None]) is None
    assert variance([5, 5]) == 0


def test_infinities_of_both_signs_add_up_to_nan() -> None:
    assert math.isnan(sum_([math.inf, -math.inf]))
    assert math.isnan(mean([math.inf, 1, -math.inf]))


def test_pixels_and_constants_stand_in_one_list() -> None:
    result = sum_([PIXELS, 10, None, PIXELS])
    assert result.real().tolist() == [[12, 10], [16, 18]]


def test_a_null_constant_counts_if_nulls_count() -> None:
    assert np.isnan(sum_([PIXELS, None], False).real()).all()


def test_a_constant_keeps_its_fraction_beside_integers() -> None:
    assert np.allclose(max_([PIXELS, 2.5]).real(), [[2.5, 2.5], [3, 4]])


def test_a_text_beside_pixels_is_refused() -> None:
    with pytest.raises(OpenEOError) as error:
        sum_([PIXELS, "a"])
    assert error.value.code == "ProcessGraphInvalid"


def test_extrema_and_quantiles_of_pixels_are_arrays_of_pixels() -> None:
    lanes: Any = Lanes(None, elements=[PIXELS, PIXELS])
    both = extrema(lanes)
    assert isinstance(both, Lanes)
    assert len(both) == 2
    assert len(quantiles(lanes, 4)) == 3


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "QuantilesParameterMissing"),
        ({"probabilities": [0.5], "q": 2}, "QuantilesParameterConflict"),
        ({"probabilities": [0.5, 0.1]}, "AscendingProbabilitiesRequired"),
    ],
)
def test_quantiles_refuses_unclear_probabilities(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(OpenEOError) as error:
        quantiles([1, 2], **arguments)
    assert error.value.code == code


def test_the_deprecated_q_does_what_an_integer_does() -> None:
    assert quantiles([1, 2, 3, 4, 5], q=4) == quantiles([1, 2, 3, 4, 5], 4) == [2, 3, 4]


def test_count_asks_the_condition_for_each_value() -> None:
    assert count([1, None, 5, 7], lambda x, context: None if x is None else x > context, 4) == 2


def test_count_by_condition_counts_per_pixel() -> None:
    def condition(x: Pixels, context: Any) -> Pixels:
        return Pixels(x.values > context)

    assert count([PIXELS, PIXELS], condition, 2).values.tolist() == [[0, 0], [2, 2]]


def test_first_and_last_take_any_type() -> None:
    assert first([None, {"a": 1}, "b"]) == {"a": 1}
    assert last(["2020-01-01", None]) == "2020-01-01"
    assert last(["2020-01-01", None], False) is None


def test_the_first_of_pixels_falls_through_to_a_constant() -> None:
    assert first([PIXELS, 9]).values.tolist() == [[1, 9], [3, 4]]
