"""What a hand-tuned program takes: each workload written out for its one purpose, nothing between it and the data.

Blocks of 512 x 512 pixels, each read once for all dates, on threads; loops compiled without the GIL; the native type
kept until the last moment; one writer behind a lock. It knows the files, the bands, the nodata value and the cloud
classes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
import rasterio
from rasterio.features import rasterize
from rasterio.transform import from_origin
from rasterio.warp import Resampling, calculate_default_transform, reproject
from rasterio.windows import Window
from shapely.geometry import shape

from benchmarks.data import CRS, NORTH, STEP, WEST, Scene, polygons

BLOCK = 512
THREADS = 2
# In bytes, as rasterio wants it: a row of blocks and the next, which the halo of W5 reads twice.
GDAL = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_CACHEMAX": 32 << 20}
TILED = {"driver": "GTiff", "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK}
PACKED = {**TILED, "compress": "deflate", "predictor": 3, "num_threads": THREADS}
_LOCAL = threading.local()
Array = np.ndarray[Any, Any]


def dataset(path: str) -> Any:
    """Open once per thread."""
    opened = _LOCAL.__dict__.setdefault("opened", {})
    if path not in opened:
        opened[path] = rasterio.open(path)
    return opened[path]


def scratch(name: str, shape_: tuple[int, ...], dtype: str) -> Array:
    """A buffer per thread."""
    held = _LOCAL.__dict__.setdefault("scratch", {})
    key = (name, shape_, dtype)
    if key not in held:
        held[key] = np.empty(shape_, dtype)
    return held[key]


def blocks(size: int) -> Iterator[Window]:
    """The extent in blocks."""
    for y in range(0, size, BLOCK):
        for x in range(0, size, BLOCK):
            yield Window(x, y, min(BLOCK, size - x), min(BLOCK, size - y))


def on_threads(work: Callable[[Any], None], jobs: Any) -> None:
    """Run all."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, jobs))


def stacked(scenes: list[Scene], band: str, window: Window, dtype: str) -> Array:
    """All dates of a band: (t, pixels)."""
    out = scratch(band, (len(scenes), window.height, window.width), dtype)
    for place, scene in enumerate(scenes):
        dataset(scene.files[band]).read(1, window=window, out=out[place])
    return out.reshape(len(scenes), -1)


def exchanges(count: int) -> Array:
    """The comparisons of Batcher's odd-even merge sort: (n, 2)."""
    pairs = []
    p = 1
    while p < count:
        k = p
        while k >= 1:
            for j in range(k % p, count - k, 2 * k):
                for i in range(min(k, count - j - k)):
                    if (i + j) // (2 * p) == (i + j + k) // (2 * p):
                        pairs.append((i + j, i + j + k))
            k //= 2
        p *= 2
    return np.array(pairs, np.int64).reshape(-1, 2)


@nb.njit(nogil=True, cache=True)
def median_of_clear(values, classes, bad, pairs, out):  # type: ignore[no-untyped-def]
    """Median over the first axis of what is neither 0 nor of a bad class. `values` is sorted in place."""
    dates, pixels = values.shape
    valid = np.zeros(2048, np.uint16)
    for start in range(0, pixels, 2048):
        stop = min(pixels, start + 2048)
        valid[:] = 0
        for t in range(dates):
            for x in range(start, stop):
                drop = bad[classes[t, x]] | (values[t, x] == 0)
                values[t, x] = np.uint16(65535) if drop else values[t, x]
                valid[x - start] += 0 if drop else 1
        for q in range(pairs.shape[0]):
            first, second = values[pairs[q, 0], start:stop], values[pairs[q, 1], start:stop]
            for x in range(stop - start):
                low, high = min(first[x], second[x]), max(first[x], second[x])
                first[x] = low
                second[x] = high
        for x in range(start, stop):
            n = np.int64(valid[x - start])
            if n == 0:
                out[x] = np.nan
            else:
                out[x] = np.float32(0.5) * (np.float32(values[(n - 1) >> 1, x]) + np.float32(values[n >> 1, x]))


@nb.njit(nogil=True, cache=True)
def normalized(red, nir, out):  # type: ignore[no-untyped-def]
    """(nir - red) / (nir + red)."""
    for x in range(out.size):
        out[x] = (nir[x] - red[x]) / (nir[x] + red[x])


def bad_classes() -> Array:
    """256 flags."""
    flags = np.zeros(256, bool)
    flags[[3, 8, 9, 10]] = True
    return flags


def w1(scenes: list[Scene], size: int, out: Path) -> Path:
    """Masked median NDVI to a GeoTIFF."""
    pairs, bad, lock = exchanges(len(scenes)), bad_classes(), threading.Lock()
    path = out / "bound-w1.tif"
    profile = {**PACKED, "height": size, "width": size, "count": 1, "dtype": "float32", "nodata": np.nan}
    with rasterio.open(path, "w", crs=CRS, transform=from_origin(WEST, NORTH, STEP, STEP), **profile) as target:

        def work(window: Window) -> None:
            classes = stacked(scenes, "SCL", window, "u1")
            medians = []
            for band in ("B04", "B08"):
                median = scratch("median" + band, (window.height * window.width,), "f4")
                median_of_clear(stacked(scenes, band, window, "u2"), classes, bad, pairs, median)
                medians.append(median)
            index = np.empty((window.height, window.width), "f4")
            normalized(medians[0], medians[1], index.reshape(-1))
            with lock:
                target.write(index, 1, window=window)

        on_threads(work, blocks(size))
    return path


def w1_cog(scenes: list[Scene], size: int, out: Path) -> Path:
    """The GeoTIFF of W1, then GDAL's copy as a COG."""
    from rasterio.shutil import copy

    path = out / "bound-w1-cog.tif"
    copy(
        w1(scenes, size, out), path, driver="COG", compress="deflate", predictor="yes", blocksize=BLOCK,
        overview_resampling="average", num_threads=str(THREADS),
    )  # fmt: skip
    return path


@nb.njit(nogil=True, cache=True)
def grouped_mean(values, group, total, count, out):  # type: ignore[no-untyped-def]
    """Mean of what is not 0, for each group of dates."""
    total[:] = 0
    count[:] = 0
    for t in range(values.shape[0]):
        g = group[t]
        for x in range(values.shape[1]):
            total[g, x] += np.float32(values[t, x])
            count[g, x] += np.float32(values[t, x] != 0)
    for g in range(total.shape[0]):
        for x in range(values.shape[1]):
            out[g, x] = total[g, x] / count[g, x]


def w2(scenes: list[Scene], size: int, out: Path) -> list[Path]:
    """Monthly means of four bands: a file for each month, uncompressed."""
    months = sorted({scene.datetime[:7] for scene in scenes})
    group = np.array([months.index(scene.datetime[:7]) for scene in scenes])
    bands, lock = ("B02", "B03", "B04", "B08"), threading.Lock()
    profile = {**TILED, "height": size, "width": size, "count": 4, "dtype": "float32", "interleave": "band"}
    where = {"crs": CRS, "transform": from_origin(WEST, NORTH, STEP, STEP), "nodata": np.nan}
    paths = [out / f"bound-w2-{month}.tif" for month in months]
    targets = [rasterio.open(path, "w", **profile, **where) for path in paths]

    def work(window: Window) -> None:
        shape_ = (len(months), window.height * window.width)
        for place, band in enumerate(bands, 1):
            means = scratch("mean", (len(months), window.height, window.width), "f4")
            grouped_mean(
                stacked(scenes, band, window, "u2"), group, scratch("total", shape_, "f4"),
                scratch("count", shape_, "f4"), means.reshape(shape_),
            )  # fmt: skip
            with lock:
                for month, target in enumerate(targets):
                    target.write(means[month], place, window=window)

    on_threads(work, blocks(size))
    for target in targets:
        target.close()
    return paths


@nb.njit(nogil=True, cache=True)
def masked_sum(values, classes, bad, inside, total, count):  # type: ignore[no-untyped-def]
    """Sum and number of clear pixels inside of a polygon."""
    for y in range(inside.shape[0]):
        for x in range(inside.shape[1]):
            if inside[y, x] and values[y, x] != 0 and not bad[classes[y, x]]:
                total[0] += values[y, x]
                count[0] += 1


def w3(scenes: list[Scene], size: int, out: Path, count: int = 500) -> Array:
    """Masked mean of two bands per polygon and date: (polygons, dates, bands)."""
    bad, lock, bands = bad_classes(), threading.Lock(), ("B04", "B08")
    areas = []
    for feature in polygons(size, count)["features"]:
        outline = shape(feature["geometry"])
        west, south, east, north = outline.bounds
        left, right = int((west - WEST) // STEP), int((east - WEST) // STEP) + 1
        top, bottom = int((NORTH - north) // STEP), int((NORTH - south) // STEP) + 1
        transform = from_origin(WEST + left * STEP, NORTH - top * STEP, STEP, STEP)
        inside = rasterize([outline], out_shape=(bottom - top, right - left), transform=transform, dtype="u1")
        areas.append((top, bottom, left, right, inside))
    sums = np.zeros((len(areas), len(scenes), len(bands)))
    counts = np.zeros_like(sums)

    def work(window: Window) -> None:
        y0, x0, y1, x1 = window.row_off, window.col_off, window.row_off + window.height, window.col_off + window.width
        hit = [
            (n, max(y0, a[0]), min(y1, a[1]), max(x0, a[2]), min(x1, a[3]), a)
            for n, a in enumerate(areas)
            if max(y0, a[0]) < min(y1, a[1]) and max(x0, a[2]) < min(x1, a[3])
        ]
        if not hit:
            return
        classes, values = scratch("c", window_shape(window), "u1"), scratch("v", window_shape(window), "u2")
        own_sums, own_counts = np.zeros_like(sums), np.zeros_like(counts)
        for t, scene in enumerate(scenes):
            dataset(scene.files["SCL"]).read(1, window=window, out=classes)
            for b, band in enumerate(bands):
                dataset(scene.files[band]).read(1, window=window, out=values)
                for n, top, bottom, left, right, area in hit:
                    part = (slice(top - y0, bottom - y0), slice(left - x0, right - x0))
                    inside = area[4][top - area[0] : bottom - area[0], left - area[2] : right - area[2]]
                    masked_sum(
                        values[part], classes[part], bad, inside, own_sums[n, t, b : b + 1], own_counts[n, t, b : b + 1]
                    )
        with lock:
            np.add(sums, own_sums, out=sums)
            np.add(counts, own_counts, out=counts)

    on_threads(work, blocks(size))
    with np.errstate(all="ignore"):
        return sums / counts


def window_shape(window: Window) -> tuple[int, int]:
    """(rows, columns)."""
    return window.height, window.width


def w4(scenes: list[Scene], size: int, out: Path) -> Path:
    """The whole cube, scaled, to an uncompressed netCDF."""
    import netCDF4

    bands, lock = ("B02", "B03", "B04", "B08"), threading.Lock()
    path = out / "bound-w4.nc"
    with netCDF4.Dataset(path, "w") as target:
        for name, length in (("t", len(scenes)), ("y", size), ("x", size)):
            target.createDimension(name, length)
        variables = {band: target.createVariable(band, "f4", ("t", "y", "x")) for band in bands}
        for variable in variables.values():
            variable.set_auto_mask(False)

        def work(job: tuple[int, str]) -> None:
            t, band = job
            values = scratch("whole", (size, size), "u2")
            dataset(scenes[t].files[band]).read(1, window=Window(0, 0, size, size), out=values)
            scaled = values * np.float32(1e-4)
            scaled[values == 0] = np.nan
            with lock:
                variables[band][t] = scaled

        on_threads(work, [(t, band) for t in range(len(scenes)) for band in bands])
    return path


@nb.njit(nogil=True, cache=True, fastmath=True)
def mean_of_25(values, out):  # type: ignore[no-untyped-def]
    """The 5 x 5 mean."""
    weight = np.float32(1 / 25)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = 0
        for i in range(5):
            for j in range(5):
                for x in range(out.shape[1]):
                    out[y, x] += weight * values[y + i, x + j]


def smoothed(scenes: list[Scene], size: int) -> Array:
    """A 5 x 5 mean of one date."""
    smooth = np.empty((size, size), "f4")

    def work(window: Window) -> None:
        top, left = max(0, window.row_off - 2), max(0, window.col_off - 2)
        bottom, right = (
            min(size, window.row_off + window.height + 2),
            min(size, window.col_off + window.width + 2),
        )
        padded = np.zeros((window.height + 4, window.width + 4), "f4")
        y, x = top - window.row_off + 2, left - window.col_off + 2
        values = dataset(scenes[0].files["B04"]).read(1, window=Window(left, top, right - left, bottom - top))
        padded[y : y + bottom - top, x : x + right - left] = values
        rows, columns = (
            slice(window.row_off, window.row_off + window.height),
            slice(window.col_off, window.col_off + window.width),
        )
        mean_of_25(padded, smooth[rows, columns])

    on_threads(work, blocks(size))
    return smooth


def w5(scenes: list[Scene], size: int, out: Path) -> Path:
    """A 5 x 5 kernel on one date, warped to EPSG:3035 at 30 m."""
    smooth = smoothed(scenes, size)
    bounds = (WEST, NORTH - size * STEP, WEST + size * STEP, NORTH)
    transform, width, height = calculate_default_transform(CRS, "EPSG:3035", size, size, *bounds, resolution=30)
    warped = np.full((height, width), np.nan, "f4")
    reproject(
        smooth, warped, src_transform=from_origin(WEST, NORTH, STEP, STEP), src_crs=CRS, dst_transform=transform,
        dst_crs="EPSG:3035", resampling=Resampling.bilinear, num_threads=THREADS, dst_nodata=np.nan,
    )  # fmt: skip
    path = out / "bound-w5.tif"
    profile = {**PACKED, "height": height, "width": width, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", crs="EPSG:3035", transform=transform, **profile) as target:
        target.write(warped, 1)
    return path


def w7(scenes: list[Scene], size: int, out: Path) -> bytes:
    """64 x 64 pixels of two dates: mean, NDVI, a GeoTIFF in memory."""
    window = Window(1024 % size, 1024 % size, 64, 64)
    means = []
    for band in ("B04", "B08"):
        values = []
        for scene in scenes[:2]:
            with rasterio.open(scene.files[band]) as source:
                values.append(source.read(1, window=window))
        means.append(np.mean(values, 0, dtype="f4"))
    red, nir = means
    transform = from_origin(WEST + window.col_off * STEP, NORTH - window.row_off * STEP, STEP, STEP)
    profile = {"driver": "GTiff", "height": 64, "width": 64, "count": 1, "dtype": "float32"}
    with rasterio.MemoryFile() as memory:
        with memory.open(crs=CRS, transform=transform, **profile) as target, np.errstate(all="ignore"):
            target.write((nir - red) / (nir + red), 1)
        return bytes(memory.read())


def w8(scenes: list[Scene], size: int, out: Path) -> Array:
    """One pixel of every date and four bands: (dates, bands)."""
    window = Window(2000 % size, 2000 % size, 1, 1)
    return np.array(
        [
            [rasterio.open(scene.files[band]).read(1, window=window)[0, 0] for band in ("B02", "B03", "B04", "B08")]
            for scene in scenes
        ]
    )


WORKLOADS: dict[str, Callable[[list[Scene], int, Path], Any]] = {
    "W1": w1, "W1-COG": w1_cog, "W2": w2, "W3": w3, "W4": w4, "W5": w5, "W7": w7, "W8": w8,
}  # fmt: skip


def warm_up() -> None:
    """Compile."""
    values, classes = np.ones((2, 8), "u2"), np.ones((2, 8), "u1")
    out = np.ones(8, "f4")
    median_of_clear(values, classes, bad_classes(), exchanges(2), out)
    normalized(out, out, out)
    grouped = np.ones((1, 8), "f4")
    grouped_mean(values, np.array([0, 0]), grouped.copy(), grouped.copy(), grouped)
    square = np.ones((9, 9), "u2")
    part = square[1:4, 1:4]
    total = np.zeros((1, 1, 1))
    masked_sum(part, part.astype("u1"), bad_classes(), part.astype("u1"), total[0, 0, 0:1], total[0, 0, 0:1])
    classes_ = np.ones((9, 9), "u1")[1:4, 1:4]
    masked_sum(part, classes_, bad_classes(), classes_, total[0, 0, 0:1], total[0, 0, 0:1])
    smooth = np.ones((9, 9), "f4")
    mean_of_25(smooth, np.ones((9, 9), "f4")[2:7, 2:7])
