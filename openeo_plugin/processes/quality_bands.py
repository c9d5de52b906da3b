"""What quality bands of known products say of the atmosphere, and a spectral test for products without one.

All functions work on float32 arrays of stored values, NaN for null, and give probabilities from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from openeo_plugin.cube.pixels import Array

Disturbances = Callable[[Sequence[Array]], Sequence[Array]]


@dataclass(frozen=True)
class QualityBand:
    """A band in which the producer of a product says what disturbs a pixel.

    Args:
        name: of the band, as the product calls it.
        method: of openEO, by which it was made.
        told: how the method and the product are called in the metadata of results.
        labels: of the disturbances, in the order of `decode`.
    """

    name: str
    method: str
    told: str
    labels: tuple[str, ...]
    decode: Disturbances


def flagged(flag: Array, null: Array) -> Array:
    """A layer from 0 to 1 with nulls."""
    return np.where(null, np.float32(np.nan), flag.astype(np.float32))


def bits(values: Array, first: int, count: int = 1) -> Array:
    """A number out of a bit field; 0 where the value is NaN."""
    whole = np.where(np.isnan(values), 0, values).astype(np.int64)
    return (whole >> first) & ((1 << count) - 1)


def scene_classification(bands: Sequence[Array]) -> Sequence[Array]:
    """Cloud and shadow of Sen2Cor's classes: 8 is half a cloud, 9 a cloud, 10 cirrus, 3 a shadow; 0 and 1 are null."""
    (scl,) = bands
    null = np.isnan(scl) | (scl <= 1)
    cloud = np.where(scl == 8, 0.5, np.isin(scl, (9, 10)))
    return [flagged(cloud, null), flagged(scl == 3, null)]


def landsat_quality(bands: Sequence[Array]) -> Sequence[Array]:
    """Cloud, with cirrus, and shadow by the confidences of Landsat Collection 2: none, low, medium, high."""
    (quality,) = bands
    null = np.isnan(quality) | (bits(quality, 0) == 1)
    levels = np.array([0, 0, 0.5, 1], np.float32)  # low confidence is what the product gives to clear pixels
    cloud = np.maximum(levels[bits(quality, 8, 2)], levels[bits(quality, 14, 2)])
    return [flagged(cloud, null), flagged(levels[bits(quality, 10, 2)], null)]


def force_quality(bands: Sequence[Array]) -> Sequence[Array]:
    """Cloud, shadow and aerosol of FORCE's bits: 1 and 2 (buffer, opaque, cirrus), 3, and 6 and 7 (optical depth)."""
    (quality,) = bands
    null = np.isnan(quality) | (bits(quality, 0) == 1)
    cloud = np.array([0, 0.5, 1, 1], np.float32)[bits(quality, 1, 2)]
    return [flagged(cloud, null), flagged(bits(quality, 3), null), flagged(bits(quality, 6, 2) == 2, null)]


def cloud_probability(bands: Sequence[Array]) -> Sequence[Array]:
    """Cloud of s2cloudless' probabilities, stored as 0 to 255."""
    (probability,) = bands
    return [np.clip(probability / np.float32(255), 0, 1)]


QUALITY_BANDS = (
    QualityBand("SCL", "Sen2Cor", "Sen2Cor scene classification", ("cloud", "shadow"), scene_classification),
    QualityBand("QA_PIXEL", "Fmask", "CFMask of Landsat Collection 2 (QA_PIXEL)", ("cloud", "shadow"), landsat_quality),
    QualityBand("QAI", "Fmask", "Fmask of FORCE (QAI)", ("cloud", "shadow", "aerosol"), force_quality),
    QualityBand("CLP", "s2cloudless", "s2cloudless probability (CLP)", ("cloud",), cloud_probability),
)

SIMPLE_METHOD = "Braaten-Cohen-Yang (2015)"


def simple_clouds(bands: Sequence[Array]) -> Sequence[Array]:
    """Clouds by Braaten, Cohen and Yang, from reflectances of green and red, and of the SWIR at 1.6 um if it is there.

    (green > 0.175 and green > red) or green > 0.39; with the SWIR it must be above 0.2 besides, which parts snow.
    """
    green, red, *swir = bands
    null = np.isnan(green) | np.isnan(red)
    cloud = ((green > np.float32(0.175)) & (green > red)) | (green > np.float32(0.39))
    for own in swir:
        null = null | np.isnan(own)
        cloud = cloud & (own > np.float32(0.2))
    return [flagged(cloud, null)]
