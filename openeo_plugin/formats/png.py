"""PNG pictures of 8 bits: values from 0 to 255 as they are, one picture per date."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture
from PIL.PngImagePlugin import PngInfo

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Array, Block, Pixels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.coverage import Coverage
from openeo_plugin.formats.cut import Image, images
from openeo_plugin.formats.options import FILENAME_PREFIX, checked
from openeo_plugin.formats.part_file import NewFiles, storage_failures
from openeo_plugin.formats.stored_type import StoredType, as_stored

# A picture is put together in memory; whoever needs more needs a format with tiles.
_MOST_PIXELS = 64_000_000
_ALIGN = 256
_OPAQUE = 255
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

_DESCRIPTION = (
    "One 8-bit picture per date, and per combination of labels of further dimensions. One band gives grey, two grey "
    "and opacity, three red, green and blue, four the same with opacity. Values are rounded and cut to 0..255, so "
    "scale them before (linear_scale_range); true is white. Null and NaN are transparent. At most 64 million pixels."
)


@dataclass(frozen=True)
class PNGFormat:
    """PNG under its GDAL name."""

    name: str = "PNG"
    title: str = "Portable Network Graphics (PNG)"
    description: str = _DESCRIPTION
    gis_data_types: tuple[str, ...] = ("raster",)
    media_type: str = "image/png"
    extension: str = ".png"
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"filename_prefix": FILENAME_PREFIX})
    notes: Mapping[str, str] = field(default_factory=dict)

    def writer(self, description: CubeDescription, folder: Path, name: str, options: Mapping[str, Any]) -> PNGWriter:
        """A writer of one picture per date; see `Format.writer`."""
        values = checked(self.parameters, options)
        cuts = images(description, values.get("filename_prefix", name), self.name)
        if len(description.bands) not in _MODES:
            self._refuse(f"{len(description.bands)} bands make no picture; it takes 1 to 4.")
        if description.grid.shape[0] * description.grid.shape[1] > _MOST_PIXELS:
            self._refuse(f"more than {_MOST_PIXELS} pixels. Try GTiff, or a coarser resolution.")
        return PNGWriter(description, cuts, folder, self.notes)

    def _refuse(self, reason: str) -> None:
        raise OpenEOError("FormatUnsuitable", format=self.name, reason=reason)


class PNGWriter:
    """Keeps the pictures in a nameless file until they are complete. See `Writer`."""

    def __init__(
        self, description: CubeDescription, cuts: Sequence[Image], folder: Path, notes: Mapping[str, str]
    ) -> None:
        self._notes = PngInfo()
        for name, text in notes.items():
            self._notes.add_text(name, text)
        self._grid = description.grid
        self._images = cuts
        self._folder = folder
        self._channels = len(description.bands)
        self._opacity_given = self._channels in (2, 4)
        self.align = (_ALIGN, _ALIGN)
        self.names = tuple(f"{image.stem}.png" for image in cuts)
        self.bands: tuple[Band, ...] = as_stored(description.bands, StoredType(np.dtype(np.uint8), None))
        self._coverage = Coverage(self._grid, self.align)
        self._canvas: Array | None = None
        self._closed = False
        self._lock = threading.Lock()

    def write(self, window: Window, block: Block) -> None:
        """Paint a window into every picture."""
        self._coverage.check(window)
        canvas = self._opened()
        rows, columns = slice(window.y, window.y + window.height), slice(window.x, window.x + window.width)
        opacity: Array | None = None
        for channel, pixels in enumerate(block.bands):
            values, seen = _eight_bits(pixels)
            opacity = seen if opacity is None else opacity & seen
            for number, image in enumerate(self._images):
                canvas[number, rows, columns, channel] = values[image.index]
        assert opacity is not None
        for number, image in enumerate(self._images):
            target = canvas[number, rows, columns]
            if self._opacity_given:
                target[~opacity[image.index], -1] = 0
            else:
                target[..., -1] = opacity[image.index] * np.uint8(_OPAQUE)
        self._coverage.add(window)

    def finish(self) -> list[Asset]:
        """Encode the pictures."""
        files = NewFiles(self._folder)
        try:
            self._coverage.require_all()
            assets = [self._picture(number, files.path_for(name)) for number, name in enumerate(self.names)]
            files.reveal()
        finally:
            files.discard()
            self.abort()
        return assets

    def abort(self) -> None:
        """Free the space; nothing has a name before `finish`."""
        with self._lock:
            self._closed = True
            self._canvas = None

    def _opened(self) -> Array:
        """All pictures as (image, row, column, channel) in a nameless file, which goes when nothing holds the array."""
        with self._lock:
            if self._closed:
                raise ValueError("The writer is closed.")
            if self._canvas is None:
                shape = (len(self._images), *self._grid.shape.yx, self._channels + (not self._opacity_given))
                with storage_failures(), tempfile.TemporaryFile(dir=self._folder) as file:
                    self._canvas = np.memmap(file, np.uint8, "w+", shape=shape)
            return self._canvas

    def _picture(self, number: int, path: Path) -> Asset:
        assert self._canvas is not None
        canvas = self._canvas[number]
        if not self._opacity_given and (canvas[..., -1] == _OPAQUE).all():
            canvas = canvas[..., :-1]
        squeezed = canvas[..., 0] if canvas.shape[-1] == 1 else canvas
        with storage_failures():
            Picture.fromarray(np.ascontiguousarray(squeezed)).save(path, format="PNG", pnginfo=self._notes)
            size_bytes = path.stat().st_size
        image = self._images[number]
        return Asset(
            path=self._folder / self.names[number],
            media_type="image/png",
            title=image.stem,
            size_bytes=size_bytes,
            roles=("data", "visual"),
            grid=self._grid,
            bands=self.bands,
            datetime=image.span.datetime,
            start=image.span.start,
            end=image.span.end,
            labels=image.labels,
        )


def _eight_bits(pixels: Pixels) -> tuple[Array, Array]:
    """(uint8 values, bool: True where there is data)."""
    plain = pixels.plain()
    values, null = plain.values, plain.null()
    seen = np.ones(values.shape, bool) if null is None else ~null
    if values.dtype == np.uint8:
        return values, seen
    if values.dtype.kind == "b":
        return values * np.uint8(_OPAQUE), seen
    if values.dtype.kind == "f":
        seen &= ~np.isnan(values)
        values = np.rint(np.where(seen, values, 0))
    return np.clip(values, 0, _OPAQUE).astype(np.uint8), seen
