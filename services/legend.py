"""The legend of a map: a colour ramp with its ends, or a list of categories."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from services.style import RAMP, Style

WIDTH_PX = 160
ROW_PX = 20
RAMP_HEIGHT_PX = 120
_BOX_PX = 16
_LABEL_LETTERS = 24


def legend_size(style: Style) -> tuple[int, int] | None:
    """(width, height) of the legend in pixels; None for a colour composite, which has none."""
    if style.categories:
        return WIDTH_PX, ROW_PX * len(style.categories)
    return (WIDTH_PX, RAMP_HEIGHT_PX) if style.count == 1 and _is_ramp(style) else None


def _is_ramp(style: Style) -> bool:
    """Shades of a relief stand for no value."""
    return style.algorithm is None or style.algorithm.extent is not None


def legend(style: Style) -> Image.Image:
    """The legend of a style whose ranges are known.

    Raises: ValueError for a colour composite.
    """
    size = legend_size(style)
    if size is None:
        raise ValueError("a colour composite has no legend")
    image = Image.new("RGBA", size, "white")
    if style.categories:
        _draw_categories(image, style)
    else:
        _draw_ramp(image, style)
    return image


def _draw_categories(image: Image.Image, style: Style) -> None:
    pen, font = ImageDraw.Draw(image), ImageFont.load_default()
    for row, category in enumerate(style.categories):
        top = row * ROW_PX + 2
        pen.rectangle((2, top, 2 + _BOX_PX, top + _BOX_PX - 1), fill=category.color, outline="black")
        pen.text((_BOX_PX + 8, top + 2), _printable(category.label), fill="black", font=font)


def _draw_ramp(image: Image.Image, style: Style) -> None:
    low, high = (style.ranges or (None,))[0] or (0.0, 255.0)
    height = RAMP_HEIGHT_PX - 2 * 6
    codes = np.rint(np.linspace(RAMP, 1, height)).astype(int)
    ramp = np.repeat(style.palette()[codes][:, None], _BOX_PX, axis=1)
    image.paste(Image.fromarray(ramp, "RGBA"), (2, 6))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default()
    for share in (0.0, 0.5, 1.0):
        text = f"{high - share * (high - low):.4g}"
        pen.text((_BOX_PX + 8, share * (height - 1)), text, fill="black", font=font)


def _printable(text: str) -> str:
    """What the built-in font can draw, cut to fit."""
    return text.encode("latin-1", "replace").decode("latin-1")[:_LABEL_LETTERS]
