"""Processes that open one file from outside."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from openeo_plugin.cube.geojson import geometries_of_geojson
from openeo_plugin.cube.geometries import Geometries
from openeo_plugin.egress.policy import EgressError
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.errors import OpenEOError, suggest
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.load import item_cube
from openeo_plugin.processes.load_remote import WebAddress, refused_address
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import RasterCube
from openeo_plugin.sources.found import FoundCollection, FoundItem
from openeo_plugin.sources.geoparquet import geometries_of_geoparquet
from openeo_plugin.sources.input_formats import GEOJSON, GTIFF, MAX_GEOJSON_BYTES, input_format, input_formats
from openeo_plugin.sources.item_cube import ItemCube
from openeo_plugin.sources.remote_items import UnreadableAssetError, remote_items

InputFormat = Annotated[str, Schema({"type": "string", "subtype": "input-format"})]
InputOptions = Annotated[dict[str, Any], Schema({"type": "object", "subtype": "input-format-options"})]


@process(level="L3", categories=["cubes", "import"], experimental=True)
def load_url(
    url: WebAddress,
    format: InputFormat,
    options: InputOptions = {},  # noqa: B006
    *,
    environment: Environment,
) -> RasterCube:
    """Load a file from the web.

    The file is read as the format that is named, whatever its name or its server say of it.

    Args:
        url: of the file. Only addresses that the back-end may reach are fetched.
        format: GeoJSON, GTiff or Parquet, in upper or lower case.
        options: of the format; there are none.
    Returns: a vector cube for GeoJSON and Parquet; for GTiff a cube with bands, y and x.
    Raises: FormatUnsuitable.
    Source: openeo-processes 2.0.0-rc.2, load_url.
    """
    name = input_format(format)
    if name is None:
        known = list(input_formats())
        reason = f"'{format}' is no input format. There are: {', '.join(known)}.{suggest(format, known)}"
        raise OpenEOError("ProcessParameterInvalid", process="load_url", parameter="format", reason=reason)
    if options:
        reason = f"the format {name} takes no options."
        raise OpenEOError("ProcessParameterInvalid", process="load_url", parameter="options", reason=reason)
    try:
        if name == GTIFF:
            return _raster(url, environment)
        return LazyVectorCube(environment.node, _geometries(url, name, environment))
    except (EgressError, UnreadableAssetError) as error:
        raise refused_address("load_url", error) from error


def _geometries(url: str, name: str, environment: Environment) -> Geometries:
    egress = environment.outside.egress
    content = egress.fetch(url, max_bytes=MAX_GEOJSON_BYTES if name == GEOJSON else None).body
    try:
        return geometries_of_geojson(_json(content)) if name == GEOJSON else geometries_of_geoparquet(content)
    except ValueError as error:
        raise _unsuitable(name, str(error)) from error


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None


def _raster(url: str, environment: Environment) -> ItemCube:
    """The file as the only asset of an item, and its cube without the time that the item needs."""
    name = Path(urlsplit(url).path).stem or "file"
    asset = {"href": url, "type": "image/tiff", "roles": ["data"]}
    document = {"type": "Feature", "id": name, "properties": {"datetime": "1970-01-01"}, "assets": {"B1": asset}}
    found = FoundCollection({"id": name}, (FoundItem(document, Path(), name),))
    warnings: list[str] = []
    _, items = remote_items(found, environment.outside.egress, None, warnings)
    if not items:
        raise _unsuitable(GTIFF, warnings[0].rpartition(": ")[2] if warnings else "it holds no raster")
    names = [band["name"] for asset in items[0]["assets"].values() for band in asset["bands"]]
    cube = item_cube(environment.node, items, names, None)
    kept = tuple(d for d in cube.description.dimensions if d.type != "temporal")
    return replace(cube, description=replace(cube.description, dimensions=kept), has_time=False)


def _unsuitable(name: str, reason: str) -> OpenEOError:
    return OpenEOError("FormatUnsuitable", message=f"The data can't be read as {name}: {reason.rstrip('.')}.")
