"""GeoTIFF, always cloud-optimised: the formats GTiff and COG, one file per date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Block
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.cog import CogTiles
from openeo_plugin.formats.cog_layout import CogLayout
from openeo_plugin.formats.coverage import Coverage
from openeo_plugin.formats.cut import Image, images
from openeo_plugin.formats.options import FILENAME_PREFIX, checked
from openeo_plugin.formats.part_file import NewFiles, storage_failures
from openeo_plugin.formats.stored_type import as_stored, stored_type, stored_values
from openeo_plugin.formats.tile_codec import TileCodec

_MEDIA_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"

_PARAMETERS: dict[str, dict[str, Any]] = {
    "compress": {
        "type": "string",
        "description": "How the tiles are compressed, always without loss. Neighbouring values are stored as "
        "differences where that helps.",
        "enum": ["DEFLATE", "ZSTD", "LZW", "NONE"],
        "default": "DEFLATE",
    },
    "zlevel": {
        "type": "integer",
        "description": "Effort of DEFLATE: 1 is fast, 9 gives the smallest files. By default 6 for 8-bit values, and 1 "
        "for all others, whose files hardly shrink with more.",
        "minimum": 1,
        "maximum": 9,
    },
    "overviews": {
        "type": "boolean",
        "description": "Whether the file holds itself again at half, a quarter, ... of its resolution, for maps.",
        "default": True,
    },
    "overview_resampling": {
        "type": "string",
        "description": "How overviews are made. AUTO takes the mean for measurements and single pixels for classes, "
        "masks and bit flags (whole numbers without unit, wavelength, scale and offset).",
        "enum": ["AUTO", "AVERAGE", "NEAREST"],
        "default": "AUTO",
    },
    "tiled": {
        "type": "boolean",
        "description": "Files are always tiled; the option is there for graphs that ask for it.",
        "enum": [True],
        "default": True,
    },
    "filename_prefix": FILENAME_PREFIX,
}

_DESCRIPTION = (
    "One cloud-optimised GeoTIFF per date, and per combination of labels of further dimensions; one file for a cube "
    "without time. The bands of the cube are the bands of the file, with names, units, scale and offset. All bands of "
    "a file share one data type, the smallest that holds them all, and one nodata value: NaN for real numbers (null "
    "and NaN both become it), otherwise a value that no band uses for data. BigTIFF where a file exceeds 4 GB."
)


@dataclass(frozen=True)
class GTiffFormat:
    """GeoTIFF under one of its two GDAL names."""

    name: str = "GTiff"
    title: str = "GeoTIFF"
    description: str = _DESCRIPTION
    gis_data_types: tuple[str, ...] = ("raster",)
    media_type: str = _MEDIA_TYPE
    extension: str = ".tif"
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _PARAMETERS)
    notes: Mapping[str, str] = field(default_factory=dict)

    def writer(self, description: CubeDescription, folder: Path, name: str, options: Mapping[str, Any]) -> GTiffWriter:
        """A writer of one file per date; see `Format.writer`."""
        values = checked(self.parameters, options)
        cuts = images(description, values.get("filename_prefix", name), self.name)
        stored = stored_type(description.bands)
        layout = CogLayout(
            grid=description.grid,
            bands=description.bands,
            stored=stored,
            codec=TileCodec(stored.dtype, values["compress"], values.get("zlevel")),
            overview_resampling=values["overview_resampling"] if values["overviews"] else "NONE",
            notes=self.notes,
        )
        return GTiffWriter(layout, cuts, folder)


class GTiffWriter:
    """Writes all files of a cube in one pass: a window carries all dates. See `Writer`."""

    def __init__(self, layout: CogLayout, cuts: Sequence[Image], folder: Path) -> None:
        self._layout = layout
        self._images = cuts
        self._folder = folder
        self._tiles = CogTiles(layout, len(cuts), folder)
        self.align = layout.tile
        self._coverage = Coverage(layout.grid, self.align)
        self.bands: tuple[Band, ...] = as_stored(layout.bands, layout.stored)
        self.names = tuple(f"{image.stem}.tif" for image in cuts)

    def write(self, window: Window, block: Block) -> None:
        """Cut a window into tiles and encode them in the calling thread."""
        self._coverage.check(window)
        rows, columns = self.align
        for band, pixels in enumerate(block.bands):
            values = stored_values(pixels, self._layout.stored)
            for file, image in enumerate(self._images):
                plane = values[image.index]
                for y in range(0, window.height, rows):
                    for x in range(0, window.width, columns):
                        place = (window.y + y) // rows, (window.x + x) // columns
                        self._tiles.put(file, band, *place, plane[y : y + rows, x : x + columns])
        self._coverage.add(window)

    def finish(self) -> list[Asset]:
        """Put the files together."""
        files = NewFiles(self._folder)
        try:
            self._coverage.require_all()
            assets = []
            for number, name in enumerate(self.names):
                hidden = files.path_for(name)
                self._tiles.write(number, hidden)
                assets.append(self._asset(number, hidden))
            files.reveal()
        finally:
            files.discard()
            self.abort()
        return assets

    def abort(self) -> None:
        """Free what is held; nothing has a name before `finish`."""
        self._tiles.close()

    def _asset(self, number: int, written: Path) -> Asset:
        image = self._images[number]
        with storage_failures():
            size_bytes = written.stat().st_size
        return Asset(
            path=self._folder / self.names[number],
            media_type=_MEDIA_TYPE,
            title=image.stem,
            size_bytes=size_bytes,
            grid=self._layout.grid,
            bands=self.bands,
            datetime=image.span.datetime,
            start=image.span.start,
            end=image.span.end,
            labels=image.labels,
            block=self._layout.tile,
            overviews=self._layout.overviews,
        )


GTIFF = GTiffFormat()
COG = GTiffFormat(name="COG", title="Cloud-optimised GeoTIFF")
