"""Arrays: labels, constants beside pixels, filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cubes import call

from openeo_plugin.cube.labelled_array import LabelledArray
from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.array_callbacks import array_apply, array_filter
from openeo_plugin.processes.array_elements import array_contains, array_element, array_find, array_find_label
from openeo_plugin.processes.arrays import (
    array_append,
    array_concat,
    array_create,
    array_create_labeled,
    array_labels,
    array_modify,
)
from openeo_plugin.processes.picks import count

RED, NIR = Pixels(np.array([[1, 0]], np.uint16), 0), Pixels(np.array([[5, 7]], np.uint16), 0)


def bands() -> Any:
    return Lanes(("B04", "B08"), elements=[RED, NIR])


def code_of(call: Any) -> str:
    with pytest.raises(OpenEOError) as error:
        call()
    return error.value.code


def test_an_element_is_found_by_index_and_by_label() -> None:
    assert array_element(bands(), 1) is NIR
    assert array_element(bands(), label="B04") is RED
    assert array_element([1, 2], 5, return_nodata=True) is None
    assert code_of(lambda: array_element(bands(), label="B05")) == "ArrayElementNotAvailable"
    assert code_of(lambda: array_element([1, 2], -1)) == "ArrayElementNotAvailable"
    assert code_of(lambda: array_element([1, 2], label="B05")) == "ArrayNotLabeled"


def test_reading_one_element_reads_no_other() -> None:
    read: list[int | None] = []
    array_element(Lanes(("B04", "B08"), elements=[RED, NIR], read=read.append), label="B08")  # type: ignore[arg-type]
    assert read == [1]


def test_an_array_of_pixels_becomes_lanes() -> None:
    made = array_create([RED, 2], 2)
    assert isinstance(made, Lanes)
    assert len(made) == 4


def test_appending_pixels_keeps_labels_and_gives_the_next_index() -> None:
    longer = array_append(bands(), 3)
    assert array_labels(longer) == ["B04", "B08", 2]
    assert longer.element(2).real().tolist() == [[3, 3]]  # type: ignore[attr-defined]
    assert code_of(lambda: array_append(bands(), 3, "B04")) == "LabelExists"
    assert code_of(lambda: array_append([1], 3, "B04")) == "ArrayNotLabeled"


def test_joined_arrays_keep_labels_only_if_both_have_some() -> None:
    assert array_labels(array_concat(bands(), LabelledArray([1], ["x"]))) == ["B04", "B08", "x"]
    assert array_labels(array_concat(bands(), [1])) == [0, 1, 2]
    assert len(array_concat(bands(), bands().element(0))) == 3
    assert code_of(lambda: array_concat(bands(), bands())) == "ArrayLabelConflict"


def test_modify_keeps_labels_beside_an_empty_array() -> None:
    data = LabelledArray([1, 2, 3], ["a", "b", "c"])
    assert array_labels(array_modify(data, [], 1, 1)) == ["a", "c"]
    assert array_labels(array_modify(data, [9], 1)) == [0, 1, 2, 3]
    assert array_labels(array_modify([], LabelledArray([9], ["z"]), 0)) == ["z"]
    assert array_modify([1, 2], [3], 2) == [1, 2, 3]
    assert code_of(lambda: array_modify([1, 2], [3], 3)) == "ArrayElementNotAvailable"


def test_labels_are_given_to_pixels_too() -> None:
    assert array_labels(array_create_labeled([RED, NIR], ["red", "nir"])) == ["red", "nir"]


def test_apply_passes_index_label_and_context() -> None:
    seen = array_apply(
        LabelledArray([5, 6], ["a", "b"]), lambda x, index, label, context: [x, index, label, context], "given"
    )
    assert list(seen) == [[5, 0, "a", "given"], [6, 1, "b", "given"]]
    assert array_labels(seen) == ["a", "b"]


def test_apply_on_pixels_gives_lanes_with_the_same_labels() -> None:
    doubled = array_apply(bands(), lambda x, **_: Pixels(x.values * 2, 0))
    assert isinstance(doubled, Lanes)
    assert doubled.labels == ("B04", "B08")
    assert doubled.element(1).values.tolist() == [[10, 14]]


def test_a_filter_on_labels_selects_elements() -> None:
    kept = array_filter(bands(), lambda label, **_: label == "B08")
    assert isinstance(kept, Lanes)
    assert (len(kept), kept.labels) == (1, ("B08",))


def test_a_filter_that_keeps_no_element_leaves_pixels_without_values() -> None:
    kept = array_filter(bands(), lambda **_: False)
    assert count(kept).values.tolist() == [[0, 0]]


def test_a_filter_on_values_moves_them_to_the_front() -> None:
    lanes: Any = Lanes(("a", "b", "c"), stacked=Pixels(np.array([[[1, 9]], [[8, 0]], [[7, 2]]], np.uint16), 0))
    kept = array_filter(lanes, lambda x, **_: Pixels(x.values > 3))
    assert isinstance(kept, Lanes)
    assert kept.labels is None
    # Pixel 0: 8, 7, null. Pixel 1: 9, null, null.
    assert kept.stack().filled(0, np.uint16).tolist() == [[[8, 9]], [[7, 0]], [[0, 0]]]
    assert count(kept).values.tolist() == [[2, 1]]


def test_values_are_found_per_pixel() -> None:
    found = array_find(bands(), 7)
    assert found.null().tolist() == [[True, False]]
    assert found.values[0, 1] == 1
    assert array_contains(bands(), 7).values.tolist() == [[False, True]]  # type: ignore[attr-defined]
    assert array_find_label(bands(), "B08") == 1
    assert array_find_label([1], "B08") is None


def test_null_is_never_found() -> None:
    assert array_contains([None], None) is False
    assert array_find([None], None) is None
    assert array_contains(bands(), 0).values.tolist() == [[False, False]]  # type: ignore[attr-defined]


def test_an_array_with_labels_is_no_text() -> None:
    labelled = call("array_create_labeled", data=[1], labels=["a"])
    with pytest.raises(OpenEOError) as raised:
        call("date_difference", date1="2020-01-01", date2="2020-01-02", unit=labelled)
    assert raised.value.code == "ProcessParameterInvalid"
