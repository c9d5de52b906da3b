"""Making pictures of tiles before anybody asks for them: which tiles an order means, and how they are made.

order -> tiles of the levels, dates and area asked for -> `ServedService.picture`, which keeps what it makes

Tiles that are kept already are left out, so an order that was stopped goes on where it was when it is given again.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from rasterio.warp import transform_bounds

from openeo_plugin.engine.operator import Canceled, RunContext
from openeo_plugin.errors import OpenEOError
from services.extent import MERCATOR_LATITUDE, parts_of
from services.seed_order import SeedOrder, refused
from services.served import MapRequest, ServedService
from services.tile_matrix import GEOGRAPHIC, WEB_MERCATOR, Bounds, TileMatrixSet, zoom_of
from services.tile_store import KeptTiles, TileKey

FAILURES_MAX = 25
BATCH = 8
KEEP_TRIES = 30
KEEP_EVERY_S = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeedProgress:
    """How far an order is.

    Args:
        total: tiles wanted.
        made: tiles that were computed, kept: that were there, failed: that can't be computed.
        size_bytes: of the tiles that were computed.
        fault: the first failure.
    """

    total: int
    made: int = 0
    kept: int = 0
    failed: int = 0
    size_bytes: int = 0
    fault: str | None = None

    @property
    def done(self) -> int:
        """Tiles that need no more work."""
        return self.made + self.kept + self.failed

    @property
    def percent(self) -> float:
        """Of the tiles, 0 to 100."""
        return 100.0 * self.done / self.total if self.total else 100.0


@dataclass(frozen=True)
class SeedTiles:
    """The tiles of an order: areas of columns and rows by level, the same for each label."""

    matrix_set: TileMatrixSet
    areas: tuple[tuple[int, range, range], ...]
    labels: tuple[str | None, ...]
    image_format: str

    @property
    def count(self) -> int:
        """How many there are: more than `len` can tell where the deepest levels of the world are asked for."""
        return sum(len(columns) * len(rows) for _, columns, rows in self.areas) * len(self.labels)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[TileKey]:
        """Coarse levels first; within a level one date after the other."""
        for z, columns, rows in self.areas:
            for label, y, x in itertools.product(self.labels, rows, columns):
                yield TileKey((z, x, y), label, self.image_format, self.matrix_set.id)


def tiles_of(served: ServedService, order: SeedOrder, max_zoom: int, limit: int) -> SeedTiles:
    """The tiles that an order means for a service. Reads no pixels.

    Args:
        max_zoom: deepest level that is served.
        limit: more tiles than that are refused.
    Raises: RequestInvalid.
    """
    known = served.tile_matrix_sets
    if order.matrix_set not in known:
        names = ", ".join(known)
        raise refused(f"there is no tile matrix set '{order.matrix_set[:32]}'; there are {names}")
    matrix_set = known[order.matrix_set]
    deepest = min(max_zoom, (matrix_set.levels or max_zoom + 1) - 1)
    first, last = order.zoom or (0, min(deepest, _own_zoom(served, matrix_set)))
    if last > deepest:
        raise refused(f"zoom levels go from 0 to {deepest}")
    boxes = _areas(served, order.bbox, matrix_set)
    areas = tuple((z, *matrix_set.within(box, z)) for z in range(first, last + 1) for box in boxes)
    tiles = SeedTiles(matrix_set, areas, _labels(served, order.dates), order.image_format)
    if tiles.count > limit:
        raise refused(f"these are {tiles.count} tiles, the limit is {limit}; ask for fewer levels or a smaller area")
    return tiles


def seed(
    served: ServedService,
    tiles: SeedTiles,
    note: Callable[[SeedProgress], None],
    context: RunContext,
    threads: int = 1,
) -> SeedProgress:
    """Make the tiles that are not kept yet.

    Args:
        served: whose tiles are kept.
        note: told of the progress after every few tiles, in the calling thread.
        context: canceled to stop.
        threads: that compute.
    Returns: the progress at the end.
    Raises: Canceled; RequestInvalid if nothing is kept of the service, or too much fails, or the room does not suffice,
        or tiles can't be kept.
    """
    kept = served.tiles
    if kept is None:
        raise refused("tiles of this service are not kept")
    room_bytes = kept.room_bytes() * 0.75
    progress = SeedProgress(len(tiles))
    note(progress)
    with ThreadPoolExecutor(threads, thread_name_prefix="seed") as pool:
        for batch in itertools.batched(tiles, BATCH):
            for size_bytes in pool.map(lambda key: _one(served, tiles.matrix_set, key, context), batch):
                progress = _after(progress, size_bytes)
            note(progress)
            context.check()
            if progress.failed >= FAILURES_MAX:
                raise refused(f"{progress.failed} tiles failed, the first with: {progress.fault}")
            if progress.size_bytes > room_bytes:
                raise refused("there is no room for more tiles; see tile_cache_bytes")
    return progress


def _one(served: ServedService, matrix_set: TileMatrixSet, key: TileKey, context: RunContext) -> int | str | None:
    """Bytes of a tile that was made, None for one that was there, a text if it failed."""
    context.check()
    assert served.tiles is not None
    if served.tiles.has(key):
        return None
    request = MapRequest(matrix_set.grid(key.tile, served.tile_size), key.label, key.tile, matrix_set.id, context)
    try:
        content = served.picture(request, key.image_format)
    except Canceled:
        raise
    except OpenEOError as error:
        return error.message
    except Exception:
        internal = OpenEOError("Internal")
        log.exception("Internal error %s while seeding the tile %s", internal.id, key)
        return internal.message
    _see_kept(served.tiles, key, content, context)
    return len(content)


def _see_kept(kept: KeptTiles, key: TileKey, content: bytes, context: RunContext) -> None:
    """Wait some time for a place that is away: what is made for nobody must not go on for hours.

    Raises: Canceled; RequestInvalid if a tile can't be kept.
    """
    for waited in range(KEEP_TRIES):
        if kept.has(key):
            return
        if waited and context.cancel.wait(KEEP_EVERY_S):
            context.check()
        kept.put(key, content)
    if not kept.has(key):
        raise refused("tiles can't be kept at the moment, those made before are; the server's log says why")


def _after(progress: SeedProgress, outcome: int | str | None) -> SeedProgress:
    if outcome is None:
        return replace(progress, kept=progress.kept + 1)
    if isinstance(outcome, str):
        return replace(progress, failed=progress.failed + 1, fault=progress.fault or outcome)
    return replace(progress, made=progress.made + 1, size_bytes=progress.size_bytes + outcome)


def _own_zoom(served: ServedService, matrix_set: TileMatrixSet) -> int:
    """The level whose pixels are about those of the data; that of the data's own tile matrix set is its last."""
    if matrix_set.levels is not None:
        return matrix_set.levels - 1
    zoom = zoom_of(served.pixel_m, served.tile_size)
    return zoom if matrix_set.crs == WEB_MERCATOR else max(0, zoom - 1)


def _areas(served: ServedService, bbox: Bounds | None, matrix_set: TileMatrixSet) -> list[Bounds]:
    """Where the order and the data meet, in the CRS of the tiles.

    Raises: RequestInvalid if they don't.
    """
    asked = [None] if bbox is None else [_projected(part, matrix_set.crs) for part in parts_of(bbox)]
    met = [_common(box, part) if part else box for box in served.boxes(matrix_set.crs) for part in asked]
    areas = [box for box in met if box[0] < box[2] and box[1] < box[3]]
    if not areas:
        raise refused("the `bbox` lies outside of the data")
    return areas


def _projected(box: Bounds, crs: str) -> Bounds:
    west, south, east, north = box
    if crs == WEB_MERCATOR:
        south, north = max(south, -MERCATOR_LATITUDE), min(north, MERCATOR_LATITUDE)
    return transform_bounds(GEOGRAPHIC, crs, west, south, east, north, densify_pts=21)


def _common(first: Bounds, second: Bounds) -> Bounds:
    lows = (max(first[i], second[i]) for i in (0, 1))
    highs = (min(first[i], second[i]) for i in (2, 3))
    return (*lows, *highs)  # type: ignore[return-value]


def _labels(served: ServedService, dates: Sequence[str] | None) -> tuple[str | None, ...]:
    if dates is None:
        return tuple(served.dates.distinct) or (None,)
    return tuple(dict.fromkeys(served.dates.label(date) for date in dates or (None,)))
