"""Radar backscatter of calibrated products: coefficients turned into one another by the angle of incidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.pixels import Array
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.spectral import BandFunction
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.optical import ElevationModel, NoOptions, bands_dimension, made_band, with_bands
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import Boolean, SpatialBandsCube

_COEFFICIENTS = ["beta0", "sigma0-ellipsoid", "sigma0-terrain", "gamma0-ellipsoid", "gamma0-terrain"]
Coefficient = Annotated[str | None, Schema([{"type": "string", "enum": _COEFFICIENTS}, {"type": "null"}])]
_DECLARED = re.compile(r"\b(beta|sigma|gamma)[ _-]?(?:0|nought|naught|zero)(?![a-z])", re.IGNORECASE)
_TERRAIN = re.compile(r"terrain|rtc|flattened", re.IGNORECASE)
_EXTRA = ("contributing_area", "local_incidence_angle", "ellipsoid_incidence_angle")
_ANGLE = "ellipsoid_incidence_angle"

# From one coefficient on the ellipsoid to another: the power of the sine and of the cosine of the angle of incidence.
_POWERS = {"beta0": (0, 0), "sigma0-ellipsoid": (1, 0), "gamma0-ellipsoid": (1, -1)}

NormalizedCoefficient = "gamma0-terrain"


@process(level="L4", categories=["cubes", "sar"], experimental=True)
def sar_backscatter(
    data: SpatialBandsCube,
    coefficient: Coefficient = "gamma0-terrain",
    elevation_model: ElevationModel = None,
    mask: Boolean = False,
    contributing_area: Boolean = False,
    local_incidence_angle: Boolean = False,
    ellipsoid_incidence_angle: Boolean = False,
    noise_removal: Boolean = True,
    options: NoOptions = {},  # noqa: B006
    *,
    environment: Environment,
) -> SpatialBandsCube:
    """Give radar backscatter in a coefficient, in linear scale.

    Calibration from raw products needs their annotations, which a cube does not hold. So bands must be calibrated
    already and their metadata must say to what: name or description holds `beta0`, `sigma0` or `gamma0`, with
    `terrain` or `RTC` where the terrain is accounted for; the unit `dB` is turned into linear scale. Coefficients on
    the ellipsoid are turned into one another where a band `ellipsoid_incidence_angle` in degrees is there: sigma0 =
    beta0 sin(angle), gamma0 = sigma0 / cos(angle). Coefficients of the terrain are only handed on.

    Args:
        data: a cube with x, y and bands.
        coefficient: the one wanted; null hands on what is declared.
        elevation_model: null; what is corrected for the terrain was so by its producer.
        mask: whether a band `mask` is added: 1 where all polarisations have a value, else 0.
        contributing_area: whether the band of this name is kept; the data must have it. In square metres.
        local_incidence_angle: the same, in degrees.
        ellipsoid_incidence_angle: the same, in degrees.
        noise_removal: calibrated products had their noise removed by their producer, so nothing is left to do.
        options: there are none.
    Returns: the polarisations, then the bands that were asked for.
    Raises: DigitalElevationModelInvalid.
    Source: openeo-processes 2.0.0-rc.2, sar_backscatter; Small 2011, IEEE TGRS 49 (8), for the coefficients.
    """
    wanted = {
        "contributing_area": contributing_area,
        "local_incidence_angle": local_incidence_angle,
        "ellipsoid_incidence_angle": ellipsoid_incidence_angle,
    }
    kept = [name for name, asked in wanted.items() if asked]
    return _backscatter(data, coefficient, elevation_model, kept, mask, environment, "sar_backscatter")


@process(level="L3-ARD", categories=["cubes", "sar", "ard"], experimental=True)
def ard_normalized_radar_backscatter(
    data: SpatialBandsCube,
    elevation_model: ElevationModel = None,
    contributing_area: Boolean = False,
    ellipsoid_incidence_angle: Boolean = False,
    noise_removal: Boolean = True,
    options: NoOptions = {},  # noqa: B006
    *,
    environment: Environment,
) -> SpatialBandsCube:
    """Give analysis-ready radar backscatter: gamma0 of the terrain with the bands of CARD4L.

    This is `sar_backscatter` with the coefficient `gamma0-terrain`, a mask and the local angle of incidence. The data
    must be a product that its metadata declare to be gamma0 of the terrain, with a band `local_incidence_angle`.

    Args:
        data: a cube with x, y and bands.
        elevation_model: null; the terrain was accounted for by the producer.
        contributing_area: whether the band of this name is kept; the data must have it. In square metres.
        ellipsoid_incidence_angle: the same, in degrees.
        noise_removal: the producer removed it, so nothing is left to do.
        options: there are none.
    Returns: the polarisations in linear scale, `mask`, `local_incidence_angle`, and what was asked for.
    Raises: DigitalElevationModelInvalid.
    Source: openeo-processes 2.0.0-rc.2, ard_normalized_radar_backscatter.
    """
    kept = ["contributing_area"] * contributing_area + ["local_incidence_angle"]
    kept += ["ellipsoid_incidence_angle"] * ellipsoid_incidence_angle
    process_id = "ard_normalized_radar_backscatter"
    return _backscatter(data, NormalizedCoefficient, elevation_model, kept, True, environment, process_id)


def _backscatter(
    data: Operator,
    coefficient: str | None,
    elevation_model: str | None,
    kept: Sequence[str],
    mask: bool,
    environment: Environment,
    process_id: str,
) -> BandFunction:
    bands_dimension(data, process_id)
    if elevation_model is not None:
        reason = "calibrated products are not corrected again; leave the elevation model out."
        raise OpenEOError("DigitalElevationModelInvalid", reason=reason)
    bands = data.description.bands
    extras = [_extra(bands, name, process_id) for name in kept]
    radar = [place for place, band in enumerate(bands) if not any(band.is_called(name) for name in (*_EXTRA, "mask"))]
    if not radar:
        raise _refused(process_id, "there is no band with backscatter.")
    converters = [_converter(bands[place], coefficient, process_id) for place in radar]
    angle = None
    if any(needs_angle for _, needs_angle, _ in converters):
        angle = _extra(bands, _ANGLE, process_id)
    read = (*radar, *extras, *([] if angle is None else [angle]))

    def compute(values: Sequence[Array]) -> Sequence[Array]:
        angles = np.deg2rad(values[-1]) if angle is not None else None
        made = [convert(v, angles) for (convert, _, _), v in zip(converters, values, strict=False)]
        flags = [np.all([np.isfinite(m) for m in made], axis=0).astype(np.float32)] if mask else []
        return [*made, *flags, *values[len(radar) : len(radar) + len(extras)]]

    made = [made_band(bands[p].name, told, bands[p]) for p, (_, _, told) in zip(radar, converters, strict=True)]
    made += [made_band("mask", "1 where all polarisations have a value")] * mask
    made += [made_band(bands[place].name, "as the product has it") for place in extras]
    return BandFunction(environment.node, (data,), with_bands(data.description, tuple(made)), read, compute)


def _extra(bands: Sequence[Band], name: str, process_id: str) -> int:
    found = next((place for place, band in enumerate(bands) if band.is_called(name)), None)
    if found is None:
        raise _refused(process_id, f"it needs the band '{name}', which the data lack; it can't be computed here.")
    return found


Convert = Callable[[Array, Array | None], Array]


def _converter(band: Band, coefficient: str | None, process_id: str) -> tuple[Convert, bool, str]:
    """(conversion of stored values by the angle in radians, whether it needs the angle, how it is told).

    Raises: ProcessParameterInvalid.
    """
    declared = declared_coefficient(band)
    if declared is None:
        reason = (
            f"nothing says to which coefficient the band '{band.name}' is calibrated: its name or description must "
            "hold beta0, sigma0 or gamma0. Raw products are not calibrated here."
        )
        raise _refused(process_id, reason)
    wanted = coefficient or declared
    if wanted != declared and not {wanted, declared} <= set(_POWERS):
        reason = f"'{declared}', which the band '{band.name}' holds, can't be turned into '{wanted}'."
        raise OpenEOError("ProcessParameterInvalid", process=process_id, parameter="coefficient", reason=reason)
    powers = [0, 0] if wanted == declared else [t - f for t, f in zip(_POWERS[wanted], _POWERS[declared], strict=True)]
    decibel = (band.unit or "").lower() == "db"

    def convert(values: Array, angle: Array | None) -> Array:
        found = values * np.float32(band.scale) + np.float32(band.offset)
        if decibel:
            found = np.power(np.float32(10), found / 10)
        if angle is not None and any(powers):
            found = found * np.sin(angle) ** powers[0] * np.cos(angle) ** powers[1]
        return np.asarray(found, np.float32)

    told = f"{wanted}, linear scale" + ("" if wanted == declared else f", from {declared} by the angle of incidence")
    return convert, any(powers), told


def declared_coefficient(band: Band) -> str | None:
    """The coefficient that a band's name or description declares."""
    text = " ".join(filter(None, [band.name, band.description, *band.aliases])).replace("_", " ")
    found = _DECLARED.search(text)
    if found is None:
        return None
    kind = f"{found[1].lower()}0"
    if kind == "beta0":
        return kind
    return f"{kind}-terrain" if _TERRAIN.search(text) else f"{kind}-ellipsoid"


def _refused(process_id: str, reason: str) -> OpenEOError:
    return OpenEOError("ProcessParameterInvalid", process=process_id, parameter="data", reason=reason)


__all__: list[Any] = ["ard_normalized_radar_backscatter", "declared_coefficient", "sar_backscatter"]
