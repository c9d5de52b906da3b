"""Processes for those who write process graphs."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.engine.operator import Operator
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import Anything

Level = Annotated[str, Schema({"type": "string", "enum": ["error", "warning", "info", "debug"]})]

LOGGER = logging.getLogger(__name__)
SHOWN_CHARACTERS = 1000


@process(level="L2", categories=["development"])
def inspect(data: Anything, message: str = "", code: str = "User", level: Level = "info") -> Anything:
    """Write a value into the logs.

    Meant for looking into a process graph while it is being written. Of large things, such as data cubes and pixels,
    a summary is logged. The value itself goes on as it is.

    Args:
        data: the value.
        message: what is to be said about it.
        code: a label by which the entry can be found again.
        level: severity of the entry.
    Returns: the value, unchanged.
    Source: openeo-processes 2.0.0-rc.2, inspect.
    """
    LOGGER.log(logging.getLevelNamesMapping()[level.upper()], "[%s] %s%s", code, _lead(message), summary(data))
    return data


def _lead(message: str) -> str:
    return f"{message}: " if message else ""


def summary(data: Any) -> str:
    """A value in few words."""
    if isinstance(data, Pixels):
        return f"pixels of shape {data.shape}, {data.dtype}"
    if isinstance(data, Lanes):
        return f"array of {len(data)} elements, labels {data.labels}"
    if isinstance(data, Operator):
        dimensions = ", ".join(
            f"{d} ({n})" for d, n in zip(data.description.names, data.description.shape, strict=True)
        )
        return f"data cube with {dimensions}"
    text = repr(data)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + " ..."
