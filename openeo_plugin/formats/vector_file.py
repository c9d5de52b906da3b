"""What the formats of vector cubes have in common: one file, written whole, and the times that it covers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.vector_cube import VectorCube
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.format import Writer
from openeo_plugin.formats.options import FILENAME_PREFIX, checked
from openeo_plugin.formats.part_file import NewFiles, storage_failures
from openeo_plugin.formats.times import span_of_labels


@dataclass(frozen=True)
class VectorOnly:
    """What a format says of itself that stores vector cubes and no rasters; the base of these formats."""

    name: str
    title: str
    description: str
    media_type: str
    extension: str
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"filename_prefix": FILENAME_PREFIX})
    gis_data_types: tuple[str, ...] = ("vector",)

    def writer(self, description: CubeDescription, folder: Path, name: str, options: Mapping[str, Any]) -> Writer:
        """Raises: FormatUnsuitable."""
        reason = "it takes vector cubes only; for rasters choose GTiff, netCDF or PNG, or put aggregate_spatial before."
        raise OpenEOError("FormatUnsuitable", format=self.name, reason=reason)

    def check_vector(self, cube: VectorCube, options: Mapping[str, Any]) -> None:
        """Refuse what can't be stored; see `VectorFormat`."""
        checked(self.parameters, options)

    def file_name(self, name: str, options: Mapping[str, Any]) -> str:
        """Name of the only file."""
        return f"{checked(self.parameters, options).get('filename_prefix', name)}{self.extension}"


def stored(cube: VectorCube, data: bytes, folder: Path, name: str, media_type: str) -> Asset:
    """Write a file; it appears under its name only when it is whole.

    Raises: StorageFailure.
    """
    files = NewFiles(folder)
    try:
        with storage_failures():
            files.path_for(name).write_bytes(data)
        files.reveal()
    finally:
        files.discard()
    times = [label for d in cube.dimensions if d.type == "temporal" for label in d.labels]
    span = span_of_labels(times, times)
    return Asset(
        path=folder / name,
        media_type=media_type,
        title=Path(name).stem,
        size_bytes=len(data),
        datetime=span.datetime,
        start=span.start,
        end=span.end,
        labels={d.name: tuple(d.labels) for d in cube.dimensions},
    )
