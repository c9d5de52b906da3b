"""An opened service: its plan, its style and what the faces tell of it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.warp import transform_bounds

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.transforms import transformer
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.errors import OpenEOError
from services import render
from services.dates import Dates, dates_of, selection
from services.extent import boxes_of, hull
from services.geotiff import geotiff
from services.readable import Readable, read
from services.style import Style, bind
from services.tile_matrix import (
    GEOGRAPHIC,
    WEB_MERCATOR,
    WEB_MERCATOR_QUAD,
    WORLD_CRS84_QUAD,
    Bounds,
    TileMatrixSet,
    native_set,
    zoom_of,
)
from services.tile_store import KeptTiles, TileKey
from services.visit import current_context

Planner = Callable[[Mapping[str, Any]], Readable]

KEPT_FORMATS = frozenset({"png", "jpeg", "webp"})


@dataclass(frozen=True)
class MapRequest:
    """One picture asked of a service.

    Args:
        geobox: the pixels wanted.
        time: the date as the client wrote it; None for the service's default.
        tile: (z, x, y), rows counted from the north, if a tile is asked for.
        matrix_set: id of the tile matrix set of `tile`.
        context: canceled when the client has left.
    """

    geobox: GeoBox
    time: str | None = None
    tile: tuple[int, int, int] | None = None
    matrix_set: str = WEB_MERCATOR_QUAD.id
    context: RunContext = field(default_factory=current_context)

    @property
    def crs(self) -> str:
        """CRS as a text that PROJ knows."""
        return str(self.geobox.crs)


class ServedService:
    """One enabled service. Safe to use from many threads.

    Args:
        service_id: of the stored service.
        texts: title, abstract and attribution, as their author wrote them.
        planner: gives the plan for arguments of the process parameters (null for what a request does not say).
        uses: the process parameters the process graph refers to.
        configuration: of the service.

    Raises: ServiceConfigInvalid, ProcessGraphInvalid, and whatever planning raises.
    """

    def __init__(
        self,
        service_id: str,
        *,
        texts: Mapping[str, str],
        planner: Planner,
        uses: frozenset[str],
        configuration: Mapping[str, Any],
    ) -> None:
        self.id = service_id
        self.title = texts["title"]
        self.abstract = texts["abstract"]
        self.attribution = texts["attribution"]
        self._uses = uses
        self._planner = lru_cache(maxsize=32)(lambda arguments: planner(_thawed(arguments)))
        self._plan = planner(dict.fromkeys(uses))
        self.description = map_description(self._plan)
        self.dates: Dates = dates_of(self.description, configuration.get("time"))
        self._style = bind(configuration, self.description)
        self._boxes: dict[str, tuple[Bounds, ...]] = {}
        self._style_lock = threading.Lock()
        self._tiles: KeptTiles | None = None

    @property
    def collections(self) -> tuple[str, ...]:
        """Ids of the collections that the process reads."""
        return self._plan.collections

    def keep_tiles(self, tiles: KeptTiles) -> None:
        """From now on keep the pictures of tiles."""
        self._tiles = tiles

    @property
    def tiles(self) -> KeptTiles | None:
        """Where pictures of tiles are kept; None if they are not."""
        return self._tiles

    def kept_tile(
        self,
        tile: tuple[int, int, int],
        time: str | None,
        image_format: str,
        matrix_set: str = WEB_MERCATOR_QUAD.id,
    ) -> bytes | None:
        """The picture of a tile, if it was kept."""
        if self._tiles is None:
            return None
        with suppress(OpenEOError):
            return self._tiles.get(TileKey(tile, self.dates.label(time), image_format, matrix_set))
        return None

    @cached_property
    def tile_matrix_sets(self) -> dict[str, TileMatrixSet]:
        """Those of the world and, if there is one, that of the data, by their id."""
        own = native_set(self.description.grid, epsg_of(self), self.tile_size)
        return {one.id: one for one in (WEB_MERCATOR_QUAD, WORLD_CRS84_QUAD, own) if one}

    @property
    def tile_size(self) -> int:
        """Width and height of a tile in pixels."""
        return self._style.tile_size

    @property
    def unranged_style(self) -> Style:
        """The style as configured, without a look at the pixels."""
        return self._style

    @property
    def style(self) -> Style:
        """The style with its ranges; the first use may read a coarse preview of the cube."""
        with self._style_lock:
            if self._style.needs_ranges:
                count = len(self.dates.labels) or 1
                tried = dict.fromkeys((self.dates.default, count // 2, 0))
                choices = [selection(self.description, self.dates, index) for index in tried]
                self._style = render.with_ranges(self._plan, self._style, choices)
            return self._style

    def picture(self, request: MapRequest, image_format: str = "png") -> bytes:
        """The picture a request asks for; transparent outside the data.

        Raises: RequestInvalid for an unknown date; Canceled.
        """
        index = self.dates.index(request.time)
        if not self.covers(request.geobox):
            return self._nothing(request.geobox, image_format)
        if self._tiles is None or request.tile is None or image_format not in KEPT_FORMATS:
            return self._made(request, index, image_format)
        key = TileKey(request.tile, self.dates.label(request.time), image_format, request.matrix_set)
        content = self._tiles.get(key) if request.geobox.shape == (self.tile_size,) * 2 else None
        if content is None:
            content = self._made(request, index, image_format)
            if request.geobox.shape == (self.tile_size,) * 2:
                self._tiles.put(key, content)
        return content

    def _made(self, request: MapRequest, index: int, image_format: str) -> bytes:
        labels = selection(self.description, self.dates, index)
        plan, style = self.plan_for(request), self.style
        return render.render(plan, request.geobox, style, labels, image_format, request.context)

    def values(self, request: MapRequest) -> np.ndarray[Any, Any]:
        """Values of all bands, (band, y, x) as floating-point numbers, null as NaN."""
        labels = selection(self.description, self.dates, self.dates.index(request.time))
        everything = range(len(self.description.bands))
        pixels = read(self.plan_for(request), request.geobox, everything, labels, request.context)
        return np.stack([band.real() for band in pixels])

    def values_at(self, x: float, y: float, crs: str, time: str | None = None) -> dict[str, float | None]:
        """The values of the cube's pixel at a point of a CRS; None for null, NaN and outside the data.

        Raises: RequestInvalid for an unknown date.
        """
        names = [band.name or "value" for band in self.description.bands]
        pixel = self._pixel_at(x, y, crs)
        self.dates.index(time)
        if pixel is None:
            return dict.fromkeys(names)
        values = [float(value) for value in self.values(MapRequest(pixel, time))[:, 0, 0]]
        return {name: value if np.isfinite(value) else None for name, value in zip(names, values, strict=True)}

    def _pixel_at(self, x: float, y: float, crs: str) -> GeoBox | None:
        """The pixel of the cube's own grid at a point, as a grid of one pixel."""
        grid = self.description.grid
        place = transformer(crs, str(grid.crs)).transform(x, y)  # infinite where the grid's CRS has no such place
        if not all(map(math.isfinite, place)):
            return None
        column, row = ~grid.affine @ place
        if not (0 <= column < grid.shape.x and 0 <= row < grid.shape.y):
            return None
        return GeoBox((1, 1), grid.affine @ Affine.translation(math.floor(column), math.floor(row)), grid.crs)

    def plan_for(self, request: MapRequest) -> Readable:
        """The plan for a request: the same for all, unless the process graph refers to process parameters."""
        if not self._uses:
            return self._plan
        arguments = {name: value for name, value in self._arguments(request).items() if name in self._uses}
        return self._planner(_frozen(arguments))

    def bounds(self, crs: str) -> Bounds:
        """Where the data lies: west, south, east, north in a CRS; the whole width of it across the antimeridian."""
        return hull(self.boxes(crs))

    def boxes(self, crs: str) -> tuple[Bounds, ...]:
        """Where the data lies in a CRS: two boxes if it crosses the antimeridian there."""
        known = self._boxes.get(crs)
        if known is None:
            known = self._boxes[crs] = boxes_of(self.description.grid, crs)
        return known

    @property
    def pixel_m(self) -> float:
        """Width of a pixel of the data in Web Mercator, or its height if that is less."""
        boxes, (rows, columns) = self.boxes(WEB_MERCATOR), self.description.grid.shape
        width = sum(east - west for west, _, east, _ in boxes)
        _, south, _, north = hull(boxes)
        return min(width / columns, (north - south) / rows)

    def useful_zoom(self, limit: int) -> int:
        """The zoom level beyond which tiles tell nothing new: two levels past the data's own resolution."""
        return min(zoom_of(self.pixel_m, self.tile_size) + 2, limit)

    def covers(self, geobox: GeoBox) -> bool:
        """Whether there may be data in a grid."""
        west, south, east, north = geobox.boundingbox.bbox
        return any(
            west < box[2] and east > box[0] and south < box[3] and north > box[1] for box in self.boxes(str(geobox.crs))
        )

    def _arguments(self, request: MapRequest) -> dict[str, Any]:
        in_web_mercator = request.tile is not None and request.matrix_set == WEB_MERCATOR_QUAD.id
        z, x, y = request.tile if request.tile and in_web_mercator else (None, None, None)
        box = request.geobox.boundingbox.bbox
        west, south, east, north = transform_bounds(request.crs, GEOGRAPHIC, *box, densify_pts=21)
        extent = {"west": west, "south": south, "east": east, "north": north}
        time = self.dates.label(request.time) if self.dates.labels else request.time
        return {"x": x, "y": y, "z": z, "spatial_extent": extent, "time": time}

    def _nothing(self, geobox: GeoBox, image_format: str) -> bytes:
        height, width = geobox.shape
        if image_format == "tif":
            labels = selection(self.description, self.dates, self.dates.default)
            return geotiff(self._plan, geobox, self._style.bands, labels)
        if image_format == "npy":
            return render.encode_values(np.full((len(self._style.bands), height, width), np.nan, np.float32))
        return render.encode(render.blank(height, width), image_format)


def map_description(plan: Readable) -> CubeDescription:
    """What cube a plan gives, if a map can be made of it.

    Raises: ProcessGraphInvalid.
    """
    description = plan.description
    axes = {d.axis for d in description.dimensions if d.type == "spatial"} if description else set()
    if description is None or axes != {"x", "y"} or description.grid.crs is None:
        reason = "a map needs a raster cube with the dimensions x and y and a CRS as its result"
        raise OpenEOError("ProcessGraphInvalid", reason=reason)
    return description


def epsg_of(served: ServedService) -> str | None:
    """`EPSG:n` of the data's CRS, if it has such a code."""
    crs = served.description.grid.crs
    code = crs.epsg if crs is not None else None
    return f"EPSG:{code}" if code else None


def _frozen(arguments: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    flat = {
        name: tuple(sorted(value.items())) if isinstance(value, dict) else value for name, value in arguments.items()
    }
    return tuple(sorted(flat.items()))


def _thawed(arguments: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return {name: dict(value) if isinstance(value, tuple) else value for name, value in arguments}
