"""netCDF-4 by the CF conventions 1.8: one file for the whole cube, one variable per band, written window by window."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, SpatialDimension
from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Array, Block
from openeo_plugin.cube.vector_cube import VectorCube
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.coverage import Coverage
from openeo_plugin.formats.netcdf_head import band_attributes, write_coordinates
from openeo_plugin.formats.netcdf_names import Names
from openeo_plugin.formats.netcdf_vector import vector_file
from openeo_plugin.formats.options import FILENAME_PREFIX, checked
from openeo_plugin.formats.part_file import NewFiles, require_room, storage_failures
from openeo_plugin.formats.stored_type import StoredType, as_stored, stored_type, stored_values
from openeo_plugin.formats.times import span_of_labels
from openeo_plugin.formats.vector_file import stored

_MEDIA_TYPE = "application/x-netcdf"
_CHUNK = 512
_MOST_LABELS = 100_000
_PROBE_BYTES = 8 << 20

# The HDF5 library below netCDF4 is one for the process and not safe in threads.
_HDF5 = threading.Lock()


@contextmanager
def _hdf5(folder: Path) -> Iterator[None]:
    """The library for oneself. Whatever keeps it from writing to the folder it reports as RuntimeError."""
    with _HDF5, storage_failures():
        try:
            yield
        except RuntimeError as error:
            require_room(folder, _PROBE_BYTES)
            raise OpenEOError("StorageFailure", reason="the netCDF library could not write the file") from error


_PARAMETERS: dict[str, dict[str, Any]] = {
    "compress": {
        "type": "string",
        "description": "How the variables are compressed, without loss.",
        "enum": ["DEFLATE", "NONE"],
        "default": "DEFLATE",
    },
    "zlevel": {
        "type": "integer",
        "description": "Effort of DEFLATE: 1 is fast, 9 gives the smallest files.",
        "minimum": 1,
        "maximum": 9,
        "default": 1,
    },
    "filename_prefix": FILENAME_PREFIX,
}

_DESCRIPTION = (
    "One netCDF-4 file (CF-1.8) for the whole cube. Every band is a variable named like it, with its own data type and "
    "nodata as _FillValue (NaN for real numbers, for which null and NaN are the same); a cube without bands is the "
    "variable `var`. The other dimensions keep their order. Dates become CF times, other labels strings. The values "
    "are those of the cube: scale and offset stand in `openeo_scale` and `openeo_offset`, which readers don't apply. "
    "Of a vector cube the geometries are stored by CF-1.8, too (points over time as time series; geometries of several "
    "kinds as WKT), and properties as variables."
)


@dataclass(frozen=True)
class NetCDFFormat:
    """netCDF under its GDAL name."""

    name: str = "netCDF"
    title: str = "Network Common Data Form (netCDF)"
    description: str = _DESCRIPTION
    gis_data_types: tuple[str, ...] = ("raster", "vector")
    media_type: str = _MEDIA_TYPE
    extension: str = ".nc"
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _PARAMETERS)
    notes: Mapping[str, str] = field(default_factory=dict)

    def writer(self, description: CubeDescription, folder: Path, name: str, options: Mapping[str, Any]) -> NetCDFWriter:
        """A writer of one file; see `Format.writer`."""
        values = checked(self.parameters, options)
        _require_suitable(description)
        level = values["zlevel"] if values["compress"] == "DEFLATE" else 0
        return NetCDFWriter(description, folder, values.get("filename_prefix", name), level, self.notes)

    def check_vector(self, cube: VectorCube, options: Mapping[str, Any]) -> None:
        """Refuse what can't be stored; see `VectorFormat`."""
        checked(self.parameters, options)

    def write_vector(self, cube: VectorCube, folder: Path, name: str, options: Mapping[str, Any]) -> list[Asset]:
        """One file; see `VectorFormat`."""
        stem = checked(self.parameters, options).get("filename_prefix", name)
        with _hdf5(folder):
            data = vector_file(cube, stem, self.notes)
        return [stored(cube, data, folder, f"{stem}.nc", _MEDIA_TYPE)]


def _require_suitable(description: CubeDescription) -> None:
    if 0 in description.shape or 0 in description.grid.shape or not description.bands:
        raise OpenEOError("DataCubeEmpty")
    if max((len(d.labels) for d in description.labelled), default=0) > _MOST_LABELS:
        raise OpenEOError(
            "FormatUnsuitable", format="netCDF", reason=f"a dimension has more than {_MOST_LABELS} labels."
        )
    if any(isinstance(d, SpatialDimension) for d in description.dimensions) and not description.grid.axis_aligned:
        raise OpenEOError("FormatUnsuitable", format="netCDF", reason="the grid is rotated. Try GTiff instead.")


def with_free_names(description: CubeDescription) -> tuple[CubeDescription, tuple[str, ...]]:
    """The cube with names of dimensions that a file can have, and the name of each band's variable.

    A variable is called like its band, unless that is taken or netCDF forbids it; `var` without a name.
    """
    names = Names()
    dimensions = tuple(
        d if isinstance(d, BandsDimension) else replace(d, name=names.free(d.name)) for d in description.dimensions
    )
    names.free("crs")
    variables = tuple(names.free(band.name, "band_") for band in description.bands)
    return replace(description, dimensions=dimensions), variables


class NetCDFWriter:
    """Writes one file under a lock, as HDF5 wants; threads that wait for it are the back-pressure. See `Writer`."""

    def __init__(
        self, description: CubeDescription, folder: Path, prefix: str, level: int, notes: Mapping[str, str]
    ) -> None:
        self._description = description
        self._notes = notes
        self._folder = folder
        self._level = level
        self.names: tuple[str, ...] = (f"{prefix}.nc",)
        self.bands: tuple[Band, ...] = tuple(as_stored([b], stored_type([b]))[0] for b in description.bands)
        self._types = [stored_type([band]) for band in description.bands]
        self._named, self._variables = with_free_names(description)
        self._axes = _Axes(self._named)
        rows, columns = description.grid.shape
        self.align = (min(_CHUNK, rows), min(_CHUNK, columns))
        self._coverage = Coverage(description.grid, self.align)
        self._files = NewFiles(folder)
        self._hidden = self._files.path_for(self.names[0])
        self._dataset: netCDF4.Dataset | None = None
        self._closed = False

    def write(self, window: Window, block: Block) -> None:
        """Store a window in every variable."""
        self._coverage.check(window)
        place = self._axes.place(window)
        arrays = [self._axes.arranged(stored_values(p, t)) for p, t in zip(block.bands, self._types, strict=True)]
        with _hdf5(self._folder):
            if self._closed:
                raise ValueError("The writer is closed.")
            if self._dataset is None:
                self._dataset = netCDF4.Dataset(self._hidden, "w", format="NETCDF4")
                self._begin(self._dataset)
            for name, values in zip(self._variables, arrays, strict=True):
                self._dataset.variables[name][place] = values
        self._coverage.add(window)

    def finish(self) -> list[Asset]:
        """Close the file and give it its name."""
        try:
            self._coverage.require_all()
            with _hdf5(self._folder):
                if self._dataset is not None:
                    self._dataset.close()
                    self._dataset = None
                size_bytes = self._hidden.stat().st_size
            self._files.reveal()
        finally:
            self.abort()
        return [self._asset(size_bytes)]

    def abort(self) -> None:
        """Close and delete what has no name yet."""
        with suppress(OpenEOError), _hdf5(self._folder):
            dataset, self._dataset, self._closed = self._dataset, None, True
            if dataset is not None:
                dataset.close()
        self._files.discard()

    def _begin(self, dataset: netCDF4.Dataset) -> None:
        """Everything but the pixels."""
        dataset.set_fill_off()  # every window is written once: filling chunks before would write everything twice
        dataset.setncatts({"Conventions": "CF-1.8", "title": self.names[0].removesuffix(".nc"), **self._notes})
        mapped = write_coordinates(dataset, self._named)
        for name, band, type_ in zip(self._variables, self._description.bands, self._types, strict=True):
            variable = dataset.createVariable(name, type_.dtype, self._axes.names, **self._storage(type_))
            variable.set_auto_maskandscale(False)
            variable.setncatts(band_attributes(band, mapped=mapped))

    def _storage(self, stored: StoredType) -> dict[str, Any]:
        found: dict[str, Any] = {"fill_value": False}
        if stored.nodata is not None:
            found["fill_value"] = stored.dtype.type(stored.nodata)
        if self._axes.names:
            found["chunksizes"] = self._axes.chunks(self.align)
            found["chunk_cache"] = 1  # chunks come whole, so HDF5 need not keep them
            if self._level:
                found |= {"compression": "zlib", "complevel": self._level}
        return found

    def _asset(self, size_bytes: int) -> Asset:
        description = self._description
        times = [label for d in description.temporal for label in d.labels]
        span = span_of_labels(times, times)
        spatial = [d for d in description.dimensions if isinstance(d, SpatialDimension)]
        return Asset(
            path=self._folder / self.names[0],
            media_type=_MEDIA_TYPE,
            title=self.names[0].removesuffix(".nc"),
            size_bytes=size_bytes,
            grid=description.grid if len(spatial) == 2 else None,
            bands=self.bands,
            datetime=span.datetime,
            start=span.start,
            end=span.end,
            labels={d.name: d.labels for d in description.labelled},
        )


class _Axes:
    """From the axes of pixels (*labelled, y, x) to those of a variable, in the cube's own order without bands."""

    def __init__(self, description: CubeDescription) -> None:
        self._dimensions = tuple(d for d in description.dimensions if not isinstance(d, BandsDimension))
        self.names = tuple(d.name for d in self._dimensions)
        count = len(description.labelled)
        spatial = {"y": count, "x": count + 1}
        self._order = tuple(
            spatial[d.axis] if isinstance(d, SpatialDimension) else description.axis(d.name) for d in self._dimensions
        )
        self._dropped = tuple(axis for axis in range(count + 2) if axis not in self._order)  # y or x, of one pixel

    def arranged(self, values: Array) -> Array:
        """Values as the variable holds them."""
        moved = np.transpose(values, (*self._order, *self._dropped))
        return moved.reshape(moved.shape[: len(self._order)])

    def place(self, window: Window) -> tuple[slice, ...] | Any:
        """Where a window lies in the variable."""
        spans = {"y": slice(window.y, window.y + window.height), "x": slice(window.x, window.x + window.width)}
        places = tuple(spans[d.axis] if isinstance(d, SpatialDimension) else slice(None) for d in self._dimensions)
        return places or Ellipsis

    def chunks(self, align: tuple[int, int]) -> tuple[int, ...]:
        """Chunks of one label each, as large as a window is aligned."""
        sizes = {"y": align[0], "x": align[1]}
        return tuple(sizes[d.axis] if isinstance(d, SpatialDimension) else 1 for d in self._dimensions)
