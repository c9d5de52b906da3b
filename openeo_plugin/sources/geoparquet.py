"""GeoParquet in memory to geometries. What the file's footer promises is held against limits before it is read."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

from openeo_plugin.cube.geometries import LON_LAT, Geometries, crs_name, geometries_of

MAX_ROWS = 1_000_000
MAX_DECODED_BYTES = 2**28
_ID = "id"


def geometries_of_geoparquet(content: bytes) -> Geometries:
    """Geometries with their properties; a column `id` gives the ids.

    Raises: ValueError with a sentence, for what is no GeoParquet or too large.
    """
    import geopandas
    import pyarrow as arrow
    from pyarrow import parquet

    try:
        footer = parquet.ParquetFile(io.BytesIO(content)).metadata
        decoded = sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))
        if footer.num_rows > MAX_ROWS or decoded > MAX_DECODED_BYTES:
            raise ValueError(f"it has more than {MAX_ROWS} rows or {MAX_DECODED_BYTES} bytes")
        if b"geo" not in (footer.metadata or {}):
            raise ValueError("it is Parquet without geometries")
        frame = geopandas.read_parquet(io.BytesIO(content))
    except (arrow.ArrowException, OSError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("it is no GeoParquet that can be read") from error
    names = [str(name) for name in frame.columns if name not in (frame.geometry.name, _ID)]
    properties = [{n: _plain(v) for n, v in zip(names, row, strict=True)} for row in _rows(frame, names)]
    ids = [_plain(i) for i in frame[_ID]] if _ID in frame.columns else None
    crs = LON_LAT if frame.crs is None or frame.crs.to_authority() == ("OGC", "CRS84") else crs_name(frame.crs)
    return geometries_of(list(frame.geometry), crs, properties, ids)


def _rows(frame: Any, names: list[str]) -> Any:
    return zip(*(frame[name] for name in names), strict=True) if names else (() for _ in range(len(frame)))


def _plain(value: Any) -> Any:
    """A cell as JSON has it; what is missing is None."""
    if isinstance(value, np.ndarray):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return value if isinstance(value, bool | int | float | str | list | dict) else str(value)
