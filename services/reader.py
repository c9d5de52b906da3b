"""A plan as a rio-tiler reader, so that what is written for rio-tiler works on process graphs."""

from __future__ import annotations

from typing import Any

import attr
import numpy as np
from morecantile import Tile
from odc.geo.geobox import GeoBox
from rasterio.crs import CRS
from rio_tiler.constants import WGS84_CRS
from rio_tiler.errors import PointOutsideBounds
from rio_tiler.io import BaseReader
from rio_tiler.models import BandStatistics, ImageData, Info, PointData
from rio_tiler.types import BBox

from openeo_plugin.cube.transforms import transformer
from services.render import preview_grid
from services.served import MapRequest, ServedService
from services.tile_matrix import grid_of

PREVIEW_PX = 512


@attr.s
class PlanReader(BaseReader):
    """All bands of a service at one date.

    input: the opened service; no address or file name is ever taken. time: as in `Dates.index`.
    Images are floating-point, null and NaN are masked.
    """

    input: ServedService = attr.ib(kw_only=True)
    time: str | None = attr.ib(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        grid = self.input.description.grid
        self.crs = CRS.from_user_input(str(grid.crs))
        self.bounds = grid.boundingbox.bbox
        self.transform = grid.affine
        self.height, self.width = grid.shape.y, grid.shape.x

    def info(self) -> Info:
        """Bounds, CRS, bands."""
        return Info(
            bounds=self.bounds,
            crs=self.crs.to_string(),
            band_metadata=[(name, {}) for name in self.band_names],
            band_descriptions=[(name, name) for name in self.band_names],
            dtype=str(np.result_type(*(band.dtype for band in self.input.description.bands))),
            nodata_type="Mask",
        )

    @property
    def band_names(self) -> list[str]:
        """Names of the bands; `value` for a cube without a bands dimension."""
        return [band.name or "value" for band in self.input.description.bands]

    def statistics(self, **kwargs: Any) -> dict[str, BandStatistics]:
        """Statistics of a coarse preview."""
        return self.preview().statistics(**kwargs)

    def tile(self, tile_x: int, tile_y: int, tile_z: int, tilesize: int = 256) -> ImageData:
        """The bands in a tile of the reader's tile matrix set."""
        west, south, east, north = self.tms.xy_bounds(Tile(x=tile_x, y=tile_y, z=tile_z))
        bounds = (west, south, east, north)
        return self._image(grid_of(bounds, tilesize, tilesize, self.tms.rasterio_crs.to_string()))

    def part(self, bbox: BBox, width: int = PREVIEW_PX, height: int = PREVIEW_PX) -> ImageData:
        """The bands in a bounding box of the data's own CRS."""
        return self._image(grid_of(bbox, width, height, str(self.input.description.grid.crs)))

    def preview(self, max_size: int = PREVIEW_PX) -> ImageData:
        """The whole extent, coarse."""
        return self._image(preview_grid(self.input.description.grid, max_size))

    def point(self, lon: float, lat: float, coord_crs: CRS = WGS84_CRS) -> PointData:
        """The pixel at a point.

        Raises: PointOutsideBounds.
        """
        x, y = transformer(coord_crs.to_string(), self.crs.to_string()).transform(lon, lat)
        west, south, east, north = self.bounds
        if not (west <= x <= east and south <= y <= north):
            raise PointOutsideBounds("Point is outside the data")
        found = self.input.values_at(lon, lat, coord_crs.to_string(), self.time)
        values = np.array([np.nan if value is None else value for value in found.values()])
        return PointData(
            np.ma.masked_invalid(values), band_names=self.band_names, crs=coord_crs, coordinates=(lon, lat)
        )

    def feature(self, shape: dict[str, Any]) -> ImageData:
        """Not offered."""
        raise NotImplementedError

    def _image(self, geobox: GeoBox) -> ImageData:
        values = self.input.values(MapRequest(geobox, self.time))
        crs = CRS.from_user_input(str(geobox.crs))
        bounds = tuple(geobox.boundingbox.bbox)
        return ImageData(np.ma.masked_invalid(values), bounds=bounds, crs=crs, band_names=self.band_names)
