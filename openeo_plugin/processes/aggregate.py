"""Processes that aggregate along time."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from openeo_plugin.cube.dimensions import LabelledDimension
from openeo_plugin.cube.instants import interval
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.callbacks import aggregate_labels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.periods import PERIODS, groups, in_interval
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import LabeledReducer, Labels, TemporalCube, TemporalIntervals

PeriodName = Annotated[str, Schema({"type": "string", "enum": list(PERIODS)})]


def temporal_dimension(cube: Operator, name: str | None) -> LabelledDimension:
    """The temporal dimension called `name`, or the only one.

    Raises: DimensionNotAvailable, TooManyDimensions.
    """
    temporal = cube.description.temporal
    known = ", ".join(d.name for d in temporal) or "none"
    if name is not None:
        found = next((d for d in temporal if d.name == name), None)
        if found is None:
            raise OpenEOError("DimensionNotAvailable", dimension=name, available=known)
        return found
    if not temporal:
        raise OpenEOError("DimensionNotAvailable", dimension="temporal", available=known)
    if len(temporal) > 1:
        raise OpenEOError("TooManyDimensions", available=known)
    return temporal[0]


@process(level="L2", categories=["aggregate", "climatology", "cubes"])
def aggregate_temporal_period(
    data: TemporalCube,
    period: PeriodName,
    reducer: LabeledReducer,
    dimension: str | None = None,
    context: Any = None,
    *,
    environment: Environment,
) -> TemporalCube:
    """Aggregate along time by calendar periods.

    The labels are complete from the first to the last period with data; in a period without data the reducer gets an
    empty array. Days are counted in UTC, weeks as in ISO 8601, dekads from 01 to 36 in a year; a season that runs over
    new year bears the year in which it begins.

    Args:
        data: a cube with a temporal dimension.
        period: the kind of period.
        reducer: gives one value for all values of a period.
        dimension: may be null if there is one temporal dimension.
        context: handed on to the reducer.
    Returns: the same dimensions; the temporal one has a label for each period.
    Raises: TooManyDimensions, DimensionNotAvailable.
    Source: openeo-processes 2.0.0-rc.2, aggregate_temporal_period.
    """
    temporal = temporal_dimension(data, dimension)
    try:
        labels, members = groups([str(label) for label in temporal.labels], period)
    except ValueError:
        reason = f"the labels of the dimension '{temporal.name}' are no instants."
        raise OpenEOError(
            "ProcessParameterInvalid", process="aggregate_temporal_period", parameter="data", reason=reason
        ) from None
    made = replace(temporal, labels=tuple(labels))
    return aggregate_labels(environment.node, data, temporal.name, tuple(members), made, reducer, context)


@process(level="L2", categories=["cubes", "aggregate"])
def aggregate_temporal(
    data: TemporalCube,
    intervals: TemporalIntervals,
    reducer: LabeledReducer,
    labels: Labels = [],  # noqa: B006
    dimension: str | None = None,
    context: Any = None,
    *,
    environment: Environment,
) -> TemporalCube:
    """Aggregate along time by intervals of one's own.

    Args:
        data: a cube with a temporal dimension.
        intervals: start <= t < end each; they may overlap.
        reducer: gives one value for all values of an interval.
        labels: one for each interval; by default the starts of the intervals.
        dimension: may be null if there is one temporal dimension.
        context: handed on to the reducer.
    Returns: the same dimensions; the temporal one has a label for each interval.
    Raises: TooManyDimensions, DimensionNotAvailable, DistinctDimensionLabelsRequired, TemporalExtentEmpty.
    Source: openeo-processes 2.0.0-rc.2, aggregate_temporal.
    """
    temporal = temporal_dimension(data, dimension)
    own = [str(label) for label in temporal.labels]
    members = [in_interval(own, *interval(i, "aggregate_temporal", "intervals")) for i in intervals]
    if labels and len(labels) != len(intervals):
        reason = f"{len(labels)} labels are given for {len(intervals)} intervals."
        raise OpenEOError("ProcessParameterInvalid", process="aggregate_temporal", parameter="labels", reason=reason)
    named = tuple(labels) if labels else tuple(str(start) for start, _ in intervals)
    if len(set(named)) < len(named):
        raise OpenEOError("DistinctDimensionLabelsRequired")
    made = replace(temporal, labels=named)
    return aggregate_labels(environment.node, data, temporal.name, tuple(members), made, reducer, context)
