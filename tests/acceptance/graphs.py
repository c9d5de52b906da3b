"""Process graphs that several acceptance tests send, as a scientist would build them."""

from __future__ import annotations

import openeo


def masked_median(
    connection: openeo.Connection,
    collection: str,
    bands: list[str],
    mask_band: str,
    cloudy: list[int],
    **extent: object,
) -> openeo.DataCube:
    """The median over time of what is not cloudy: (bands, y, x)."""
    cube = connection.load_collection(collection, bands=bands, **extent)
    classes = connection.load_collection(collection, bands=[mask_band], **extent).band(mask_band)
    is_cloudy = classes == cloudy[0]
    for code in cloudy[1:]:
        is_cloudy = is_cloudy | (classes == code)
    return cube.mask(is_cloudy).reduce_dimension(dimension="t", reducer="median")


def slovenia_ndvi(connection: openeo.Connection, **extent: object) -> openeo.DataCube:
    """NDVI of the cloud-masked median of the Slovenian scenes."""
    median = masked_median(connection, "sentinel-2-l1c-slovenia", ["B04", "B08"], "CLM", [1], **extent)
    return median.ndvi(nir="B08", red="B04")


def synthetic_ndvi(connection: openeo.Connection) -> openeo.DataCube:
    """NDVI of the cloud-masked median of the made-up scenes."""
    median = masked_median(connection, "sentinel-2-l2a-synthetic", ["B04", "B08"], "SCL", [3, 8, 9, 10])
    return median.ndvi(nir="B08", red="B04")
