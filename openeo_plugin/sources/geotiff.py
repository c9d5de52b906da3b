"""What a GeoTIFF says of itself: opened once, at import, and by no other driver than GDAL's GTiff."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio
from pyproj.exceptions import CRSError as ProjCRSError
from rasterio.crs import CRS
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from openeo_plugin.cube.reference_system import reference_system
from openeo_plugin.sources.remote_file import RemoteDataset, RemoteReference

# A larger block is not decoded at import: a header may promise anything.
MAX_CHECKED_BLOCK_BYTES = 2**26
MAX_BLOCK_BYTES = 2**28

# Side-car files (.aux.xml, .ovr, .msk) are not looked for: what counts is in the file.
GDAL_OPTIONS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}


class UnreadableFileError(Exception):
    """A file that can't be used. The text says why, in words for the user."""


@dataclass(frozen=True)
class FileBand:
    """One band of a file: dtype name; nodata, scale, offset, unit and description where the file has them."""

    dtype: str
    nodata: float | None
    scale: float | None
    offset: float | None
    unit: str | None
    description: str | None


@dataclass(frozen=True)
class GeoTiff:
    """A file's header.

    Args:
        shape: (rows, columns).
        crs: "EPSG:32633", or WKT2 where there is no code; None if the file does not say.
        transform: a, b, c, d, e, f, pixel to world; None if the file does not say.
        block: (rows, columns).
        overviews: decimation factors, ascending, that all bands have.
    """

    path: Path | RemoteReference
    shape: tuple[int, int]
    crs: str | None
    transform: tuple[float, ...] | None
    block: tuple[int, int]
    overviews: tuple[int, ...]
    bands: tuple[FileBand, ...]


@contextmanager
def open_geotiff(path: Path) -> Iterator[rasterio.DatasetReader]:
    """Open a local file with the GTiff driver, whatever its name says.

    Raises: UnreadableFileError.
    """
    try:
        with warnings.catch_warnings(), rasterio.Env(**GDAL_OPTIONS):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as dataset:
                yield dataset
    except RasterioError as error:
        raise UnreadableFileError("it is damaged, or is no GeoTIFF") from error


def read_header(path: Path) -> GeoTiff:
    """Open a file, check that its last block can be decoded, and tell what it is.

    Raises: UnreadableFileError.
    """
    try:
        path.open("rb").close()
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UnreadableFileError("its name is no text in UTF-8") from error
    except OSError as error:
        raise UnreadableFileError(f"it can't be opened ({error.strerror})") from error
    with open_geotiff(path) as dataset:
        return _header(path, dataset)


def read_remote_header(reference: RemoteReference) -> GeoTiff:
    """The same for a file that lies outside; its path is the reference.

    Raises: UnreadableFileError; OSError with a sentence, if the file can't be fetched.
    """
    try:
        with warnings.catch_warnings(), rasterio.Env(**GDAL_OPTIONS):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = RemoteDataset(reference)
            try:
                return dataset.run(lambda opened: _header(reference, opened))
            finally:
                dataset.close()
    except RasterioError as error:
        raise UnreadableFileError("it is damaged, or is no GeoTIFF") from error


def _header(path: Path | RemoteReference, dataset: rasterio.DatasetReader) -> GeoTiff:
    if any(dtype.startswith("complex") for dtype in dataset.dtypes):
        raise UnreadableFileError("its values are complex numbers")
    rows, columns = dataset.block_shapes[0]
    if rows * columns * np.dtype(dataset.dtypes[0]).itemsize > MAX_BLOCK_BYTES:
        raise UnreadableFileError("its blocks are too large")
    if not isinstance(path, RemoteReference):
        _decode_last_block(dataset)
    return GeoTiff(
        path=path,
        shape=dataset.shape,
        crs=_crs(dataset),
        transform=_transform(dataset),
        block=dataset.block_shapes[0],
        overviews=_overviews(dataset),
        bands=tuple(_band(dataset, index) for index in dataset.indexes),
    )


def _decode_last_block(dataset: rasterio.DatasetReader) -> None:
    """A file cut short still opens; its last block does not decode."""
    rows, columns = dataset.block_shapes[-1]
    if rows * columns * 8 > MAX_CHECKED_BLOCK_BYTES:
        return
    row, column = (dataset.height - 1) // rows * rows, (dataset.width - 1) // columns * columns
    window = Window(column, row, min(columns, dataset.width - column), min(rows, dataset.height - row))
    dataset.read(dataset.count, window=window)


def _crs(dataset: rasterio.DatasetReader) -> str | None:
    try:
        return crs_text(dataset.crs.to_wkt(version="WKT2_2019")) if dataset.crs else None
    except CRSError as error:
        raise UnreadableFileError(f"its reference system can't be used: {error}") from error


def _transform(dataset: rasterio.DatasetReader) -> tuple[float, ...] | None:
    transform = dataset.transform
    numbers = tuple(transform)[:6]
    if transform.is_identity or transform.is_degenerate or not all(map(math.isfinite, numbers)):
        return None
    return numbers


def _overviews(dataset: rasterio.DatasetReader) -> tuple[int, ...]:
    common = set(dataset.overviews(1)).intersection(*(dataset.overviews(index) for index in dataset.indexes[1:]))
    return tuple(sorted(common))


def _band(dataset: rasterio.DatasetReader, index: int) -> FileBand:
    at = index - 1
    scaled = dataset.scales[at] != 1 or dataset.offsets[at] != 0
    return FileBand(
        dtype=dataset.dtypes[at],
        nodata=dataset.nodatavals[at],
        scale=dataset.scales[at] if scaled else None,
        offset=dataset.offsets[at] if scaled else None,
        unit=dataset.units[at] or None,
        description=dataset.descriptions[at] or None,
    )


@lru_cache(maxsize=1024)
def crs_text(definition: str) -> str:
    """A CRS as "EPSG:32633" where it is exactly that, else as WKT2.

    Args:
        definition: code, WKT or PROJJSON.
    Raises: rasterio.errors.CRSError.
    """
    try:
        # never GDAL's own reading of a definition: it opens addresses and files
        crs = CRS.from_wkt(reference_system(definition).to_wkt("WKT2_2019"))
    except ProjCRSError as error:
        raise CRSError(str(error)) from None
    authority = crs.to_authority(confidence_threshold=100)
    return ":".join(authority) if authority else str(crs.to_wkt(version="WKT2_2019"))
