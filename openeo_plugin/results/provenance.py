"""How a result came to be, as far as its job tells: process, software, sources and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from openeo_plugin.formats.times import Span, span_of_labels

_DISTRIBUTION = "pygeoapi-openeo"


class JobRecord(Protocol):
    """What is needed of a job; `db.jobs.Job` has it."""

    @property
    def id(self) -> str:
        """Of the job, and of the collection of its results."""
        ...

    @property
    def owner(self) -> str:
        """Who may see the results."""
        ...

    @property
    def title(self) -> str | None:
        """As the user gave it."""
        ...

    @property
    def description(self) -> str | None:
        """As the user gave it."""
        ...

    @property
    def process(self) -> dict[str, Any]:
        """With `process_graph`."""
        ...

    @property
    def created(self) -> datetime:
        """UTC."""
        ...

    @property
    def updated(self) -> datetime:
        """UTC."""
        ...

    @property
    def started(self) -> datetime | None:
        """UTC."""
        ...

    @property
    def finished(self) -> datetime | None:
        """UTC."""
        ...


def software() -> dict[str, str]:
    """Name and version of what computed the result."""
    try:
        return {_DISTRIBUTION: version(_DISTRIBUTION)}
    except PackageNotFoundError:
        return {_DISTRIBUTION: "unknown"}


def expression(job: JobRecord) -> dict[str, Any]:
    """The process graph in the shape of STAC's processing extension."""
    return {"format": "openeo", "expression": {"process_graph": job.process.get("process_graph", {})}}


def source_collections(job: JobRecord) -> list[str]:
    """Ids of the collections that the graph loads, in its order, callbacks included."""
    found = (arguments.get("id") for process, arguments in _nodes(job.process) if process == "load_collection")
    return list(dict.fromkeys(id_ for id_ in found if isinstance(id_, str)))


def time_of(job: JobRecord) -> Span:
    """The time that a result without a temporal dimension stands for.

    The temporal extents that the graph asks for; failing that, the moment at which the job was created.
    """
    bounds: list[str] = []
    for _, arguments in _nodes(job.process):
        extent = arguments.get("temporal_extent")
        if isinstance(extent, list):
            bounds += [bound for bound in extent if isinstance(bound, str)]
    span = span_of_labels(bounds, bounds)
    return span if span != Span() else Span(datetime=moment(job.created))


def moment(time: datetime) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _nodes(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(process, arguments) of every node below a JSON value."""
    if isinstance(value, Mapping):
        if isinstance(value.get("process_id"), str) and isinstance(value.get("arguments"), Mapping):
            yield value["process_id"], value["arguments"]
        for item in value.values():
            yield from _nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from _nodes(item)
