"""Open GeoTIFFs, kept per thread: a GDAL dataset must not be used by two threads at once."""

from __future__ import annotations

import atexit
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window as FileWindow

from openeo_plugin.cube.pixels import Array
from openeo_plugin.errors import OpenEOError
from openeo_plugin.sources.layers import Layer
from openeo_plugin.sources.remote_file import RemoteDataset, RemoteReference

type Dataset = DatasetReader | RemoteDataset
MAX_OPEN = 192
OPTIONS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_VRT_ENABLE_PYTHON": "NO"}
BLOCK_CACHE_BYTES = 64 << 20  # of a process that reads blocks once, as jobs do
_LOCAL = threading.local()


class ReadingEnvironment:
    """GDAL's options for reading, entered once per thread and kept."""

    block_cache_bytes = BLOCK_CACHE_BYTES

    @classmethod
    def keep_blocks(cls, size_bytes: int) -> None:
        """How much GDAL keeps of decoded blocks in this process; to be said before anything is read."""
        cls.block_cache_bytes = size_bytes

    @classmethod
    def enter(cls) -> None:
        """Set the options for this thread."""
        if getattr(_LOCAL, "environment", None) is None:
            # rasterio takes the size in bytes, and hands it to GDAL for the whole process
            _LOCAL.environment = rasterio.Env(**OPTIONS, GDAL_CACHEMAX=cls.block_cache_bytes)
            _LOCAL.environment.__enter__()
            if threading.current_thread() is threading.main_thread():
                atexit.register(_close_all)  # at exit GDAL is gone before the thread's own variables are


def _close_all() -> None:
    """Close what this thread holds open."""
    for _, held in _LOCAL.__dict__.pop("opened", {}).values():
        held.close()


def dataset(path: str, overview: int | None) -> Dataset:
    """This thread's open dataset of a GeoTIFF, at full resolution (None) or at an overview level (from 0).

    A file that was replaced since is opened anew.
    """
    ReadingEnvironment.enter()
    opened: OrderedDict[tuple[str, int | None], tuple[object, Dataset]] = _LOCAL.__dict__.setdefault(
        "opened", OrderedDict()
    )
    key = (path, overview)
    version = _version(path)
    held = opened.get(key)
    if held is not None:
        if held[0] == version:
            opened.move_to_end(key)
            return held[1]
        opened.pop(key)[1].close()
    level = {} if overview is None else {"overview_level": overview}
    found: Dataset
    if isinstance(path, RemoteReference):
        found = RemoteDataset(path, **level)
    else:
        found = rasterio.open(path, driver="GTiff", sharing=False, **level)
    opened[key] = (version, found)
    if len(opened) > MAX_OPEN:
        opened.popitem(last=False)[1][1].close()
    return found


def _version(path: str) -> object:
    """Changes when the file at a path is replaced."""
    if isinstance(path, RemoteReference):
        return None
    status = Path(path).stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def read(layer: Layer, overview: int | None, rectangle: tuple[int, int, int, int], out: Array | None = None) -> Array:
    """Pixels of a layer.

    Args:
        layer: what to read.
        overview: level, None for full resolution.
        rectangle: (row, column, rows, columns), inside of the raster at that level.
        out: (rows, columns) to be filled; its dtype is that of the file.
    Raises: SourceUnreadable, with the file's name and the window.
    """
    row, column, rows, columns = rectangle
    window = FileWindow(column, row, columns, rows)
    try:
        source = dataset(layer.path, overview)
        if out is not None and out.dtype == np.dtype(source.dtypes[layer.index - 1]):
            return source.read(layer.index, window=window, out=out)
        values = source.read(layer.index, window=window)
    except (RasterioError, OSError) as error:
        where = f"rows {row} to {row + rows}, columns {column} to {column + columns}"
        cause = error.__cause__ or error
        reason = str(cause).replace(layer.path, Path(layer.path).name)
        raise OpenEOError("SourceUnreadable", file=_name(layer), window=where, reason=reason) from None
    if out is None:
        return values
    out[...] = values
    return out


def _name(layer: Layer) -> str:
    path = Path(layer.path)
    return f"{path.parent.name}/{path.name}"
