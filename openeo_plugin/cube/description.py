"""What a cube is, without its pixels: the answer of `describe`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.dimensions import BandsDimension, Dimension, LabelledDimension, SpatialDimension
from openeo_plugin.cube.grid import Grid
from openeo_plugin.errors import OpenEOError


@dataclass(frozen=True)
class CubeDescription:
    """A raster cube before any pixel is read.

    Args:
        dimensions: in the cube's own order.
        grid: the grid of x and y. A cube that lost one of them keeps a grid with one row or one column; a cube
            without spatial dimensions has a grid of one pixel.
        bands: one per label of the bands dimension, or exactly one (named "") where there is none.
        free: whether the cube can be computed on any grid (tiles, previews), not just on `grid`.
        block: (rows, columns) of the blocks in which the sources are stored; windows are aligned to it.
    """

    dimensions: tuple[Dimension, ...]
    grid: Grid
    bands: tuple[Band, ...]
    free: bool = True
    block: tuple[int, int] = (512, 512)

    @property
    def labelled(self) -> tuple[LabelledDimension, ...]:
        """Dimensions with labels, bands left out, in order: the leading axes of `Pixels.values`."""
        return tuple(d for d in self.dimensions if not isinstance(d, SpatialDimension | BandsDimension))

    @property
    def bands_dimension(self) -> BandsDimension | None:
        """The bands dimension, if there is one."""
        return next((d for d in self.dimensions if isinstance(d, BandsDimension)), None)

    @property
    def temporal(self) -> tuple[LabelledDimension, ...]:
        """Every temporal dimension, in order."""
        return tuple(d for d in self.labelled if d.type == "temporal")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all dimensions, in order."""
        return tuple(d.name for d in self.dimensions)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of labels of every dimension, in order."""
        sizes = {"y": self.grid.shape[0], "x": self.grid.shape[1]}
        return tuple(sizes[d.axis] if isinstance(d, SpatialDimension) else len(d.labels) for d in self.dimensions)

    def dimension(self, name: str) -> Dimension:
        """The dimension called `name`.

        Raises: DimensionNotAvailable.
        """
        for dimension in self.dimensions:
            if dimension.name == name:
                return dimension
        raise OpenEOError("DimensionNotAvailable", dimension=name, available=", ".join(self.names) or "none")

    def require_space(self) -> None:
        """Raises: DimensionNotAvailable unless there are x and y."""
        axes = {d.axis for d in self.dimensions if isinstance(d, SpatialDimension)}
        if axes != {"x", "y"}:
            raise OpenEOError("DimensionNotAvailable", dimension="x, y", available=", ".join(self.names) or "none")

    def require_comparable(self, other: CubeDescription) -> None:
        """Raises: IncompatibleDataCubes if of two cubes with x or y only one has a reference system."""
        spatial = all(any(isinstance(d, SpatialDimension) for d in cube.dimensions) for cube in (self, other))
        if spatial and (self.grid.crs is None) != (other.grid.crs is None):
            raise OpenEOError("IncompatibleDataCubes", reason="x and y of one of them have no reference system.")

    def axis(self, name: str) -> int:
        """Index of a labelled dimension among the leading axes of `Pixels.values`."""
        return next(i for i, d in enumerate(self.labelled) if d.name == name)

    def with_dimension(self, name: str, new: Dimension | None) -> CubeDescription:
        """The description with one dimension replaced (or dropped, for None)."""
        kept = tuple(new if d.name == name else d for d in self.dimensions if d.name != name or new is not None)
        return replace(self, dimensions=tuple(d for d in kept if d is not None))
