"""Texts beyond the official cases."""

from __future__ import annotations

import math

import pytest

from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.texts import (
    fold_case,
    text_begins,
    text_concat,
    text_contains,
    text_ends,
    text_find,
)


def test_every_text_begins_and_ends_with_nothing() -> None:
    assert text_begins("abc", "") is True
    assert text_ends("", "") is True
    assert text_contains("abc", "") is True
    assert text_find("abc", "") == 0


def test_patterns_are_no_regular_expressions() -> None:
    assert text_contains("abc", "a.c") is False
    assert text_find("x(y)", "(") == 1


def test_folding_case_keeps_positions() -> None:
    assert fold_case("İSTANBUL ẞ").endswith(" ß")
    assert len(fold_case("İß")) == 2
    assert text_find("İstanbul", "BUL", case_sensitive=False) == 5


def test_a_final_sigma_is_a_sigma() -> None:
    assert text_ends("ΟΔΟΣ", "δος", case_sensitive=False) is True


def test_whole_numbers_are_written_without_decimals() -> None:
    assert text_concat([1.0, 2, 0.5, 1e300], separator="|") == "1|2|0.5|1e+300"


def test_separators_of_any_scalar_type_are_written_like_elements() -> None:
    assert text_concat(["a", "b"], separator=None) == "anullb"
    assert text_concat(["a", "b"], separator=True) == "atrueb"


def test_what_is_no_finite_number_is_spelled_in_lower_case() -> None:
    assert text_concat([math.nan, math.inf, -math.inf], " ") == "nan infinity -infinity"


def test_a_number_is_no_text_to_look_into() -> None:
    with pytest.raises(OpenEOError) as caught:
        text_contains(12, "1")  # type: ignore[arg-type]
    assert caught.value.code == "ProcessParameterInvalid"
