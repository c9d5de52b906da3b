"""Arrays whose memory is used again.

Memory fresh from the system costs as much as reading it from a file: each page is cleared when it is first touched,
under a lock that all threads of the process share. Windows need the same few sizes over and over, so what one gives
back the next one takes.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

SMALLEST_BYTES = 1 << 18
"""Smaller arrays come from Python's allocator, which keeps their memory itself."""

MOST_IDLE_BYTES = 64 << 20


def empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """As `np.empty`. The memory goes back when no view of the array is left."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < SMALLEST_BYTES:
        return np.empty(shape, dtype)
    lease = _Lease(_IDLE, _IDLE.take(_rounded(size)))
    return np.frombuffer(lease, dtype, math.prod(shape)).reshape(shape)


def _rounded(size: int) -> int:
    """A size that serves others too, at most an eighth larger."""
    step = 1 << (size.bit_length() - 4)
    return -(-size // step) * step


class _Lease:
    """Holds memory for as long as an array looks at it."""

    __slots__ = ("_idle", "_memory")

    def __init__(self, idle: _Idle, memory: Array) -> None:
        self._idle, self._memory = idle, memory

    def __buffer__(self, flags: int) -> memoryview:
        return memoryview(self._memory)

    def __del__(self) -> None:
        self._idle.give_back(self._memory)


class _Idle:
    """Memory that nobody uses, by size; what has been idle for longest is freed first."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a lease may end at any place, so also within this class
        self._memory: OrderedDict[int, list[Array]] = OrderedDict()
        self._bytes = 0

    def take(self, size: int) -> Array:
        with self._lock:
            held = self._memory.get(size)
            if held:
                self._bytes -= size
                return held.pop()
        return np.empty(size, np.uint8)

    def give_back(self, memory: Array) -> None:
        with self._lock:
            self._memory.setdefault(memory.nbytes, []).append(memory)
            self._memory.move_to_end(memory.nbytes)
            self._bytes += memory.nbytes
            while self._bytes > MOST_IDLE_BYTES:
                self._free_one()

    def clear(self) -> None:
        """Give it all back to the system."""
        with self._lock:
            while self._bytes > 0:
                self._free_one()

    def _free_one(self) -> None:
        size = next(iter(self._memory))
        held = self._memory.get(size)
        if held:
            held.pop(0)
            self._bytes -= size
        if not held:
            self._memory.pop(size, None)


_IDLE = _Idle()
