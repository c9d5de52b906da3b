"""Which part of a grid a writer has received."""

from __future__ import annotations

import threading

from openeo_plugin.cube.grid import Grid, Window


class Coverage:
    """Checks the windows that come in, and knows at the end whether all of them came. Safe to use from many threads."""

    def __init__(self, grid: Grid, align: tuple[int, int]) -> None:
        self._grid = grid
        self._align = align
        self._missing_pixels = grid.shape[0] * grid.shape[1]
        self._lock = threading.Lock()

    def check(self, window: Window) -> None:
        """Refuse a window that is not aligned or sticks out.

        Raises: ValueError.
        """
        axes = zip((window.y, window.x), window.shape, self._grid.shape, self._align, strict=True)
        for start, length, size, step in axes:
            end = start + length
            if start < 0 or end > size or length < 1 or start % step or (end % step and end != size):
                raise ValueError(f"{window} does not fit blocks of {self._align} on a grid of {self._grid.shape.yx}.")

    def add(self, window: Window) -> None:
        """Count a window as stored."""
        with self._lock:
            self._missing_pixels -= window.height * window.width

    def require_all(self) -> None:
        """Refuse to finish early.

        Raises: ValueError if windows are missing or came twice.
        """
        if self._missing_pixels != 0:
            raise ValueError(f"Windows are missing or came twice ({self._missing_pixels} pixels).")
