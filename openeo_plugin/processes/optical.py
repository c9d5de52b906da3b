"""Clouds and the atmosphere in optical images, by published methods, for what the bands' metadata declare suitable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension
from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.spectral import BandCompute, BandFunction, DarkObjectSubtraction
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.quality_bands import (
    QUALITY_BANDS,
    SIMPLE_METHOD,
    QualityBand,
    bits,
    flagged,
    simple_clouds,
)
from openeo_plugin.processes.types import SpatialBandsCube

_CLOUD_METHODS: dict[str, Any] = {"type": "string", "enum": ["Fmask", "s2cloudless", "Sen2Cor"]}
_AIR_METHODS: dict[str, Any] = {"type": "string", "enum": ["FORCE", "iCOR"]}
CloudMethod = Annotated[str, Schema(_CLOUD_METHODS)]
CloudMethodOrNull = Annotated[str | None, Schema([_CLOUD_METHODS, {"type": "null"}])]
AirMethod = Annotated[str, Schema(_AIR_METHODS)]
AirMethodOrNull = Annotated[str | None, Schema([_AIR_METHODS, {"type": "null"}])]
ElevationModel = Annotated[str | None, Schema([{"type": "string", "subtype": "collection-id"}, {"type": "null"}])]
NoOptions = Annotated[dict[str, Any], Schema({"type": "object", "additionalProperties": False})]

DARK_OBJECTS = "dark-object subtraction (Chavez 1988), dark objects at 1 %"


@process(level="L3", categories=["cubes", "optical"], experimental=True)
def cloud_detection(
    data: SpatialBandsCube,
    method: CloudMethodOrNull,
    options: NoOptions = {},  # noqa: B006
    *,
    environment: Environment,
) -> SpatialBandsCube:
    """Tell clouds, and where the data say so their shadows, from clear pixels.

    What the producer of a product found is used where the cube holds it: the bands `SCL` (Sen2Cor), `QA_PIXEL` and
    `QAI` (Fmask) and `CLP` (s2cloudless). Without a method and without such a band, top-of-atmosphere reflectances are
    tested as Braaten, Cohen and Yang (2015) do: green above 0.39, or above 0.175 and above red; a band at 1.6 um
    (`swir16`) must be above 0.2 besides, if there is one. Bands are found by their common names; stored integers
    need the scale that turns them into reflectance. The description of every resulting band names the method.

    Args:
        data: a cube with x, y and bands.
        method: Fmask, s2cloudless and Sen2Cor need the band of that product. Null takes what there is.
        options: there are none.
    Returns: bands `cloud`, `shadow` and `aerosol`, as far as the method tells them, from 0 (clear) to 1.
    Source: openeo-processes 2.0.0-rc.2, cloud_detection; Braaten, Cohen and Yang 2015, Remote Sens. Environ. 169.
    """
    bands_dimension(data, "cloud_detection")
    quality = _quality(data.description.bands, method)
    if quality is not None:
        known, place = quality
        return made_bands(environment.node, data, known.labels, (place,), known.decode, known.told)
    if method is not None:
        needed = " or ".join(known.name for known in QUALITY_BANDS if known.method == method)
        reason = f"'{method}' can't be computed here; it is read from the band {needed}, which the cube lacks."
        raise _refused("cloud_detection", "method", reason)
    return _simple(data, environment)


def bands_dimension(cube: Operator, process_id: str) -> BandsDimension:
    """The bands dimension. Raises: ProcessParameterInvalid."""
    found = cube.description.bands_dimension
    if found is None:
        raise _refused(process_id, "data", "a cube with a dimension of bands is needed.")
    return found


def _quality(bands: Sequence[Band], method: str | None) -> tuple[QualityBand, int] | None:
    """The first known quality band (of a method), and where it is."""
    for known in QUALITY_BANDS:
        for place, band in enumerate(bands):
            if band.is_called(known.name) and method in (None, known.method):
                return known, place
    return None


def _simple(data: Operator, environment: Environment) -> BandFunction:
    bands = data.description.bands
    places = [_called(bands, name) for name in ("green", "red", "swir16")]
    if places[0] is None or places[1] is None:
        known = ", ".join(known.name for known in QUALITY_BANDS)
        reason = f"clouds need a band {known}, or bands with the common names green and red."
        raise _refused("cloud_detection", "data", reason)
    read = tuple(place for place in places if place is not None)
    linear = [linear_of(bands[place], "cloud_detection") for place in read]

    def detect(values: Sequence[Array]) -> Sequence[Array]:
        return simple_clouds([_applied(v, own) for v, own in zip(values, linear, strict=True)])

    return made_bands(environment.node, data, ("cloud",), read, detect, SIMPLE_METHOD)


def _called(bands: Sequence[Band], name: str) -> int | None:
    return next((place for place, band in enumerate(bands) if name in (band.common_name, band.name)), None)


def linear_of(band: Band, process_id: str) -> tuple[float, float]:
    """(scale, offset) that turn stored values into reflectance.

    Raises: ProcessParameterInvalid, if neither the type nor the metadata say that there is reflectance.
    """
    if band.dtype.kind != "f" and band.scale == 1:
        reason = f"the band '{band.name}' holds whole numbers without a scale; nothing says that it is reflectance."
        raise _refused(process_id, "data", reason)
    return band.scale, band.offset


def _applied(values: Array, linear: tuple[float, float]) -> Array:
    scale, offset = linear
    found: Array = values * np.float32(scale) + np.float32(offset)
    return found


def made_bands(
    node: str, data: Operator, labels: Sequence[str], read: Sequence[int], function: BandCompute, told: str
) -> BandFunction:
    """A cube with new bands in place of the old ones; their descriptions name the method."""
    bands = tuple(made_band(label, told) for label in labels)
    return BandFunction(node, (data,), with_bands(data.description, bands), tuple(read), function)


def made_band(label: str, told: str, like: Band | None = None) -> Band:
    """A computed band: float32, NaN for null."""
    common = (like.common_name, like.center_wavelength_um) if like else (None, None)
    return Band(
        label, np.dtype(np.float32), np.nan, common_name=common[0], center_wavelength_um=common[1],
        description=f"Method: {told}",
    )  # fmt: skip


def with_bands(description: CubeDescription, bands: tuple[Band, ...]) -> CubeDescription:
    """The description with other bands."""
    dimension = description.bands_dimension
    assert dimension is not None
    named = description.with_dimension(dimension.name, replace(dimension, labels=tuple(b.name for b in bands)))
    return replace(named, bands=bands)


@process(level="L4", categories=["cubes", "optical"], experimental=True)
def atmospheric_correction(
    data: SpatialBandsCube,
    method: AirMethodOrNull,
    elevation_model: ElevationModel = None,
    options: NoOptions = {},  # noqa: B006
    *,
    environment: Environment,
) -> SpatialBandsCube:
    """Estimate surface reflectance from top-of-atmosphere reflectance.

    Dark-object subtraction (Chavez 1988): in each band and at each time the darkest thousandth of all pixels of the
    cube is taken to reflect 1 %; what it shows beyond that is subtracted everywhere. Transmittance is not corrected,
    and a scene without dark objects stays as it is. All bands must be optical, that is have a common name or a
    wavelength, and hold reflectance. The description of every resulting band names the method.

    Args:
        data: a cube with x, y and bands.
        method: null. FORCE and iCOR are not available.
        elevation_model: null; the method uses none.
        options: there are none.
    Returns: the same bands, as reflectance from 0.
    Raises: DigitalElevationModelInvalid.
    Source: openeo-processes 2.0.0-rc.2, atmospheric_correction; Chavez 1988, Remote Sensing of Environment 24.
    """
    bands_dimension(data, "atmospheric_correction")
    if method is not None:
        reason = f"the atmospheric correction '{method}' is not available; null stands for {DARK_OBJECTS}."
        raise _refused("atmospheric_correction", "method", reason)
    if elevation_model is not None:
        raise OpenEOError("DigitalElevationModelInvalid", reason="the method uses no elevation model; leave it out.")
    bands = data.description.bands
    for band in bands:
        if band.common_name is None and band.center_wavelength_um is None:
            reason = f"nothing says that the band '{band.name}' is optical; leave it out with filter_bands."
            raise _refused("atmospheric_correction", "data", reason)
    linear = tuple(linear_of(band, "atmospheric_correction") for band in bands)
    made = tuple(made_band(band.name, DARK_OBJECTS, band) for band in bands)
    return DarkObjectSubtraction(environment.node, (data,), with_bands(data.description, made), linear)


_ARD_LABELS = ("incomplete-testing", "saturation", "cloud", "shadow", "aerosol", "snow-ice", "land-water")
_FORCE = "FORCE level 2 (reflectance and QAI as produced)"


@process(level="L3-ARD", categories=["cubes", "optical", "ard"], experimental=True)
def ard_surface_reflectance(
    data: SpatialBandsCube,
    atmospheric_correction_method: AirMethod,
    cloud_detection_method: CloudMethod,
    elevation_model: ElevationModel = None,
    atmospheric_correction_options: NoOptions = {},  # noqa: B006
    cloud_detection_options: NoOptions = {},  # noqa: B006
    *,
    environment: Environment,
) -> SpatialBandsCube:
    """Give analysis-ready surface reflectance with the quality bands of CARD4L.

    The methods that can be named are no part of this back-end, so what counts is what the data say of themselves:
    products that FORCE made (surface reflectance with the band `QAI`, whose clouds come from Fmask) are brought into
    the form of the specification. Clouds and shadows are set to null in the spectral bands. Anything else is refused.

    Args:
        data: a cube with x, y and bands, `QAI` among them; the others hold reflectance.
        atmospheric_correction_method: FORCE.
        cloud_detection_method: Fmask, as FORCE has it.
        elevation_model: null; the terrain is corrected in the product.
        atmospheric_correction_options: there are none.
        cloud_detection_options: there are none.
    Returns: the spectral bands as reflectance, then incomplete-testing, saturation, cloud, shadow, aerosol, snow-ice
        and land-water.
    Source: openeo-processes 2.0.0-rc.2, ard_surface_reflectance; FORCE, quality bits of level 2.
    """
    bands_dimension(data, "ard_surface_reflectance")
    bands = data.description.bands
    quality = next((place for place, band in enumerate(bands) if band.is_called("QAI")), None)
    if (atmospheric_correction_method, cloud_detection_method) != ("FORCE", "Fmask") or quality is None:
        reason = (
            "surface reflectance is not computed here, only taken over from products of FORCE: a cube with the band "
            "QAI, with the methods FORCE and Fmask."
        )
        raise _refused("ard_surface_reflectance", "data", reason)
    if elevation_model is not None:
        reason = "the terrain is corrected in the product; leave the elevation model out."
        raise _refused("ard_surface_reflectance", "elevation_model", reason)
    spectral = [place for place in range(len(bands)) if place != quality]
    linear = [linear_of(bands[place], "ard_surface_reflectance") for place in spectral]
    made = [made_band(bands[place].name, _FORCE, bands[place]) for place in spectral]
    made += [made_band(label, _FORCE) for label in _ARD_LABELS]

    def ready(values: Sequence[Array]) -> Sequence[Array]:
        told = _force_layers(values[0])
        clear = (told["cloud"] < 1) & (told["shadow"] < 1)  # False where null
        reflectance = [_applied(v, own) for v, own in zip(values[1:], linear, strict=True)]
        return [*(np.where(clear, r, np.float32(np.nan)) for r in reflectance), *(told[name] for name in _ARD_LABELS)]

    described = with_bands(data.description, tuple(made))
    return BandFunction(environment.node, (data,), described, (quality, *spectral), ready)


def _force_layers(quality: Array) -> dict[str, Array]:
    """The layers of CARD4L in FORCE's quality bits; null where the pixel has no data, but for `incomplete-testing`."""
    null = np.isnan(quality) | (bits(quality, 0) == 1)

    return {
        "incomplete-testing": null.astype(np.float32),
        "saturation": flagged(bits(quality, 9), null),
        "cloud": flagged(np.array([0, 0.5, 1, 1], np.float32)[bits(quality, 1, 2)], null),
        "shadow": flagged(bits(quality, 3), null),
        "aerosol": flagged(bits(quality, 6, 2) == 2, null),
        "snow-ice": flagged(bits(quality, 4), null),
        "land-water": flagged(1 - bits(quality, 5), null),
    }


def _refused(process_id: str, parameter: str, reason: str) -> OpenEOError:
    return OpenEOError("ProcessParameterInvalid", process=process_id, parameter=parameter, reason=reason)
