"""Collections and results as coverages at `/collections/{id}/coverage`: the same plan as everything else.

request -> `coverage.part_of` -> plan.read -> GeoTIFF (`coverage_file`) or CoverageJSON (`coverage_json`)
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pygeoapi.provider.base import BaseProvider

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.engine.plan import Plan
from openeo_plugin.errors import OpenEOError
from openeo_plugin.ogcapi.coverage import Part, Query, part_of
from openeo_plugin.ogcapi.coverage_file import write_geotiff
from openeo_plugin.ogcapi.coverage_json import coverage_json
from openeo_plugin.ogcapi.coverage_pixels import read_part
from openeo_plugin.ogcapi.failures import invalid, too_large, translated
from openeo_plugin.ogcapi.resources import GEOTIFF
from openeo_plugin.ogcapi.scope import current_scope

JSON_BYTES_PER_VALUE = 64  # a Python number in a list, and its text


class CoverageProvider(BaseProvider):
    """One raster collection; axes and bands come from the catalogue. Plans and reads only when asked for pixels."""

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self._scope = current_scope()
        self._kind: str = provider_def["kind"]
        self._dimensions: dict[str, dict[str, Any]] = provider_def["document"]["cube:dimensions"]
        self._summaries: dict[str, Any] = provider_def["document"].get("summaries") or {}
        self.axes = [name for name, d in self._dimensions.items() if d["type"] != "bands"]
        self._coverage_properties = coverage_properties(self._dimensions)
        self.crs = self._coverage_properties["bbox_crs"]
        self.get_fields()
        self.num_bands = len(self._fields)

    def get_fields(self) -> dict[str, dict[str, Any]]:
        """Bands as JSON Schema properties."""
        names: list[str] = next((d["values"] for d in self._dimensions.values() if d["type"] == "bands"), [])
        known = {band.get("name"): band for band in self._summaries.get("bands") or []}
        self._fields = {name: _field(name, known.get(name, {})) for name in names}
        return self._fields

    def query(
        self,
        properties: Sequence[str] = (),
        subsets: Mapping[str, Sequence[Any]] | None = None,
        bbox: Sequence[float] = (),
        bbox_crs: str | None = None,
        datetime_: str | None = None,
        format_: str = "json",
        **_: object,
    ) -> bytes | dict[str, Any]:
        """The part of the coverage that a request asks for.

        Args:
            properties: names of bands.
            bbox: in degrees, longitude first, unless `bbox_crs` says otherwise.
            format_: "GTiff" or "json".
        Returns: the file, or the CoverageJSON document.
        Raises: RequestFailedError.
        """
        if format_ not in ("json", GEOTIFF["name"]):
            raise invalid(f"The format '{format_}' is not offered. Formats: json, {GEOTIFF['name']}")
        query = Query(bbox or (), bbox_crs, datetime_, properties or (), subsets or {})
        try:
            plan = self._plan()
            part = part_of(_cube_of(plan), query)
            return self._file(plan, part) if format_ == GEOTIFF["name"] else self._json(plan, part)
        except OpenEOError as error:
            raise translated(error) from error

    def _plan(self) -> Plan:
        driver, user = self._scope.backend.driver, self._scope.user
        if self._kind == "result":
            return driver.plan_of_result(self.data, user)
        return driver.plan(whole_collection(self.data), user)

    def _file(self, plan: Plan, part: Part) -> bytes:
        self._limit(part, part.size_bytes)
        self.filename = f"{self.data}.tif"
        with tempfile.TemporaryDirectory(prefix="coverage-") as folder:
            return write_geotiff(plan, part, Path(folder), "coverage").read_bytes()

    def _json(self, plan: Plan, part: Part) -> dict[str, Any]:
        self._limit(part, part.pixels * JSON_BYTES_PER_VALUE)
        return coverage_json(part, read_part(plan, part))

    def _limit(self, part: Part, size_bytes: int) -> None:
        """Refuse what would not fit: the answer is held in memory as a whole."""
        settings = self._scope.backend.settings
        limit_bytes = min(settings.sync_max_bytes, settings.memory_budget // 4)
        if size_bytes > limit_bytes:
            raise too_large(
                f"This part of the coverage has {part.pixels} values and would take about {size_bytes} bytes in this "
                f"format; the limit is {limit_bytes}. Ask for less with bbox, datetime and properties, "
                "or run a batch job."
            )


def whole_collection(identifier: str) -> dict[str, Any]:
    """The process that loads a collection as it is."""
    arguments = {"id": identifier, "spatial_extent": None, "temporal_extent": None}
    node = {"process_id": "load_collection", "arguments": arguments, "result": True}
    return {"process_graph": {"load": node}}


def coverage_properties(dimensions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What pygeoapi tells of the grid: number of cells and resolution along x and y, CRS and axes.

    A resolution or number that the catalogue does not know is None.
    """
    spatial = {d["axis"]: (name, d) for name, d in dimensions.items() if d["type"] == "spatial" and "axis" in d}
    (x_name, x), (y_name, y) = spatial["x"], spatial["y"]
    code = x.get("reference_system", 4326)
    return {
        "x_axis_label": x_name,
        "y_axis_label": y_name,
        "width": _cells(x),
        "height": _cells(y),
        "resx": x.get("step"),
        "resy": y.get("step"),
        "bbox_crs": f"http://www.opengis.net/def/crs/EPSG/0/{code}" if isinstance(code, int) else None,
    }


def _cells(axis: Mapping[str, Any]) -> int | None:
    step, extent = axis.get("step"), axis.get("extent")
    if not step or not extent:
        return None
    return round(abs(extent[1] - extent[0]) / abs(step))


def _field(name: str, band: Mapping[str, Any]) -> dict[str, Any]:
    kind = "integer" if "int" in str(band.get("data_type", "")) else "number"
    field = {"title": band.get("description") or name, "type": kind}
    if band.get("unit"):
        field["x-ogc-unit"] = band["unit"]
    return field


def _cube_of(plan: Plan) -> CubeDescription:
    if plan.description is None:
        raise OpenEOError("NotFound", message="This result is no raster.")
    return plan.description
