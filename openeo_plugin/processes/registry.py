"""Which processes there are: the families, listed once."""

from __future__ import annotations

import functools
import inspect
from types import ModuleType

from openeo_plugin.graph.definition import ProcessDefinition
from openeo_plugin.processes import (
    aggregate,
    aggregate_spatial,
    apply,
    arithmetic,
    array_callbacks,
    array_elements,
    arrays,
    climatology,
    combine,
    comparison,
    constants,
    create,
    cumulative,
    curves,
    dates,
    development,
    dimensions,
    export,
    filter,
    flatten,
    indices,
    interpolation,
    load,
    load_file,
    load_remote,
    logic,
    neighborhood,
    ogcapi,
    optical,
    picks,
    radar,
    resample_space,
    resample_time,
    rounding,
    sampling,
    sorting,
    spatial_masks,
    stac,
    statistics,
    texts,
    trigonometry,
    trim,
    vectors,
)

FAMILIES: tuple[ModuleType, ...] = (
    aggregate,
    aggregate_spatial,
    apply,
    arithmetic,
    array_callbacks,
    array_elements,
    arrays,
    climatology,
    combine,
    comparison,
    constants,
    create,
    cumulative,
    curves,
    dates,
    development,
    dimensions,
    export,
    filter,
    flatten,
    indices,
    interpolation,
    load,
    load_file,
    load_remote,
    logic,
    neighborhood,
    ogcapi,
    optical,
    picks,
    radar,
    resample_space,
    resample_time,
    rounding,
    sampling,
    sorting,
    spatial_masks,
    stac,
    statistics,
    texts,
    trigonometry,
    trim,
    vectors,
)


def definitions_in(family: ModuleType) -> list[ProcessDefinition]:
    """The processes that a family defines, in the order of its file."""
    found = [f for _, f in inspect.getmembers(family, inspect.isfunction) if hasattr(f, "definition")]
    own = [f for f in found if f.__module__ == family.__name__]
    return [f.definition for f in sorted(own, key=lambda f: inspect.unwrap(f).__code__.co_firstlineno)]


@functools.cache
def predefined() -> dict[str, ProcessDefinition]:
    """All predefined processes by id."""
    return {d.id: d for family in FAMILIES for d in definitions_in(family)}
