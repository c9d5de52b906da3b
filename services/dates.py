"""The dates of a cube as the faces name them: TIME of WMTS and WMS, `time` of XYZ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.errors import OpenEOError

DEFAULT_WORDS = frozenset({"", "default", "current"})


@dataclass(frozen=True)
class Dates:
    """The labels of the temporal dimension that a map shows one of.

    Args:
        dimension: its name; None if the cube has no temporal dimension.
        labels: as text, in the cube's order.
        default: index of the label shown when a request names none.
    """

    dimension: str | None
    labels: tuple[str, ...]
    default: int

    @property
    def distinct(self) -> list[str]:
        """Every label once, in chronological order."""
        return sorted(set(self.labels))

    def index(self, requested: str | None) -> int:
        """The label a request means: a label, an instant, a day or month (its last label), or `start/end`.

        Anything is taken where the cube has no dates.

        Raises: RequestInvalid if there is no such label.
        """
        if not self.labels or requested is None or requested.lower() in DEFAULT_WORDS:
            return self.default
        found = _matching(self.labels, requested.strip())
        if not found:
            first, last = self.distinct[0], self.distinct[-1]
            reason = f"there is no date '{requested[:64]}'; there are {len(self.distinct)} from {first} to {last}"
            raise OpenEOError("RequestInvalid", reason=reason)
        return max(found, key=lambda i: (self.labels[i], i))

    def label(self, requested: str | None) -> str | None:
        """The label a request means as text, None where the cube has no dates.

        Raises: RequestInvalid.
        """
        return self.labels[self.index(requested)] if self.labels else None


def dates_of(description: CubeDescription, default: str | None) -> Dates:
    """The dates of a cube; `default` as in `Dates.index`, the latest for None.

    Raises: ServiceConfigInvalid if there is no such date.
    """
    if not description.temporal or not description.temporal[0].labels:
        return Dates(None, (), 0)
    dimension = description.temporal[0]
    labels = tuple(str(label) for label in dimension.labels)
    latest = max(range(len(labels)), key=lambda i: (labels[i], i))
    dates = Dates(dimension.name, labels, latest)
    try:
        return Dates(dimension.name, labels, dates.index(default))
    except OpenEOError as error:
        reason = str(error.details.get("reason"))
        raise OpenEOError("ServiceConfigInvalid", parameter="time", reason=reason) from error


def selection(description: CubeDescription, dates: Dates, index: int) -> Mapping[str, Sequence[int]]:
    """One label of every labelled dimension: the date, the latest of further dates, the first of all others."""
    chosen: dict[str, Sequence[int]] = {}
    for dimension in description.labelled:
        if dimension.name == dates.dimension:
            chosen[dimension.name] = (index,)
        else:
            chosen[dimension.name] = (len(dimension.labels) - 1 if dimension.type == "temporal" else 0,)
    return chosen


def _matching(labels: Sequence[str], requested: str) -> list[int]:
    exact = [i for i, label in enumerate(labels) if label == requested]
    if exact or not requested:
        return exact
    if "/" in requested:
        return _within(labels, requested)
    wanted = _instant(requested)
    if wanted is not None and len(requested) > 10:
        return [i for i, label in enumerate(labels) if _instant(label) == wanted]
    if len(requested) in (4, 7, 10):
        return [i for i, label in enumerate(labels) if label.startswith(requested)]
    return []


def _within(labels: Sequence[str], requested: str) -> list[int]:
    ends = requested.split("/")
    start, end = (_instant(ends[0]), _instant(ends[1])) if len(ends) == 2 else (None, None)
    if start is None or end is None:
        return []
    instants = [_instant(label) for label in labels]
    return [i for i, instant in enumerate(instants) if instant is not None and start <= instant <= end]


def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
