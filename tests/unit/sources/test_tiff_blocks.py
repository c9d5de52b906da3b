"""Blocks read without GDAL hold what GDAL reads; whatever is unusual or broken is left to it."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from openeo_plugin.cube.bands import Band
from openeo_plugin.errors import OpenEOError
from openeo_plugin.sources import datasets, tiff_blocks
from openeo_plugin.sources.layers import Layer
from openeo_plugin.sources.tiff_blocks import TiffBlocks, UndecodableError
from tests.unit.sources.rasters import write_tif

SHAPE = (70, 101)
TILED: dict[str, Any] = {"tiled": True, "blockxsize": 32, "blockysize": 16}


def values(dtype: str, count: int = 1) -> Any:
    """Noise that wraps around where differences are added up."""
    rng = np.random.default_rng(3)
    if np.dtype(dtype).kind == "f":
        return rng.normal(0, 1e6, (count, *SHAPE)).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, (count, *SHAPE), dtype, endpoint=True)


def layer(path: Path, dtype: str = "uint16", index: int = 1) -> Layer:
    return Layer(str(path), index, Band("b", np.dtype(dtype)), None, (16, 32), ())  # type: ignore[arg-type]


def blocks_of(path: Path, overview: int | None = None) -> TiffBlocks | None:
    return datasets._blocks(str(path), overview)


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float32", "float64"]
)
@pytest.mark.parametrize(
    "packing",
    [{}, {"compress": "deflate"}, {"compress": "deflate", "predictor": 2}, {"compress": "zstd", "predictor": 2}],
    ids=str,
)
def test_every_type_and_packing_is_read_as_gdal_reads_it(tmp_path: Path, dtype: str, packing: dict[str, Any]) -> None:
    data = values(dtype)
    path = write_tif(tmp_path / "a.tif", values=data, dtype=dtype, nodata=None, **TILED, **packing)
    assert blocks_of(path) is not None
    assert np.array_equal(datasets.read(layer(path, dtype), None, (0, 0, *SHAPE)), data[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_real_numbers_whose_bytes_stand_apart_are_put_together(tmp_path: Path, dtype: str) -> None:
    data = values(dtype)
    path = write_tif(tmp_path / "a.tif", values=data, dtype=dtype, compress="deflate", predictor=3, **TILED)
    assert blocks_of(path) is not None
    assert np.array_equal(datasets.read(layer(path, dtype), None, (0, 0, *SHAPE)), data[0])


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two bands, one after the other, as BigTIFF, with overviews."""
    return write_tif(
        tmp_path_factory.mktemp("noise") / "a.tif", values=values("uint16", 2), compress="deflate", predictor=2,
        interleave="band", BIGTIFF="YES", overviews=(2, 4), **TILED,
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(data=st.data(), level=st.sampled_from([None, 0, 1]), band=st.integers(1, 2))
def test_any_rectangle_of_any_band_and_overview_is_read_as_gdal_reads_it(
    noise: Path, data: st.DataObject, level: int | None, band: int
) -> None:
    with rasterio.open(noise, **({} if level is None else {"overview_level": level})) as file:
        row, column = data.draw(st.integers(0, file.height - 1)), data.draw(st.integers(0, file.width - 1))
        rows = data.draw(st.integers(1, file.height - row))
        columns = data.draw(st.integers(1, file.width - column))
        expected = file.read(band, window=Window(column, row, columns, rows))
    assert blocks_of(noise, level) is not None
    assert np.array_equal(datasets.read(layer(noise, index=band), level, (row, column, rows, columns)), expected)


def test_values_come_in_the_type_that_is_asked_for(noise: Path) -> None:
    out = np.zeros((20, 30), np.float32)
    expected = datasets.read(layer(noise), None, (5, 6, 20, 30))
    assert datasets.read(layer(noise), None, (5, 6, 20, 30), out) is out
    assert np.array_equal(out, expected)


def test_a_part_of_a_larger_array_can_be_filled(noise: Path) -> None:
    whole = np.zeros((40, 60), np.uint16)
    datasets.read(layer(noise), None, (16, 32, 16, 32), whole[10:26, 20:52])
    assert np.array_equal(whole[10:26, 20:52], datasets.read(layer(noise), None, (16, 32, 16, 32)))
    assert whole[:10].sum() == 0


@pytest.mark.parametrize(
    "options",
    [
        {"compress": "deflate", "tiled": False},
        {**TILED, "compress": "lzw"},
        {**TILED, "compress": "deflate", "ENDIANNESS": "BIG"},
        {**TILED, "NBITS": 12},
        {**TILED, "compress": "deflate", "interleave": "pixel"},
    ],
    ids=str,
)
def test_what_is_unusual_is_left_to_gdal(tmp_path: Path, options: dict[str, Any]) -> None:
    data = values("uint16", 2) & 0xFFF
    path = write_tif(tmp_path / "a.tif", values=data, **options)
    assert blocks_of(path) is None
    assert np.array_equal(datasets.read(layer(path, index=2), None, (0, 0, *SHAPE)), data[1])


def test_blocks_that_are_not_there_are_nodata_as_with_gdal(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "count": 1, "height": 70, "width": 101, "dtype": "uint16", "nodata": 9, **TILED}
    with rasterio.open(path, "w", SPARSE_OK=True, compress="deflate", **profile) as file:
        file.write(np.full((16, 32), 5, np.uint16), 1, window=Window(32, 16, 32, 16))
    found = datasets.read(layer(path), None, (0, 0, *SHAPE))
    assert (found[16:32, 32:64] == 5).all()
    assert (found == 9).sum() == 70 * 101 - 16 * 32


def test_a_block_that_is_damaged_is_named_with_its_file_and_place(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "scene" / "a.tif", values=values("uint16"), compress="deflate", **TILED)
    blocks = blocks_of(path)
    assert blocks is not None
    with path.open("r+b") as file:
        file.seek(int(blocks.layout.offsets[0, 1, 1]))
        file.write(b"\xff" * 40)
    with pytest.raises(OpenEOError) as raised:
        datasets.read(layer(path), None, (16, 32, 16, 32))
    assert raised.value.code == "SourceUnreadable"
    assert "scene/a.tif" in raised.value.message
    assert "rows 16 to 32, columns 32 to 64" in raised.value.message


def test_a_block_whose_bytes_do_not_match_their_checksum_is_found_even_if_gdal_would_not_notice(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "scene" / "a.tif", values=values("uint16"), compress="deflate", **TILED)
    blocks = blocks_of(path)
    assert blocks is not None
    with path.open("r+b") as file:
        file.seek(int(blocks.layout.offsets[0, 1, 1] + blocks.layout.counts[0, 1, 1] - 1))
        last = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([last[0] ^ 0xFF]))
    with pytest.raises(
        OpenEOError, match=r"rows 16 to 32, columns 32 to 64: a block is damaged \(incorrect data check\)"
    ):
        datasets.read(layer(path), None, (16, 32, 16, 32))


@pytest.mark.parametrize("tiles", [TILED, {}])
def test_a_file_that_was_replaced_by_a_smaller_one_is_told(tmp_path: Path, tiles: dict[str, Any]) -> None:
    path = write_tif(tmp_path / "a.tif", values=values("uint16")[:, :40, :40], **tiles)
    with pytest.raises(OpenEOError, match="not the file that was imported"):
        datasets.read(layer(path), None, (0, 64, 32, 32))
    with pytest.raises(OpenEOError, match="not the file that was imported"):
        datasets.read(layer(path, index=2), None, (0, 0, 32, 32))


def test_a_file_that_was_cut_short_is_not_read_beyond_its_end(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", values=values("uint16"), compress="deflate", **TILED)
    blocks = blocks_of(path)
    assert blocks is not None
    os.truncate(path, int(blocks.layout.offsets[0, -1, -1]) + 3)
    with pytest.raises(OpenEOError):
        datasets.read(layer(path), None, (64, 96, 6, 5))


def test_a_file_that_was_replaced_is_looked_at_anew(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", values=values("uint16"), compress="deflate", **TILED)
    before = datasets.read(layer(path), None, (3, 3, 40, 40))
    write_tif(tmp_path / "b.tif", values=values("uint16") // 2, compress="zstd", **TILED).replace(path)
    assert np.array_equal(datasets.read(layer(path), None, (3, 3, 40, 40)), before // 2)


def test_blocks_of_a_file_are_not_read_from_another_that_took_its_place(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", values=values("uint16"), **TILED)
    blocks = blocks_of(path)
    assert blocks is not None
    write_tif(tmp_path / "b.tif", values=values("uint16") // 2, **TILED).replace(path)
    with pytest.raises(UndecodableError):
        blocks.read(0, (0, 0, *SHAPE), np.empty(SHAPE, np.uint16))


def test_a_file_that_is_replaced_while_it_is_looked_at_is_left_to_gdal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tif(tmp_path / "a.tif", values=values("uint16"), **TILED)
    later = write_tif(tmp_path / "b.tif", values=values("uint16") // 2, compress="deflate", **TILED)

    def open_blocks(path: str, directory: int) -> TiffBlocks | None:
        if later.exists():
            later.replace(path)
        return tiff_blocks.open_blocks(path, directory)

    monkeypatch.setattr(datasets, "open_blocks", open_blocks)
    assert np.array_equal(datasets.read(layer(path), None, (0, 0, *SHAPE)), values("uint16")[0] // 2)
    assert blocks_of(path) is not None


def test_a_list_that_lies_further_away_than_files_reach_is_left_to_gdal(noise: Path) -> None:
    head = bytearray(noise.read_bytes())
    entry = head.index(struct.pack("<HH", 324, 16), 16)  # of the offsets of the blocks, 8 bytes each
    head[entry + 12 : entry + 20] = struct.pack("<Q", 1 << 63)
    path = noise.with_name("far.tif")
    path.write_bytes(head)
    assert tiff_blocks.open_blocks(str(noise), 16) is not None
    assert tiff_blocks.open_blocks(str(path), 16) is None


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 2000), byte=st.integers(0, 255))
def test_a_head_with_any_byte_changed_gives_an_official_error_or_pixels(noise: Path, place: int, byte: int) -> None:
    data = bytearray(noise.read_bytes())
    data[place % len(data)] = byte
    path = noise.with_name(f"changed-{place}-{byte}.tif")
    path.write_bytes(data)
    with contextlib.suppress(OpenEOError):
        assert datasets.read(layer(path), None, (0, 0, *SHAPE)).shape == SHAPE
    path.unlink()


def test_a_block_that_grows_far_beyond_its_size_is_not_unpacked_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tif(tmp_path / "a.tif", values=values("uint16"), compress="deflate", **TILED)
    blocks = blocks_of(path)
    assert blocks is not None
    bomb = zlib.compress(bytes(1 << 19), 9)
    assert len(bomb) < int(blocks.layout.counts[0, 1, 1])
    with path.open("r+b") as file:
        file.seek(int(blocks.layout.offsets[0, 1, 1]))
        file.write(bomb)
    made: list[int] = []
    monkeypatch.setattr(tiff_blocks, "_PIECE_BYTES", 1024)
    monkeypatch.setattr(tiff_blocks.zlib, "decompressobj", lambda: _Counted(made))
    with contextlib.suppress(OpenEOError):
        datasets.read(layer(path), None, (16, 32, 16, 32))
    assert 0 < sum(made) <= 16 * 32 * 2 + 2 * 1024


class _Counted:
    """Decompresses, and tells how much."""

    def __init__(self, made: list[int]) -> None:
        self._stream = _DECOMPRESSOBJ()
        self._made = made

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unconsumed_tail(self) -> bytes:
        return self._stream.unconsumed_tail

    def decompress(self, data: bytes, most: int) -> bytes:
        found = self._stream.decompress(data, most)
        self._made.append(len(found))
        return found


_DECOMPRESSOBJ = zlib.decompressobj
