"""Processes that aggregate along time."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import time
from typing import Annotated, Any

from openeo_plugin.cube.dimensions import LabelledDimension
from openeo_plugin.cube.instants import interval
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.callbacks import aggregate_labels
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.periods import PERIODS, at_times, groups, in_interval
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import LabeledReducer, TemporalCube, TemporalIntervals

_TIME = re.compile(r"^\d{2}:\d{2}:\d{2}$")

_LABELS = {"type": "array", "items": {"type": ["number", "string"]}}
IntervalLabels = Annotated[list[Any], Schema({**_LABELS, "uniqueItems": True}, accepts=[_LABELS])]
"""Labels that are equal have an error of their own."""

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
    labels: IntervalLabels = [],  # noqa: B006
    dimension: str | None = None,
    context: Any = None,
    *,
    environment: Environment,
) -> TemporalCube:
    """Aggregate along time by intervals of one's own.

    Args:
        data: a cube with a temporal dimension.
        intervals: start <= t < end each; they may overlap. With times of day (in UTC) instead of instants, every day
            counts; one that ends before it starts goes over midnight.
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
    try:
        members = [_members(own, i) for i in intervals]
    except ValueError:
        reason = f"the labels of the dimension '{temporal.name}' are no instants."
        raise _refused("data", reason) from None
    if labels and len(labels) != len(intervals):
        raise _refused("labels", f"{len(labels)} labels are given for {len(intervals)} intervals.")
    named = tuple(labels) if labels else _starts(intervals)
    if len(set(named)) < len(named):
        raise OpenEOError("DistinctDimensionLabelsRequired")
    made = replace(temporal, labels=named)
    return aggregate_labels(environment.node, data, temporal.name, tuple(members), made, reducer, context)


def _refused(parameter: str, reason: str) -> OpenEOError:
    return OpenEOError("ProcessParameterInvalid", process="aggregate_temporal", parameter=parameter, reason=reason)


def _starts(intervals: list[Any]) -> tuple[str, ...]:
    if any(start is None for start, _ in intervals):
        raise _refused("labels", "an interval with an open start has no label by itself; give labels.")
    return tuple(str(start) for start, _ in intervals)


def _members(labels: list[str], extent: Any) -> tuple[int, ...]:
    """Indices of the labels in an interval of instants, or of times of day.

    Raises: ProcessParameterInvalid, TemporalExtentEmpty; ValueError if a label is no instant.
    """
    given = [end for end in extent if end is not None]
    if not given or not all(isinstance(end, str) and _TIME.match(end) for end in given):
        return in_interval(labels, *interval(extent, "aggregate_temporal", "intervals"))
    try:
        start, end = (None if text is None else time.fromisoformat(text) for text in extent)
    except ValueError:
        raise _refused("intervals", f"{extent} are no times of day.") from None
    if start == end:
        raise OpenEOError("TemporalExtentEmpty")
    return at_times(labels, start, end)
