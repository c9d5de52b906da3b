"""Resampling along time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np

from openeo_plugin.cube.dimensions import Label, LabelledDimension
from openeo_plugin.cube.instants import parse_instant
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.nearest import FirstValid
from openeo_plugin.engine.operators.select import Describe
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.filter import select_labels
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import TemporalCube

_DAY_US = 86_400_000_000

Days = Annotated[float | None, Schema({"type": ["number", "null"]})]


@process(level="L3", categories=["cubes", "reproject"])
def resample_cube_temporal(
    data: TemporalCube,
    target: TemporalCube,
    dimension: str | None = None,
    valid_within: Days = None,
    *,
    environment: Environment,
) -> TemporalCube:
    """Give a cube the temporal labels of another one, with the values nearest in time.

    Of two labels equally near the earlier one counts. Values are not interpolated, and one may be taken more than once.

    Args:
        data: a cube with temporal dimensions.
        target: the cube whose temporal labels are taken.
        dimension: a temporal dimension of both; null for all that both have.
        valid_within: only valid values (neither null nor NaN nor infinite) less than so many days before or after
            count, and the nearest one of them is taken; where there is none the value is null. With null for this
            parameter the nearest label counts, whatever its value.
    Returns: the same dimensions; the temporal ones have the labels of the target.
    Raises: DimensionMismatch, DimensionNotAvailable.
    Source: openeo-processes 2.0.0-rc.2, resample_cube_temporal.
    """
    cube: Operator = data
    for name in _shared(data, target, dimension):
        wanted = next(d for d in target.description.temporal if d.name == name)
        cube = _resampled(environment.node, cube, wanted, valid_within)
    return cube


def _shared(data: Operator, target: Operator, name: str | None) -> list[str]:
    """Names of the temporal dimensions to be resampled.

    Raises: DimensionMismatch, DimensionNotAvailable.
    """
    temporal = [[d.name for d in cube.description.temporal] for cube in (data, target)]
    if name is None:
        shared = [n for n in temporal[0] if n in temporal[1]]
        if not shared:
            raise OpenEOError("DimensionMismatch", reason="there is none of the same name in both cubes.")
        return shared
    for cube, names in zip((data, target), temporal, strict=True):
        cube.description.dimension(name)
        if name not in names:
            raise OpenEOError("DimensionMismatch", reason=f"the dimension '{name}' is not temporal in both cubes.")
    return [name]


def _instants_us(labels: Sequence[Label], name: str) -> list[int]:
    try:
        return [int(parse_instant(str(label)).astype("datetime64[us]").astype(np.int64)) for label in labels]
    except ValueError:
        raise OpenEOError("DimensionMismatch", reason=f"labels of the dimension '{name}' are no instants.") from None


def _resampled(node: str, cube: Operator, target: LabelledDimension, valid_within: float | None) -> Operator:
    description = cube.description
    own = next(d for d in description.temporal if d.name == target.name)
    given, wanted = _instants_us(own.labels, own.name), _instants_us(target.labels, own.name)
    if not given and wanted:
        raise OpenEOError("NoDataAvailable")
    ranked = [sorted(range(len(given)), key=lambda i, at=at: (abs(given[i] - at), given[i])) for at in wanted]  # type: ignore[misc]
    changed = description.with_dimension(own.name, replace(own, labels=target.labels))
    if valid_within is None:
        chosen = select_labels(node, cube, own.name, [order[0] for order in ranked])
        return Describe(node, (chosen,), changed)
    limit = valid_within * _DAY_US
    candidates = tuple(
        tuple(i for i in order if abs(given[i] - at) < limit) for order, at in zip(ranked, wanted, strict=True)
    )
    bands = tuple(replace(band, nullable=True) for band in description.bands)
    return FirstValid(node, (cube,), replace(changed, bands=bands), description.axis(own.name), candidates)
