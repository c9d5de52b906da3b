"""`inspect` logs what it is given and hands it on."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from openeo_plugin.cube.pixels import Pixels
from openeo_plugin.processes.development import inspect


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.mark.parametrize("data", [None, 1, "text", [1, 2], {"a": None}])
def test_the_value_itself_goes_on(data: Any) -> None:
    assert inspect(data) is data


def test_value_and_message_are_logged(log: pytest.LogCaptureFixture) -> None:
    inspect([1, None], message="before the filter")
    assert log.messages == ["[User] before the filter: [1, None]"]


def test_the_code_stands_in_the_entry(log: pytest.LogCaptureFixture) -> None:
    inspect(3, code="ndvi")
    assert log.messages == ["[ndvi] 3"]


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_the_level_is_that_of_the_entry(log: pytest.LogCaptureFixture, level: str) -> None:
    inspect(3, level=level)
    assert log.records[0].levelname == level.upper()


def test_of_pixels_only_a_summary_is_logged(log: pytest.LogCaptureFixture) -> None:
    pixels = Pixels(np.zeros((2, 512, 512), np.int16))
    assert inspect(pixels) is pixels
    assert log.messages == ["[User] pixels of shape (2, 512, 512), int16"]


def test_a_long_value_is_cut(log: pytest.LogCaptureFixture) -> None:
    inspect("x" * 5000)
    assert len(log.messages[0]) < 1100
