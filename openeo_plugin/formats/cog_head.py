"""The directories of a cloud-optimised GeoTIFF: what they say of the image, the bands and the place on earth."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import rasterio
import tifffile
from affine import Affine

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.grid import Grid
from openeo_plugin.cube.pixels import Array
from openeo_plugin.formats.cog_layout import CogLayout
from openeo_plugin.formats.tiff import ASCII, LONG, LONG8, SHORT, Tag, head

# model pixel scale, tiepoint, transformation; geo keys with their numbers and texts
_GEO_TAGS = {33550: 12, 33922: 12, 34264: 12, 34735: 3, 34736: 12, 34737: 2}
_SAMPLE_FORMATS = {"u": 1, "i": 2, "f": 3}


def head_maker(layout: CogLayout, counts: Sequence[Array]) -> Callable[[Sequence[Array], bool], bytes]:
    """A function of (offsets, whether BigTIFF) that gives the head of a file.

    Per level, full resolution first: the offset and the size in bytes of every tile, band by band, row by row.
    """
    geo = geo_tags(layout.grid)

    def make(offsets: Sequence[Array], big: bool) -> bytes:
        directories = [
            [
                Tag(324, LONG8 if big else LONG, offsets[level]),
                Tag(325, LONG, counts[level]),
                *_size_tags(layout, level),
                *_sample_tags(layout),
                *([*geo, *_gdal_metadata(layout.bands, layout.notes)] if level == 0 else [Tag(254, LONG, [1])]),
            ]
            for level in range(len(counts))
        ]
        return head(directories, bands=len(layout.bands), big=big)

    return make


def _size_tags(layout: CogLayout, level: int) -> list[Tag]:
    return [
        Tag(256, LONG, [layout.sizes[level][1]]),
        Tag(257, LONG, [layout.sizes[level][0]]),
        Tag(322, SHORT, [layout.tile[1]]),
        Tag(323, SHORT, [layout.tile[0]]),
    ]


def _sample_tags(layout: CogLayout) -> list[Tag]:
    n, dtype, nodata = len(layout.bands), layout.stored.dtype, layout.stored.nodata
    tags = [
        Tag(258, SHORT, [dtype.itemsize * 8] * n),
        Tag(259, SHORT, [layout.codec.compression]),
        Tag(262, SHORT, [1]),
        Tag(277, SHORT, [n]),
        Tag(284, SHORT, [2 if n > 1 else 1]),
        Tag(317, SHORT, [layout.codec.predictor]),
        Tag(339, SHORT, [_SAMPLE_FORMATS[dtype.kind]] * n),
    ]
    if n > 1:
        tags.append(Tag(338, SHORT, [0] * (n - 1)))
    if nodata is not None:
        tags.append(Tag(42113, ASCII, str(nodata)))
    return tags


def geo_tags(grid: Grid) -> list[Tag]:
    """The tags that place a grid on the earth, as GDAL writes them."""
    crs = grid.crs
    name = None if crs is None else f"EPSG:{crs.epsg}" if crs.epsg else crs.to_wkt()
    return list(_geo_tags(name, grid.affine))


@functools.lru_cache(maxsize=64)
def _geo_tags(crs: str | None, transform: Affine) -> tuple[Tag, ...]:
    profile: dict[str, Any] = {"driver": "GTiff", "height": 1, "width": 1, "count": 1, "dtype": "uint8"}
    if crs is not None:
        profile["crs"] = crs
    with rasterio.MemoryFile() as memory:
        with memory.open(transform=transform, **profile):
            pass
        with tifffile.TiffFile(io.BytesIO(memory.read())) as tiff:
            found = tiff.pages.first.tags
            return tuple(Tag(code, kind, found[code].value) for code, kind in _GEO_TAGS.items() if code in found)


def _gdal_metadata(bands: Sequence[Band], notes: Mapping[str, str]) -> list[Tag]:
    """Notes, and names, scales, offsets and units of the bands, as GDAL keeps them."""
    items = [f'  <Item name="{name.upper()}">{_quoted(text)}</Item>\n' for name, text in notes.items()]
    for sample, band in enumerate(bands):
        known = {
            "description": band.name or None,
            "scale": None if band.scale == 1.0 else repr(float(band.scale)),
            "offset": None if band.offset == 0.0 else repr(float(band.offset)),
            "unittype": band.unit,
        }
        for role, value in known.items():
            if value is not None:
                text = _quoted(str(value))
                items.append(f'  <Item name="{role.upper()}" sample="{sample}" role="{role}">{text}</Item>\n')
    return [Tag(42112, ASCII, f"<GDALMetadata>\n{''.join(items)}</GDALMetadata>\n")] if items else []


def _quoted(text: str) -> str:
    """GDAL escapes twice, and unescapes twice."""
    readable = "".join(sign if sign.isprintable() else "?" for sign in text)
    return escape(escape(readable, {'"': "&quot;"}))
