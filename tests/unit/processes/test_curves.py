"""fit_curve and predict_curve: hand-worked lines, exact exponentials, and what can't be fitted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from cubes import X, Y, along, call, chain, cube, series, values

from openeo_plugin.cube.dimensions import OtherDimension, TemporalDimension
from openeo_plugin.cube.labelled_array import LabelledArray
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError

FIRST = ("array_element", {"data": "$parameters", "index": 0})
SECOND = ("array_element", {"data": "$parameters", "index": 1})
LINE = chain(FIRST, SECOND, ("multiply", {"x": "#1", "y": "$x"}), ("add", {"x": "#0", "y": "#2"}))
GROWTH = chain(
    FIRST, SECOND, ("multiply", {"x": "#1", "y": "$x"}), ("exp", {"p": "#2"}), ("multiply", {"x": "#0", "y": "#3"})
)
CONSTANT = chain(FIRST)
BOTH = chain(FIRST, SECOND, ("add", {"x": "#0", "y": "#1"}))
YEAR_S = 31_557_600
WAVE = chain(
    FIRST,
    SECOND,
    ("array_element", {"data": "$parameters", "index": 2}),
    ("multiply", {"x": "$x", "y": 2 * math.pi / YEAR_S}),
    ("cos", {"x": "#3"}),
    ("sin", {"x": "#3"}),
    ("multiply", {"x": "#1", "y": "#4"}),
    ("multiply", {"x": "#2", "y": "#5"}),
    ("sum", {"data": ["#0", "#6", "#7"]}),
)


def fitted(cells: list[Any], labels: list[Any], function: Any, start: list[float], **more: Any) -> Any:
    return call("fit_curve", data=LabelledArray(cells, labels), parameters=start, function=function, **more)


def close(*expected: float) -> Any:
    return pytest.approx(list(expected), rel=1e-7, abs=1e-9)


def test_a_line_through_points_on_it() -> None:
    assert fitted([1, 3, 5], [0, 1, 2], LINE, [0, 0]) == close(1, 2)


def test_a_line_of_least_squares() -> None:
    # x 0 1 2, y 0 1 5: means 1 and 2; slope (1*2 + 0 + 1*3) / 2 = 2.5, intercept 2 - 2.5
    assert fitted([0, 1, 5], [0, 1, 2], LINE, [9, 9]) == close(-0.5, 2.5)


def test_the_mean_is_the_constant_of_least_squares() -> None:
    assert fitted([1, 2, 6], [5, 7, 9], CONSTANT, [0]) == close(3)


def test_null_is_left_out_unless_told_otherwise() -> None:
    assert fitted([1, None, 5], [0, 1, 2], LINE, [0, 0]) == close(1, 2)
    assert fitted([1, None, 5], [0, 1, 2], LINE, [0, 0], ignore_nodata=False) == [None, None]


def test_too_few_values_give_null_and_nan_gives_nan() -> None:
    assert fitted([1, None, None], [0, 1, 2], LINE, [0, 0]) == [None, None]
    found = fitted([1, float("nan"), 3], [0, 1, 2], LINE, [0, 0])
    assert all(math.isnan(value) for value in found)


def test_parameters_that_can_not_be_told_apart_give_no_false_precision() -> None:
    found = fitted([4, 4], [0, 1], BOTH, [1, 1])
    assert sum(found) == pytest.approx(4)


def test_a_pixel_with_too_few_values_is_null_and_leaves_others_alone() -> None:
    data = cube([OtherDimension("n", (0, 1)), Y, X], [[[1, 1]], [[3, None]]])
    process = {"process_graph": {"f": _fit_node(LINE)}}
    made = call("apply_dimension", data=data, process=process, dimension="n")
    found = values(made)
    assert [found[0][0][0], found[1][0][0]] == close(1, 2)
    assert [found[0][0][1], found[1][0][1]] == [None, None]


def test_growth_is_found_from_a_poor_guess() -> None:
    data = [2 * math.exp(0.5 * x) for x in range(5)]
    assert fitted(data, list(range(5)), GROWTH, [1, 1]) == close(2, 0.5)


def test_growth_of_least_squares_has_no_gradient_left() -> None:
    x, y = np.arange(6.0), np.array([3.1, 1.4, 0.9, 0.3, 0.2, 0.05])
    a, b = fitted(list(y), list(x), GROWTH, [1, -0.1])
    residual = y - a * np.exp(b * x)
    assert residual @ np.exp(b * x) == pytest.approx(0, abs=1e-6)
    assert residual @ (a * x * np.exp(b * x)) == pytest.approx(0, abs=1e-6)


def test_a_bold_first_step_does_not_end_in_a_wrong_valley() -> None:
    # from (1, 0.1) the first Gauss-Newton step leads to a rate of some hundreds, where only the first value counts
    noise = [50, -120, 80, 10, -60, 90, -30, 40, -70, 20]
    data = [4000 * math.exp(-0.2 * x) + more for x, more in enumerate(noise)]
    a, b = fitted(data, list(range(10)), GROWTH, [1, 0.1])
    assert a == pytest.approx(4000, rel=0.03)
    assert b == pytest.approx(-0.2, rel=0.05)


def test_instants_count_as_seconds_since_1970() -> None:
    labels = ["1970-01-01T00:00:00Z", "1970-01-01T00:00:10Z", "1970-01-01T01:00:00+01:00"]
    assert fitted([1, 21, 1], labels, LINE, [0, 0]) == close(1, 2)


def test_a_wave_of_a_year_is_exact_fifty_years_after_1970() -> None:
    labels = [f"202{y}-{m:02d}-11" for y in range(3) for m in range(1, 13)]
    seconds = np.array(labels, "datetime64[s]").astype(float)
    phase = 2 * np.pi / YEAR_S * seconds
    data = 0.4 + 0.2 * np.cos(phase) - 0.1 * np.sin(phase)
    assert fitted(list(data), labels, WAVE, [1, 1, 1]) == close(0.4, 0.2, -0.1)


def test_a_trend_in_seconds_is_exact_fifty_years_after_1970() -> None:
    labels = [f"20{y}-01-01" for y in range(10, 24)]
    seconds = np.array(labels, "datetime64[s]").astype(float)
    a, b = fitted(list(5 + 1e-8 * seconds), labels, LINE, [0, 0])
    assert (a, b) == (pytest.approx(5, rel=1e-9), pytest.approx(1e-8, rel=1e-9))


def test_an_array_without_labels_or_with_names_is_refused() -> None:
    for data, code in (([1, 2], "ArrayNotLabeled"), (LabelledArray([1], ["red"]), "ProcessParameterInvalid")):
        with pytest.raises(OpenEOError) as caught:
            call("fit_curve", data=data, parameters=[1], function=CONSTANT)
        assert caught.value.code == code


def _fit_node(function: Any) -> dict[str, Any]:
    arguments = {"data": {"from_parameter": "data"}, "parameters": [1, 1], "function": function}
    return {"process_id": "fit_curve", "arguments": arguments, "result": True}


def lines() -> Operator:
    """Two pixels along n = 0, 1, 2: 1 + 2 n with a null, and 5 - n."""
    data = cube([OtherDimension("n", (0, 1, 2)), Y, X], [[[1, 5]], [[None, 4]], [[5, 3]]], nodata=-1)
    process = {"process_graph": {"f": _fit_node(LINE)}}
    made: Operator = call("apply_dimension", data=data, process=process, dimension="n")
    return made


def test_every_pixel_gets_parameters_of_its_own_in_double_precision() -> None:
    made = lines()
    assert made.description.labelled[0].labels == (0, 1)
    assert made.description.bands[0].dtype == np.float64
    assert pytest.approx(np.array([[1, 2], [5, -1]])) == np.array(values(made))[:, 0].T


# predict_curve


def predicted(parameters: Operator, labels: Any, dimension: str = "n", function: Any = LINE) -> Operator:
    made: Operator = call("predict_curve", parameters=parameters, function=function, dimension=dimension, labels=labels)
    return made


def test_predicted_values_lie_on_the_curve() -> None:
    made = predicted(lines(), [10, 0.5])
    assert made.description.dimensions[0] == OtherDimension("n", (10, 0.5))
    assert np.array(values(made))[:, 0] == pytest.approx(np.array([[21, -5], [2, 4.5]]))


def test_parameters_are_found_along_the_only_numbered_dimension() -> None:
    made = predicted(call("rename_dimension", data=lines(), source="n", target="param"), [1], "new")
    assert made.description.names == ("new", "y", "x")
    assert np.array(values(made))[0, 0] == pytest.approx([3, 4])


def test_instants_make_a_temporal_dimension() -> None:
    made = predicted(lines(), ["1970-01-01T00:00:07Z"], "t")
    assert made.description.dimensions[0] == TemporalDimension("t", ("1970-01-01T00:00:07Z",))
    assert np.array(values(made))[0, 0] == pytest.approx([15, -2])


def test_null_parameters_give_null() -> None:
    parameters = cube([OtherDimension("n", (0, 1)), Y, X], [[[1, None]], [[2, 2]]], nodata=-9)
    assert values(predicted(parameters, [1])) == [[[3, None]]]


def test_labels_must_be_given() -> None:
    for labels in (None, []):
        with pytest.raises(OpenEOError) as caught:
            predicted(lines(), labels)
        assert caught.value.code == "ProcessParameterInvalid"


def test_a_cube_in_which_no_dimension_is_numbered_is_refused() -> None:
    with pytest.raises(OpenEOError, match="exactly one dimension"):
        predicted(series([1, 2], ["2020-01-01", "2020-01-02"]), [1], "n")


def test_prediction_at_the_labels_of_a_perfect_fit_gives_the_data_back() -> None:
    data = series([2 * math.exp(0.5 * x) for x in range(4)], list(range(4)))
    process = {"process_graph": {"f": _fit_node(GROWTH)}}
    parameters = call("apply_dimension", data=data, process=process, dimension="t", target_dimension="p")
    again = along(predicted(parameters, [0, 1, 2, 3], "t", GROWTH))
    assert again == pytest.approx(along(data), rel=1e-9)
