"""Processes that hand results on."""

from __future__ import annotations

from typing import Annotated, Any

from openeo_plugin.processes.environment import Environment, SavedResult
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import RasterCube, Stac

OutputFormat = Annotated[str, Schema({"type": "string", "subtype": "output-format"})]
OutputOptions = Annotated[dict[str, Any], Schema({"type": "object", "subtype": "output-format-options"})]


@process(level="L1", categories=["cubes", "export", "stac"], takes_vectors=True)
def save_result(
    data: RasterCube,
    format: OutputFormat,
    options: OutputOptions = {},  # noqa: B006
    *,
    environment: Environment,
) -> Stac:
    """Store a cube in a file format.

    Args:
        data: what is to be stored.
        format: name of a file format, in upper or lower case.
        options: of the format.
    Returns: the stored result as a STAC resource.
    Raises: FormatUnsuitable, DataCubeEmpty.
    Source: openeo-processes 2.0.0-rc.2, save_result.
    """
    return environment.save(SavedResult(environment.node, format, options, data))
