"""Climate: normals, and how far values are from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from openeo_plugin.cube.dimensions import Label, LabelledDimension
from openeo_plugin.cube.instants import parse_instant
from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.engine.operators.callbacks import aggregate_labels
from openeo_plugin.engine.operators.combine import pairwise
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.aggregate import temporal_dimension
from openeo_plugin.processes.arithmetic import subtract
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.periods import PERIODS
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.statistics import mean
from openeo_plugin.processes.types import TemporalCube

NormalPeriod = Annotated[
    str, Schema({"type": "string", "enum": ["day", "month", "season", "tropical-season", "climatology-period"]})
]
AnomalyPeriod = Annotated[str, Schema({"type": "string", "enum": [*PERIODS, "climatology-period", "single-period"]})]
Years = Annotated[
    list[int],
    Schema(
        {
            "type": "array",
            "uniqueItems": True,
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "integer", "subtype": "year"},
        }
    ),
]
SEASONS = {"djf": 12, "mam": 3, "jja": 6, "son": 9, "ndjfma": 11, "mjjaso": 5}
"""The month in which a season begins."""

_DAY_OF_YEAR = re.compile(r"^(\d{4})-(\d{3})$")
_HOUR = re.compile(r"^\d{4}-\d{2}-\d{2}-(\d{2})$")
_SEASON = re.compile(r"^(\d{4})-([a-z]+)$")


def _moment(label: str) -> datetime:
    """The instant in UTC at which what a label names begins.

    Raises: ValueError.
    """
    day = _DAY_OF_YEAR.match(label)
    if day:
        return datetime(int(day[1]), 1, 1, tzinfo=UTC) + timedelta(days=int(day[2]) - 1)
    season = _SEASON.match(label)
    if season and season[2] in SEASONS:
        return datetime(int(season[1]), SEASONS[season[2]], 1, tzinfo=UTC)
    moment: datetime = parse_instant(label).astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC)


class _Mean:
    """The mean without nulls, as a callback of the engine."""

    tells_null = False

    def __call__(self, data: Lanes, context: Any = None) -> Any:
        return mean(data)  # type: ignore[arg-type]


@process(level="L3-Clim", categories=["cubes", "climatology"])
def climatological_normal(
    data: TemporalCube,
    period: NormalPeriod,
    climatology_period: Years = [1981, 2010],  # noqa: B006
    *,
    environment: Environment,
) -> TemporalCube:
    """Mean of all values of a period of the year over many years.

    A season that runs over new year belongs to the year in which it ends. The first one counts if all its months of the
    year before have data; the one that begins in the last year does not count. Nulls are left out.

    Args:
        data: a cube with one temporal dimension, whose labels are instants or those of aggregate_temporal_period.
        period: what the mean is taken of. Days are counted from 001; 366 is there only if the years have such a day.
        climatology_period: first and last year; the data must reach from one to the other.
    Returns: the same dimensions; labels of time are those of the period without a year, such as `01` to `12`.
    Source: openeo-processes 2.0.0-rc.2, climatological_normal.
    """
    temporal = temporal_dimension(data, None)
    first, last = climatology_period
    if first > last:
        raise _refused("climatological_normal", "climatology_period", f"{first} lies after {last}.")
    whens = _moments(temporal, "climatological_normal")
    years = {when.year for when in whens}
    if not years or min(years) > first or max(years) < last:
        reason = f"the data must reach from {first} to {last}."
        raise _refused("climatological_normal", "data", reason)
    labels, members = _normal_groups(whens, period, first, last)
    made = replace(temporal, labels=labels)
    return aggregate_labels(environment.node, data, temporal.name, members, made, _Mean(), None)


def _refused(process_id: str, parameter: str, reason: str) -> OpenEOError:
    return OpenEOError("ProcessParameterInvalid", process=process_id, parameter=parameter, reason=reason)


def _moments(dimension: LabelledDimension, process_id: str) -> list[datetime]:
    try:
        return [_moment(str(label)) for label in dimension.labels]
    except ValueError:
        reason = f"the labels of the dimension '{dimension.name}' are neither instants nor periods."
        raise _refused(process_id, "data", reason) from None


def _normal_groups(
    whens: Sequence[datetime], period: str, first: int, last: int
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Labels of the normals, and the indices of the data's labels that belong to each."""
    inside = [i for i, when in enumerate(whens) if first <= when.year <= last]
    if period == "climatology-period":
        return ("climatology-period",), (tuple(inside),)
    if period == "month":
        return _grouped(inside, lambda i: f"{whens[i].month:02d}", [f"{m:02d}" for m in range(1, 13)])
    if period == "day":
        days = [f"{d:03d}" for d in range(1, 366)]
        if any(whens[i].timetuple().tm_yday == 366 for i in inside):
            days.append("366")
        return _grouped(inside, lambda i: f"{whens[i].timetuple().tm_yday:03d}", days)
    names = ["djf", "mam", "jja", "son"] if period == "season" else ["ndjfma", "mjjaso"]
    length = 12 // len(names)
    seasons = [_season(when, names, length) for when in whens]
    complete = _complete_first(whens, names[0], first)
    counted = [
        i
        for i, (year, name) in enumerate(seasons)
        if first <= year <= last and (complete or year > first or name != names[0])
    ]
    return _grouped(counted, lambda i: seasons[i][1], names)


def _season(when: datetime, names: Sequence[str], length: int) -> tuple[int, str]:
    """(year in which it ends, name) of the season of an instant."""
    behind = (when.month - SEASONS[names[0]]) % 12
    over_new_year = behind < length and when.month >= SEASONS[names[0]]
    return when.year + over_new_year, names[behind // length]


def _complete_first(whens: Sequence[datetime], name: str, first: int) -> bool:
    """Whether every month of the first season that lies in the year before has data.

    Labels of seasons stand for all their months: they name none but the first ones of seasons.
    """
    there = {when.month for when in whens if when.year == first - 1}
    seasonal = {when.month for when in whens} <= set(SEASONS.values())
    return all(month in there for month in range(SEASONS[name], SEASONS[name] + 1 if seasonal else 13))


def _grouped(
    indices: Sequence[int], key: Callable[[int], str], labels: Sequence[str]
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    members: dict[str, list[int]] = {label: [] for label in labels}
    for index in indices:
        members[key(index)].append(index)
    return tuple(labels), tuple(tuple(members[label]) for label in labels)


def _difference(x: Pixels, y: Pixels) -> Any:
    return subtract(x, y)


@process(level="L3-Clim", categories=["climatology", "cubes", "math"])
def anomaly(
    data: TemporalCube, normals: TemporalCube, period: AnomalyPeriod, *, environment: Environment
) -> TemporalCube:
    """Subtract the normal of its period from every value.

    Args:
        data: a cube with one temporal dimension; its labels are those of aggregate_temporal_period for the period
            (`2020-06`), or instants.
        normals: a cube with one temporal dimension, labelled with periods without a year (`06`); for years and decades
            with their number, for a single period with anything. Otherwise its dimensions and labels are those of
            the data, or missing.
        period: of the normals.
    Returns: the same dimensions and labels as the data.
    Source: openeo-processes 2.0.0-rc.2, anomaly.
    """
    temporal, other = temporal_dimension(data, None), temporal_dimension(normals, None)
    if period in ("climatology-period", "single-period"):
        if len(other.labels) != 1:
            raise _refused("anomaly", "normals", f"expected one label for a {period}, found {len(other.labels)}.")
        places: tuple[int, ...] = (0,) * len(temporal.labels)
    else:
        known = {str(label): i for i, label in enumerate(other.labels)}
        keys = [_key(label, period, temporal.name) for label in temporal.labels]
        missing = next((key for key in keys if key not in known), None)
        if missing is not None:
            raise _refused("anomaly", "normals", f"there is no normal for the {period} '{missing}'.")
        places = tuple(known[key] for key in keys)
    return pairwise(environment.node, data, normals, _difference, {other.name: (temporal.name, places)})


def _key(label: Label, period: str, name: str) -> str:
    """The label of the normal for a label of the data."""
    text = str(label)
    if period == "hour" and (hour := _HOUR.match(text)):
        return hour[1]
    season = _SEASON.match(text)
    if season and season[2] in SEASONS:
        return season[2]
    if period in ("week", "dekad") and re.match(r"^\d{4}-\d{2}$", text):
        return text[5:]
    if period in ("year", "decade", "decade-ad") and re.match(r"^\d{4}$", text):
        return text
    try:
        moment = _moment(text)
    except ValueError:
        reason = f"'{text}' in the dimension '{name}' is neither an instant nor a {period}."
        raise _refused("anomaly", "data", reason) from None
    kind = PERIODS[period]
    made = kind.label(kind.number(moment.replace(tzinfo=None)))
    if period in ("year", "decade", "decade-ad"):
        return made
    return made[-2:] if period == "hour" else made[5:]
