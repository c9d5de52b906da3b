"""Do the project and the bound give the same? Their files of a workload, read and laid side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject

from benchmarks.bound import Array, smoothed
from benchmarks.data import CRS, NORTH, STEP, WEST, Scene

Source = tuple[list[Scene], int]
BANDS = ("B02", "B03", "B04", "B08")
TOLERANCE = {"W2": 1e-6, "W3": 1e-6, "W4": 1e-6, "W5": 1e-6}
"""Relative; what is not here must be equal bit for bit."""


@dataclass(frozen=True)
class Agreement:
    """How far results are apart.

    differing: share of the values that are not equal. worst: the largest difference, relative to values above 1.
    """

    differing: float
    worst: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the results agree as they must."""
        return self.worst <= self.tolerance

    def __str__(self) -> str:
        if self.differing == 0:
            return "equal"
        return f"{self.differing:.1e} differ, by {self.worst:.1e}" + ("" if self.holds else " TOO FAR")


def agreement(workload: str, work: Path, dates: list[Scene], size: int) -> Agreement:
    """Compare what lies in work/project and work/bound."""
    ours, theirs = READERS[workload](work / "project", work / "bound", (dates, size))
    return differences(ours, theirs, TOLERANCE.get(workload, 0.0))


def differences(ours: Array, theirs: Array, tolerance: float) -> Agreement:
    """Of two arrays; NaN equals NaN and is infinitely far from a number."""
    if ours.shape != theirs.shape:
        raise ValueError(f"shapes differ: {ours.shape}, {theirs.shape}")
    alike = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    if alike.all():
        return Agreement(0.0, 0.0, tolerance)
    one, two = ours[~alike].astype("f8"), theirs[~alike].astype("f8")
    apart = np.abs(one - two) / np.maximum(1, np.abs(two))
    return Agreement(1 - float(alike.mean()), float(np.nan_to_num(apart, nan=np.inf).max()), tolerance)


def _tiff(path: Path) -> Array:
    with rasterio.open(path) as file:
        return np.asarray(file.read())


def _pair(name: str) -> Callable[[Path, Path, Source], tuple[Array, Array]]:
    return lambda ours, theirs, source: (_tiff(ours / "result.tif"), _tiff(theirs / name))


def _months(ours: Path, theirs: Path, source: Source) -> tuple[Array, Array]:
    months = sorted(path.stem[-7:] for path in theirs.glob("bound-w2-*.tif"))
    return (
        np.stack([_tiff(ours / f"result_{month}.tif") for month in months]),
        np.stack([_tiff(theirs / f"bound-w2-{month}.tif") for month in months]),
    )


def _zones(ours: Path, theirs: Path, source: Source) -> tuple[Array, Array]:
    dates = json.loads((ours / "result.json").read_text())
    values = np.array([dates[date] for date in sorted(dates)], dtype="f8")
    return np.moveaxis(values, 0, 1), np.load(theirs / "value.npy")


def _netcdf(ours: Path, theirs: Path, source: Source) -> tuple[Array, Array]:
    found = []
    for path in (ours / "result.nc", theirs / "bound-w4.nc"):
        with netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            found.append(np.stack([file[band][:] for band in BANDS]))
    return found[0], found[1]


def _warped(ours: Path, theirs: Path, source: Source) -> tuple[Array, Array]:
    """The bound's kernel, warped anew onto our grid.

    GDAL finds the scale anew for each of its chunks, and its coordinates are an eighth of a pixel off where it may
    choose. Here the scale is fixed and the coordinates are exact.
    """
    with rasterio.open(ours / "result.tif") as file:
        own, grid, crs, (height, width) = file.read(1), file.transform, file.crs, file.shape
    exact = np.full((height, width), np.nan, "f4")
    place = from_origin(WEST, NORTH, STEP, STEP)
    reproject(
        smoothed(*source), exact, src_transform=place, src_crs=CRS, dst_transform=grid, dst_crs=crs, tolerance=0,
        resampling=Resampling.bilinear, dst_nodata=np.nan, num_threads=2, XSCALE=1 / 3, YSCALE=1 / 3,
    )  # fmt: skip
    inner = ~np.isnan(own) & ~np.isnan(exact)  # along the edge GDAL drops what we keep
    return own[inner], exact[inner]


def _small(ours: Path, theirs: Path, source: Source) -> tuple[Array, Array]:
    return _tiff(ours / "result.tif"), _tiff(theirs / "value.tif")


def _pixel(ours: Path, theirs: Path, source: Source) -> tuple[Array, Array]:
    document = json.loads((ours / "result.json").read_text())
    return np.array(document["data"], "f8")[:, :, 0, 0], np.load(theirs / "value.npy").astype("f8")


READERS: dict[str, Callable[[Path, Path, Source], tuple[Array, Array]]] = {
    "W1": _pair("bound-w1.tif"),
    "W1-COG": _pair("bound-w1-cog.tif"),
    "W2": _months,
    "W3": _zones,
    "W4": _netcdf,
    "W5": _warped,
    "W7": _small,
    "W8": _pixel,
}
