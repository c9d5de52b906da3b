"""trim_cube: labels without data go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cubes import DAYS, X, Y, along, call, cube, series, values

from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, TemporalDimension
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes import trim

NAN = float("nan")


def trimmed(data: Operator) -> Operator:
    made: Operator = call("trim_cube", data=data)
    return made


def test_nothing_goes_where_every_label_has_a_value() -> None:
    data = series([1, 2], DAYS[:2])
    assert trimmed(data) is data


def test_time_loses_labels_at_both_ends_only() -> None:
    made = trimmed(series([None, 1, None, 2], DAYS))
    assert made.description.temporal[0].labels == DAYS[1:]
    assert along(made) == [1, None, 2]


def test_names_go_anywhere() -> None:
    data = cube([BandsDimension("b", ("B1", "B2", "B3")), Y, X], [[[1]], [[None]], [[3]]], nodata=0)
    made = trimmed(data)
    assert made.description.bands_dimension == BandsDimension("b", ("B1", "B3"))
    assert [band.name for band in made.description.bands] == ["B1", "B3"]
    assert values(made) == [[[1]], [[3]]]


def test_numbers_go_at_the_ends_only() -> None:
    data = cube([OtherDimension("n", (1, 2, 3, 4)), Y, X], [[[1]], [[None]], [[3]], [[None]]], nodata=-1)
    assert trimmed(data).description.labelled[0].labels == (1, 2, 3)


def test_rows_and_columns_go_at_the_edges() -> None:
    n = None
    data = cube([Y, X], [[n, n, n, n, n], [n, 1, n, 2, n], [n, n, n, n, n], [n, n, 3, n, n]], nodata=-1)
    made = trimmed(data)
    assert values(made) == [[1, n, 2], [n, n, n], [n, 3, n]]
    assert call("dimension_labels", data=made, dimension="x") == [500_015.0, 500_025.0, 500_035.0]
    assert call("dimension_labels", data=made, dimension="y")[0] == 4_999_985.0


def test_nan_is_a_value() -> None:
    made = trimmed(cube([Y, X], [[None, NAN, None]], nodata=-1))
    assert made.description.shape == (1, 1)


def test_a_cube_without_any_value_is_empty() -> None:
    made = trimmed(series([None, None], DAYS[:2]))
    assert made.description.shape == (0, 0, 0)
    assert trimmed(made) is made


def test_a_label_counts_if_any_band_has_a_value() -> None:
    dimensions = [TemporalDimension("t", DAYS[:3]), BandsDimension("b", ("B1", "B2")), Y, X]
    data = cube(dimensions, [[[[None]], [[1]], [[None]]], [[[None]], [[None]], [[2]]]], nodata=-1)
    made = trimmed(data)
    assert made.description.temporal[0].labels == DAYS[1:3]
    assert values(made) == [[[[1]], [[None]]], [[[None]], [[2]]]]


def test_values_across_several_blocks_are_found() -> None:
    cells = np.full((600, 700), None, object)
    cells[530, 520] = cells[599, 690] = 7
    made = trimmed(cube([Y, X], cells, nodata=0, dtype=np.uint8))
    assert made.description.shape == (70, 171)


def test_labels_are_known_to_the_processes_behind() -> None:
    made = trimmed(series([None, 1], DAYS[:2]))
    dropped: Any = call("drop_dimension", data=made, name="t")
    assert values(dropped) == [[1]]


def test_more_data_than_can_be_read_beforehand_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trim, "MAX_BYTES", 7)
    with pytest.raises(OpenEOError, match="Filter by bounding box") as caught:
        trimmed(series([None], DAYS[:1]))
    assert caught.value.code == "ProcessGraphComplexity"
