"""The seam of the file formats: a format describes itself, and gives a writer for a cube.

A writer is built from the description of a cube, so that everything that can't be stored is refused before a pixel
is read. Windows of pixels then arrive from many threads in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Block
from openeo_plugin.cube.vector_cube import VectorCube
from openeo_plugin.formats.asset import Asset


@runtime_checkable
class Writer(Protocol):
    """Takes the windows of one cube and makes files of them.

    Attributes:
        align: (rows, columns): windows start at multiples of it and end at multiples of it or at the cube's edge.
        bands: the bands as they will be stored: dtype and nodata are decided before the first pixel.
        names: of the files that `finish` will create; a file of that name in the folder is replaced.
    """

    align: tuple[int, int]
    bands: tuple[Band, ...]
    names: tuple[str, ...]

    def write(self, window: Window, block: Block) -> None:
        """Take one window with all bands and labels; each window exactly once. Safe to call from many threads.

        Raises: StorageFailure; ValueError for a window that is not aligned or lies outside.
        """
        ...

    def finish(self) -> list[Asset]:
        """Complete the files; only now they appear under their names.

        Raises: StorageFailure; ValueError if windows are missing. Nothing is left behind then.
        """
        ...

    def abort(self) -> None:
        """Give up and leave nothing behind. May be called at any time, also twice; does nothing after `finish`."""
        ...


@runtime_checkable
class Format(Protocol):
    """A file format for results."""

    @property
    def name(self) -> str:
        """The GDAL code where there is one; what clients write in `save_result`."""
        ...

    @property
    def title(self) -> str:
        """A name for people."""
        ...

    @property
    def description(self) -> str:
        """How the files relate to the dimensions of a cube."""
        ...

    @property
    def gis_data_types(self) -> tuple[str, ...]:
        """Of `raster`, `vector`, `table`, `other`."""
        ...

    @property
    def media_type(self) -> str:
        """Of the files."""
        ...

    @property
    def extension(self) -> str:
        """Of the files, with the dot."""
        ...

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        """Per option a JSON Schema with `description` and, where there is one, `default`.

        Both `/file_formats` and the validation of options come from it.
        """
        ...

    def writer(self, description: CubeDescription, folder: Path, name: str, options: Mapping[str, Any]) -> Writer:
        """A writer for a cube. Touches no disk before the first window; then `folder` must exist.

        `name` is the stem of the file names where the options give none.
        Raises: FormatUnsuitable, DataCubeEmpty, ProcessParameterInvalid (for `options`).
        """
        ...


@runtime_checkable
class VectorFormat(Format, Protocol):
    """A file format that stores vector cubes, too. Their values are in memory when they are written."""

    def check_vector(self, cube: VectorCube, options: Mapping[str, Any]) -> None:
        """Refuse what can't be stored; `cube` comes without values, before a pixel is read.

        Raises: FormatUnsuitable, DataCubeEmpty, ProcessParameterInvalid (for `options`).
        """
        ...

    def write_vector(self, cube: VectorCube, folder: Path, name: str, options: Mapping[str, Any]) -> list[Asset]:
        """Files of a vector cube; they appear under their names when all are whole.

        Raises: FormatUnsuitable, StorageFailure.
        """
        ...
