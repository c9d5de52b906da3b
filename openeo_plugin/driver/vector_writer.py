"""Collects the values of a vector cube from a run, like the windows of any cube, and writes them at the end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.grid import Window, whole
from openeo_plugin.cube.pixels import Block
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.engine.window import assemble
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.format import VectorFormat


class VectorWriter:
    """See `Writer`. The values of all geometries stay in memory: they are few beside the pixels they come from.

    Raises: DataCubeEmpty if a dimension but that of the geometries has no labels; what `check_vector` raises.
    """

    align = (1, 1)

    def __init__(
        self, cube: LazyVectorCube, format_: VectorFormat, folder: Path, name: str, options: Mapping[str, Any]
    ) -> None:
        format_.check_vector(cube.described, options)
        if cube.values is not None and 0 in cube.values.description.shape:
            raise OpenEOError("DataCubeEmpty")
        self._cube = cube
        self._format = format_
        self._where = folder, name, options
        self._parts: list[tuple[Window, Block]] = []
        self._lock = threading.Lock()
        self.bands: tuple[Band, ...] = cube.values.description.bands if cube.values is not None else ()
        self.names: tuple[str, ...] = ()

    def write(self, window: Window, block: Block) -> None:
        """Take some geometries."""
        with self._lock:
            self._parts.append((window, block))

    def finish(self) -> list[Asset]:
        """Write the files."""
        values = self._cube.values
        if values is None or not self._parts:
            return self._format.write_vector(self._cube.described, *self._where)
        parts = sorted(self._parts, key=lambda part: part[0].x)
        block = assemble(whole(values.description.grid), [w for w, _ in parts], [b for _, b in parts])
        return self._format.write_vector(self._cube.of_block(block), *self._where)

    def abort(self) -> None:
        """Forget the values."""
        self._parts.clear()
