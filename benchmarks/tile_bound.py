"""What a hand-tuned tile takes: NDVI of one date, or of the masked median of ten, in Web Mercator, as a palette PNG."""

from __future__ import annotations

import math
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.windows import Window

from benchmarks.bound import Array, bad_classes, exchanges, median_of_clear
from benchmarks.data import CRS, NORTH, STEP, WEST, Scene, scenes

WORLD = 20037508.342789244
_LOCAL = threading.local()


def dataset(path: str, overview: int | None) -> Any:
    """Open once per thread."""
    opened = _LOCAL.__dict__.setdefault("opened", {})
    if (path, overview) not in opened:
        level = {} if overview is None else {"overview_level": overview}
        opened[path, overview] = rasterio.open(path, **level)
    return opened[path, overview]


def transformer() -> Transformer:
    """From Web Mercator, once per thread."""
    if not hasattr(_LOCAL, "transformer"):
        _LOCAL.transformer = Transformer.from_crs(3857, CRS, always_xy=True)
    return _LOCAL.transformer


def places(z: int, x: int, y: int, pixels: int = 256) -> tuple[Array, Array, int]:
    """(column, row, level) of every pixel's centre in the files, from a mesh of 17 x 17 points."""
    side = 2 * WORLD / 2**z
    steps = np.linspace(0, 1, 17)
    across, down = np.meshgrid(x * side - WORLD + steps * side, WORLD - y * side - steps * side)
    east, north = transformer().transform(across, down)
    columns, rows = (east - WEST) / STEP, (NORTH - north) / STEP
    span = np.hypot(columns[0, 1] - columns[0, 0], rows[0, 1] - rows[0, 0]) / (pixels / 16)
    level = max(0, min(3, math.floor(math.log2(max(span, 1)) + 1e-6)))
    at = (np.arange(pixels) + 0.5) / pixels * 16
    low = np.minimum(at.astype(int), 15)
    share = at - low

    def grown(mesh: Array) -> Array:
        lines = mesh[low] * (1 - share)[:, None] + mesh[low + 1] * share[:, None]
        return lines[:, low] * (1 - share) + lines[:, low + 1] * share

    return grown(columns) / 2**level, grown(rows) / 2**level, level


class Tiles:
    """The tiles of a collection."""

    def __init__(self, folder: Path, size: int) -> None:
        self.scenes: list[Scene] = scenes(folder)
        self.size = size
        self.bad = bad_classes()

    def png(self, z: int, x: int, y: int, dates: int) -> bytes:
        """A tile."""
        columns, rows, level = places(z, x, y)
        size = self.size >> level
        i, j = np.floor(columns).astype("i4"), np.floor(rows).astype("i4")
        inside = (i >= 0) & (j >= 0) & (i < size) & (j < size)
        if not inside.any():
            return b""
        left, right = max(0, i.min()), min(size, i.max() + 1)
        top, bottom = max(0, j.min()), min(size, j.max() + 1)
        window = Window(left, top, right - left, bottom - top)
        flat = ((np.clip(j, top, bottom - 1) - top) * (right - left) + np.clip(i, left, right - 1) - left).ravel()

        def read(band: str, scene: Scene) -> Array:
            return dataset(scene.files[band], level - 1 if level else None).read(1, window=window).ravel()[flat]

        if dates == 1:
            red, nir = (read(band, self.scenes[0]).astype("f4") for band in ("B04", "B08"))
        else:
            chosen = self.scenes[:dates]
            classes = np.stack([read("SCL", scene) for scene in chosen])
            medians = []
            for band in ("B04", "B08"):
                values, out = np.stack([read(band, scene) for scene in chosen]), np.empty(flat.size, "f4")
                median_of_clear(values, classes, self.bad, exchanges(len(chosen)), out)
                medians.append(out)
            red, nir = medians
        with np.errstate(all="ignore"):
            index = ((nir - red) / (nir + red)).reshape(256, 256)
        levels = np.clip((np.nan_to_num(index, nan=-1) + 1) * 127.5, 0, 255).astype("u1")
        return palette_png(levels, inside & np.isfinite(index))


def palette_png(levels: Array, seen: Array) -> bytes:
    """Entry 0 is transparent."""
    height, width = levels.shape
    lines = np.zeros((height, width + 1), "u1")
    lines[:, 1:] = np.where(seen, np.maximum(levels, 1), 0)
    ramp = np.linspace(0, 1, 256)
    palette = np.stack([255 * (1 - ramp), 200 * ramp + 40, 60 * np.ones(256)], 1).astype("u1")

    def chunk(name: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data))

    head = pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    body = zlib.compress(lines.tobytes(), 1)
    return b"\x89PNG\r\n\x1a\n" + b"".join((
        chunk(b"IHDR", head), chunk(b"PLTE", palette.tobytes()), chunk(b"tRNS", b"\0"), chunk(b"IDAT", body),
        chunk(b"IEND", b""),
    ))  # fmt: skip


def create_app(folder: Path, size: int) -> Any:
    """ASGI: /{dates}/{z}/{x}/{y}."""
    tiles, pool = Tiles(folder, size), ThreadPoolExecutor(2)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        import asyncio

        if scope["type"] != "http":
            return
        _, dates, z, x, y = scope["path"].split("/")
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(pool, tiles.png, int(z), int(x), int(y), int(dates))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"image/png")]})
        await send({"type": "http.response.body", "body": body})

    return app


def tile_list(z: int, count: int, size: int, seed: int = 3) -> list[tuple[int, int, int]]:
    """Tiles over the extent, in a shuffled order."""
    to_mercator = Transformer.from_crs(CRS, 3857, always_xy=True)
    rng = np.random.default_rng(seed)
    margin = 0.05 * size * STEP
    east = rng.uniform(WEST + margin, WEST + size * STEP - margin, count)
    north = rng.uniform(NORTH - size * STEP + margin, NORTH - margin, count)
    x, y = to_mercator.transform(east, north)
    side = 2 * WORLD / 2**z
    return [(z, int((a + WORLD) // side), int((WORLD - b) // side)) for a, b in zip(x, y, strict=True)]
