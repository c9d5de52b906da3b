"""Palette pictures as PNG: what Pillow reads back is what was given, colour by colour."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from services.palette_png import palette_png


def picture(codes, alpha=None):
    image = Image.fromarray(codes, "L")
    image.putpalette(bytes(range(256)) * 3)
    if alpha is not None:
        image.info["transparency"] = alpha
    return image


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (256, 256), (100, 513)])
def test_codes_and_colours_come_back(shape):
    codes = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    found = Image.open(io.BytesIO(palette_png(picture(codes))))
    assert (found.format, found.mode) == ("PNG", "P")
    assert np.array_equal(np.asarray(found), codes)
    assert bytes(found.getpalette()) == bytes(range(256)) * 3


def test_alpha_of_colours_comes_back():
    codes = np.array([[0, 1, 2]], np.uint8)
    found = Image.open(io.BytesIO(palette_png(picture(codes, bytes([0, 128])))))
    assert np.asarray(found.convert("RGBA"))[0, :, 3].tolist() == [0, 128, 255]


def test_a_palette_of_one_colour_is_enough():
    image = Image.new("P", (4, 2), 0)
    image.putpalette(bytes(3))
    image.info["transparency"] = bytes(1)
    found = Image.open(io.BytesIO(palette_png(image)))
    assert np.asarray(found.convert("RGBA")).max() == 0


def test_every_chunk_has_its_sum():
    content = palette_png(picture(np.zeros((2, 2), np.uint8), bytes(1)))
    at, names = 8, []
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        name, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        assert int.from_bytes(content[at + 8 + size : at + 12 + size], "big") == zlib.crc32(name + data)
        names.append(name)
        at += 12 + size
    assert names == [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"]
