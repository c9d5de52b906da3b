"""Where pixels lie: a grid is a GeoBox, a window an integer rectangle on it.

Slicing a GeoBox costs some 15 us, so inside a plan windows are integers; a GeoBox stands at the edges only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from affine import Affine
from odc.geo.geobox import GeoBox

Grid = GeoBox


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A rectangle of pixels on a grid; it may stick out of the grid.

    Two windows are equal if they cover the same pixels of the *same* grid object: grids are shared, never copied.
    """

    grid: Grid
    y: int
    x: int
    height: int
    width: int

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Window)
            and self.grid is other.grid
            and (self.y, self.x, self.height, self.width) == (other.y, other.x, other.height, other.width)
        )

    def __hash__(self) -> int:
        return hash((id(self.grid), self.y, self.x, self.height, self.width))

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def transform(self) -> Affine:
        """Affine of the window's upper left corner, pixel to world."""
        return self.grid.affine @ Affine.translation(self.x, self.y)

    def geobox(self) -> GeoBox:
        """The window as a GeoBox of its own."""
        return GeoBox((self.height, self.width), self.transform, self.grid.crs)

    def grown(self, rows: int, columns: int) -> Window:
        """The window with a halo on every side."""
        return Window(self.grid, self.y - rows, self.x - columns, self.height + 2 * rows, self.width + 2 * columns)

    def __repr__(self) -> str:
        return f"Window(y={self.y}, x={self.x}, height={self.height}, width={self.width})"


def whole(grid: Grid) -> Window:
    """The window that covers a grid."""
    return Window(grid, 0, 0, *grid.shape)


def tiled(grid: Grid, height: int, width: int) -> Iterator[Window]:
    """Windows of at most (height, width) pixels that cover the grid, row by row."""
    rows, columns = grid.shape
    for y in range(0, rows, height):
        for x in range(0, columns, width):
            yield Window(grid, y, x, min(height, rows - y), min(width, columns - x))
