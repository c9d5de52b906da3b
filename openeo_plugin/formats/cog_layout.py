"""How the tiles of a cloud-optimised GeoTIFF lie: sizes of tiles and overviews."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.grid import Grid
from openeo_plugin.formats.halving import is_continuous
from openeo_plugin.formats.stored_type import StoredType
from openeo_plugin.formats.tile_codec import TileCodec

TILE_SIZE = 512


@dataclass(frozen=True)
class CogLayout:
    """What all files of one writer have in common.

    Args:
        bands: as declared by the cube: names, units and kinds of data.
        overview_resampling: AUTO, AVERAGE or NEAREST; NONE for no overviews.
        notes: texts by name that the files hold.
    """

    grid: Grid
    bands: tuple[Band, ...]
    stored: StoredType
    codec: TileCodec
    overview_resampling: str = "AUTO"
    notes: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def tile(self) -> tuple[int, int]:
        """(rows, columns) of a tile: 512, or less where the grid is smaller; multiples of 16."""
        rows, columns = (min(TILE_SIZE, -(-size // 16) * 16) for size in self.grid.shape)
        return rows, columns

    @cached_property
    def sizes(self) -> list[tuple[int, int]]:
        """(rows, columns) of every level, full resolution first; the last fits in one tile."""
        sizes = [(self.grid.shape[0], self.grid.shape[1])]
        while self.overview_resampling != "NONE" and (sizes[-1][0] > self.tile[0] or sizes[-1][1] > self.tile[1]):
            sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        return sizes

    @cached_property
    def tiles(self) -> list[tuple[int, int]]:
        """(rows, columns) of tiles of every level."""
        return [(-(-rows // self.tile[0]), -(-columns // self.tile[1])) for rows, columns in self.sizes]

    @property
    def overviews(self) -> tuple[int, ...]:
        """Decimation factors, ascending."""
        return tuple(2**level for level in range(1, len(self.sizes)))

    def averages(self, band: int) -> bool:
        """Whether overviews of a band are means."""
        if self.overview_resampling == "AUTO":
            return is_continuous(self.bands[band])
        return self.overview_resampling == "AVERAGE"
