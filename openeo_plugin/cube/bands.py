"""What is known of one band before a pixel of it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Band:
    """One band, or the only layer of a cube without a bands dimension.

    Args:
        name: label in the bands dimension; "" for a cube without one.
        dtype: numpy dtype of the stored values.
        nodata: the value that stands for "no data" (null) in `dtype`; NaN is allowed; None if every value counts.
        nullable: whether there may be null even without `nodata` (behind a mask); then it stands in `Pixels.mask`.
        scale, offset: declared by the source, *not* applied by load_collection (physical = stored * scale + offset).
        unit: of the physical value.
        common_name: of the STAC eo extension, such as `red` or `nir`.
        center_wavelength_um: of the STAC eo extension, in micrometres.
    """

    name: str
    dtype: np.dtype[Any]
    nodata: float | int | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None
    common_name: str | None = None
    center_wavelength_um: float | None = None
    description: str | None = None
    aliases: tuple[str, ...] = field(default=())
    nullable: bool = False

    def is_called(self, name: str) -> bool:
        """Whether `name` is this band's name, common name or alias."""
        return name in (self.name, self.common_name, *self.aliases)
