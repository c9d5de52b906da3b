"""Reading from GeoTIFFs: block by block where they are of the usual kind, else by GDAL.

GDAL's datasets are kept per thread, as one must not be used by two threads at once.
"""

from __future__ import annotations

import atexit
import os
import sys
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
from openeo_plugin.sources.tiff_blocks import (
    DamagedError,
    Rectangle,
    TiffBlocks,
    UndecodableError,
    open_blocks,
    version_of,
)

type Dataset = DatasetReader | RemoteDataset
MAX_OPEN = 192
OPTIONS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_VRT_ENABLE_PYTHON": "NO"}
GDAL_CACHE_BYTES = 64 << 20
_LOCAL = threading.local()
MAX_KNOWN = 4096
_KNOWN: OrderedDict[tuple[str, int | None], tuple[object, TiffBlocks | None]] = OrderedDict()
_KNOWN_LOCK = threading.Lock()


class ReadingEnvironment:
    """GDAL's options for reading, entered once per thread and kept."""

    @staticmethod
    def enter() -> None:
        """Set the options for this thread."""
        if getattr(_LOCAL, "environment", None) is None:
            # rasterio takes the size in bytes, and hands it to GDAL for the whole process
            _LOCAL.environment = rasterio.Env(**OPTIONS, GDAL_CACHEMAX=GDAL_CACHE_BYTES)
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
    return version_of(os.stat(path))  # noqa: PTH116 - asked for at every read


def read(layer: Layer, overview: int | None, rectangle: Rectangle, out: Array | None = None) -> Array:
    """Pixels of a layer.

    Args:
        layer: what to read.
        overview: level, None for full resolution.
        rectangle: (row, column, rows, columns), inside of the raster at that level.
        out: (rows, columns) to be filled; its dtype is that of the file.
    Raises: SourceUnreadable, with the file's name and the window.
    """
    try:
        found = _read_blocks(layer, overview, rectangle, out)
    except DamagedError as error:
        raise _unreadable(layer, rectangle, str(error)) from None
    except (UndecodableError, RasterioError, OSError):
        found = None  # GDAL tells what is wrong, or can read it
    return _read_by_gdal(layer, overview, rectangle, out) if found is None else found


def level_shape(layer: Layer, overview: int) -> tuple[int, int]:
    """Rows and columns of an overview level.

    Raises: SourceUnreadable.
    """
    try:
        blocks = _blocks(layer.path, overview)
        if blocks is not None:
            return blocks.layout.shape
        source = dataset(layer.path, overview)
    except (UndecodableError, RasterioError, OSError) as error:
        raise _unreadable(layer, (0, 0, *layer.grid.shape), _reason(layer, error)) from None
    rows, columns = source.shape
    return rows, columns


def _read_blocks(layer: Layer, overview: int | None, rectangle: Rectangle, out: Array | None) -> Array | None:
    """The pixels if the file is of a usual kind; else None."""
    blocks = _blocks(layer.path, overview)
    if blocks is None or layer.index > blocks.layout.counts.shape[0] or not _holds(blocks.layout.shape, rectangle):
        return None
    fits = out is not None and out.dtype == blocks.layout.dtype and out.flags.c_contiguous
    values = out if out is not None and fits else np.empty(rectangle[2:], blocks.layout.dtype)
    blocks.read(layer.index - 1, rectangle, values)
    if out is None or fits:
        return values
    out[...] = values
    return out


def _blocks(path: str, overview: int | None) -> TiffBlocks | None:
    """What is known of a file, by all threads; None if it is left to GDAL. A file that was replaced is looked at anew.

    Raises: RasterioError, OSError.
    """
    if isinstance(path, RemoteReference) or sys.byteorder != "little":
        return None
    key, version = (path, overview), _version(path)
    with _KNOWN_LOCK:
        held = _KNOWN.get(key)
        if held is not None and held[0] == version:
            _KNOWN.move_to_end(key)
            return held[1]
    ReadingEnvironment.enter()
    with rasterio.open(path, driver="GTiff", sharing=False) as opened:
        directory = opened.get_tag_item("IFD_OFFSET", "TIFF", bidx=1, ovr=overview)
    found = None if directory is None else open_blocks(path, int(directory))
    if found is not None and found.version != version:
        return None  # it was replaced just now: the place of the directory may be that of another file's
    with _KNOWN_LOCK:
        _KNOWN[key] = (version, found)
        if len(_KNOWN) > MAX_KNOWN:
            _KNOWN.popitem(last=False)
    return found


def _read_by_gdal(layer: Layer, overview: int | None, rectangle: Rectangle, out: Array | None) -> Array:
    """Raises: SourceUnreadable."""
    row, column, rows, columns = rectangle
    window = FileWindow(column, row, columns, rows)
    try:
        source = dataset(layer.path, overview)
        if isinstance(source, DatasetReader) and not (layer.index <= source.count and _holds(source.shape, rectangle)):
            raise _unreadable(layer, rectangle, "it is not the file that was imported; import it again")
        if out is not None and out.dtype == np.dtype(source.dtypes[layer.index - 1]):
            return source.read(layer.index, window=window, out=out)
        values = source.read(layer.index, window=window)
    except (RasterioError, OSError) as error:
        raise _unreadable(layer, rectangle, _reason(layer, error)) from None
    if out is None:
        return values
    out[...] = values
    return out


def _reason(layer: Layer, error: Exception) -> str:
    cause = error.__cause__ or error
    reason = (isinstance(cause, OSError) and cause.strerror) or str(cause)
    return reason.replace(layer.path, Path(layer.path).name)


def _holds(shape: tuple[int, ...], rectangle: Rectangle) -> bool:
    """Whether a raster of so many rows and columns holds a rectangle."""
    row, column, rows, columns = rectangle
    return row + rows <= shape[-2] and column + columns <= shape[-1]


def _unreadable(layer: Layer, rectangle: Rectangle, reason: str) -> OpenEOError:
    row, column, rows, columns = rectangle
    where = f"rows {row} to {row + rows}, columns {column} to {column + columns}"
    return OpenEOError("SourceUnreadable", file=_name(layer), window=where, reason=f"{reason.rstrip('.')}.")


def _name(layer: Layer) -> str:
    path = Path(layer.path)
    return f"{path.parent.name}/{path.name}"
