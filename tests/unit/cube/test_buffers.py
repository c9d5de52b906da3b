"""Memory of large arrays is used again once nobody looks at it, and never before."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from openeo_plugin.cube import buffers


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    buffers._IDLE.clear()
    yield
    buffers._IDLE.clear()


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def test_an_array_is_like_one_of_numpy() -> None:
    made = buffers.empty((3, 400, 500), "f4")
    assert made.shape == (3, 400, 500)
    assert made.dtype == np.float32
    assert made.flags.c_contiguous
    assert made.flags.writeable
    assert made.flags.aligned


def test_memory_is_used_again_when_the_array_is_gone() -> None:
    first = buffers.empty((1000, 1000), "u2")
    place = address(first)
    del first
    assert address(buffers.empty((1000, 1000), "u2")) == place


def test_memory_serves_another_shape_of_about_the_same_size() -> None:
    first = buffers.empty((1000, 1000), "u2")
    place = address(first)
    del first
    assert address(buffers.empty((990, 500), "f4")) == place


def test_memory_is_not_used_again_while_a_view_is_left() -> None:
    first = buffers.empty((1000, 1000), "u2")
    first[...] = 7
    view = first[3:5, ::2].T
    del first
    buffers.empty((1000, 1000), "u2")[...] = 9
    assert (view == 7).all()


def test_small_arrays_and_empty_ones_are_made_by_numpy() -> None:
    assert buffers.empty((10, 10), "u1").base is None
    assert buffers.empty((0, 500), "f8").size == 0


def test_little_is_kept_idle() -> None:
    held = [buffers.empty((1 << 20,), "f8") for _ in range(20)]
    held.clear()
    assert buffers._IDLE._bytes <= buffers.MOST_IDLE_BYTES
    assert buffers._IDLE._bytes == sum(m.nbytes for own in buffers._IDLE._memory.values() for m in own)


def test_released_memory_is_gone() -> None:
    buffers.empty((1 << 20,), "f8")
    assert buffers._IDLE._bytes > 0
    buffers._IDLE.clear()
    assert buffers._IDLE._bytes == 0


def test_threads_never_share_an_array() -> None:
    def work(number: int) -> bool:
        fine = True
        for _ in range(200):
            own = buffers.empty((300, 1000), "u1")
            own[...] = number
            fine &= bool((own == number).all())
        return fine

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
