"""Processes that open data: they describe a cube, no pixel is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, Dimension, SpatialDimension, TemporalDimension
from openeo_plugin.cube.extents import BoundingBox, bounding_box, crop_around
from openeo_plugin.cube.grid import Grid
from openeo_plugin.cube.instants import format_instant, interval, parse_instant, within
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.polygon import filter_spatial
from openeo_plugin.engine.operators.zones import Zones
from openeo_plugin.errors import OpenEOError, suggest
from openeo_plugin.processes.environment import Environment
from openeo_plugin.processes.process import Schema, process
from openeo_plugin.processes.types import BOUNDING_BOX, INTERVAL, BandNames, RasterCube
from openeo_plugin.processes.vector_types import extent_argument
from openeo_plugin.sources.common_grid import common_grid, lattice_of
from openeo_plugin.sources.item_cube import ItemCube, described_bands
from openeo_plugin.sources.layers import Layer, layers_of

CollectionId = Annotated[str, Schema({"type": "string", "subtype": "collection-id", "pattern": r"^[\w\-\.~/]+$"})]
SpatialExtent = Annotated[
    dict[str, Any] | None,
    Schema(
        [
            BOUNDING_BOX,
            {"type": "object", "subtype": "geojson", "deprecated": True},
            {"type": "object", "subtype": "datacube", "dimensions": [{"type": "geometry"}]},
            {"type": "null"},
        ]
    ),
]
TemporalExtent = Annotated[
    list[Any] | None,
    # two equal ends are told as TemporalExtentEmpty
    Schema([{**INTERVAL, "uniqueItems": True}, {"type": "null"}], accepts=[INTERVAL, {"type": "null"}]),
]
PropertyFilters = Annotated[
    dict[str, Callable[..., Any]] | None,
    Schema(
        [
            {
                "type": "object",
                "subtype": "metadata-filter",
                "additionalProperties": {
                    "type": "object",
                    "subtype": "process-graph",
                    "parameters": [
                        {"name": "value", "description": "The value of the property in an item.", "schema": {}}
                    ],
                    "returns": {"description": "Whether the item is taken.", "schema": {"type": "boolean"}},
                },
            },
            {"type": "null"},
        ]
    ),
]


@process(level="L1", categories=["cubes", "import"])
def load_collection(
    id: CollectionId,
    spatial_extent: SpatialExtent,
    temporal_extent: TemporalExtent,
    bands: BandNames = None,
    properties: PropertyFilters = None,
    *,
    environment: Environment,
) -> RasterCube:
    """Load a collection of this back-end as a data cube.

    Values are those of the files: scale and offset are not applied. Scenes that lie on grids of their own are put on
    one grid: the most frequent reference system, the lattice of the scene with the finest pixels, sampled at the
    pixel centres. Where several scenes show one instant, the first one (by id) with a value counts.

    Args:
        id: of the collection.
        spatial_extent: only pixels whose centre lies in the box (given in any reference system, transformed to that
            of the data), or in one of the geometries. Null loads everything.
        temporal_extent: start <= t < end. Null loads everything.
        bands: names or common names, in the order wanted. Null loads all bands.
        properties: conditions on properties of the scenes; all must hold.
    Returns: a cube with the dimensions t, bands, y and x; labels of t ascend.
    Raises: NoDataAvailable, TemporalExtentEmpty.
    Source: openeo-processes 2.0.0-rc.2, load_collection.
    """
    document = environment.collection(id)
    box, zones = extent_of(spatial_extent, environment.node, "load_collection")
    start, end = interval(temporal_extent, "load_collection", "temporal_extent") if temporal_extent else (None, None)
    names = band_names(document, bands, "load_collection")
    items = environment.items(
        id,
        box.bounds_in("EPSG:4326") if box else None,
        None if start is None else format_instant(start),
        None if end is None else format_instant(end),
    )
    found = [item for item in items if within(item["properties"]["datetime"], start, end)]
    items = [item for item in found if _passes(item, properties)]
    lattice = lattice_of(document.get("openeo:lattices", {}), names)
    try:
        cube = item_cube(environment.node, items, names, box, bands_name=_bands_dimension(document), lattice=lattice)
        return cube if zones is None else within_zones(environment.node, cube, zones)
    except OpenEOError as error:
        raise _with_what_there_is(error, document, filtered=bool(found) and not items) from None


def _with_what_there_is(error: OpenEOError, document: dict[str, Any], filtered: bool) -> OpenEOError:
    """Where there is no data: what the collection has, or what left the scenes out."""
    extent = document.get("extent", {})
    if error.code != "NoDataAvailable" or not extent:
        return error
    if filtered:
        message = "There is no data for the given `properties`: no scene of the given extents meets their conditions."
        return OpenEOError(error.code, node=error.node, message=message)
    box = extent["spatial"]["bbox"][0]
    (west, south), (east, north) = box[:2], box[len(box) // 2 :][:2]
    first, last = (moment or "today" for moment in extent["temporal"]["interval"][0])
    message = (
        f"There is no data for the given extents. The collection has some from {first} to {last}, between the "
        f"longitudes {west:g} and {east:g} and the latitudes {south:g} and {north:g}."
    )
    return OpenEOError(error.code, node=error.node, message=message)


def extent_of(extent: Any, node: str, process_id: str) -> tuple[BoundingBox | None, Zones | None]:
    """The box to load, and, for an extent of geometries, the pixels that belong to them.

    Raises: ProcessParameterInvalid.
    """
    if extent is None:
        return None, None
    if isinstance(extent, dict) and "west" in extent:
        return bounding_box(extent, process_id, "spatial_extent"), None
    return extent_argument(extent, node, process_id, "spatial_extent")


def within_zones(node: str, cube: Operator, zones: Zones) -> Operator:
    """The part of a cube that lies in geometries.

    Raises: NoDataAvailable if no pixel does.
    """
    cut = filter_spatial(node, cube, zones)
    if 0 in cut.description.grid.shape:
        raise OpenEOError("NoDataAvailable")
    return cut


def _bands_dimension(document: dict[str, Any]) -> str:
    dimensions = document.get("cube:dimensions", {})
    return next((name for name, d in dimensions.items() if d.get("type") == "bands"), "bands")


def band_names(document: dict[str, Any], wanted: Sequence[str] | None, process: str) -> list[str]:
    """Names of the bands wanted, common names resolved; all of the collection for None.

    Raises: ProcessParameterInvalid, with what there is.
    """
    declared = document.get("cube:dimensions", {}).get(_bands_dimension(document), {}).get("values", [])
    if wanted is None:
        return list(declared)
    common: dict[str, str] = {}
    for band in document.get("summaries", {}).get("bands", []):
        for key in ("eo:common_name", "common_name"):
            if key in band:
                common.setdefault(band[key], band["name"])
    found = []
    for name in wanted:
        resolved = name if name in declared else common.get(name)
        if resolved is None:
            reason = f"there is no band '{name}'. Available: {', '.join(declared)}.{suggest(name, declared)}"
            raise OpenEOError("ProcessParameterInvalid", process=process, parameter="bands", reason=reason)
        found.append(resolved)
    return found


def _passes(item: dict[str, Any], conditions: dict[str, Callable[..., Any]] | None) -> bool:
    return all(condition(value=item["properties"].get(name)) is True for name, condition in (conditions or {}).items())


@dataclass(frozen=True)
class _Slice:
    label: str
    layers: dict[str, tuple[Layer, ...]]


def item_cube(
    node: str,
    items: Sequence[dict[str, Any]],
    names: Sequence[str],
    box: BoundingBox | None,
    *,
    bands_name: str = "bands",
    lattice: Grid | None = None,
) -> ItemCube:
    """The cube of items: one label of t for each distinct instant.

    lattice: a grid on the lattice of the whole collection; that of the items if None.

    Raises: NoDataAvailable if no item has one of the bands, or no pixel lies in the box.
    """
    slices = _slices(items, names)
    used = [layer for held in slices for layers in held.layers.values() for layer in layers]
    present = [name for name in names if any(name in held.layers for held in slices)]
    if not used or len(present) < len(names):
        raise OpenEOError("NoDataAvailable")
    grid: Grid | None = common_grid(used, lattice)
    assert grid is not None
    if box is not None:
        try:
            grid = crop_around(grid, box.bounds_in(grid.crs))
        except ValueError:
            grid = None
    if grid is None:
        raise OpenEOError("NoDataAvailable")
    labels = tuple(held.label for held in slices)
    dimensions: tuple[Dimension, ...] = (
        TemporalDimension("t", labels),
        BandsDimension(bands_name, tuple(names)),
        SpatialDimension("y", "y"),
        SpatialDimension("x", "x"),
    )
    bands = described_bands(names, [held.layers for held in slices])
    description = CubeDescription(dimensions, grid, bands, free=True, block=_block(used))
    return ItemCube(node, description, tuple(tuple(held.layers.get(n, ()) for n in names) for held in slices))


def _block(layers: Sequence[Layer]) -> tuple[int, int]:
    """Blocks of whole multiples of the files' blocks, at least 512 pixels a side."""
    rows = max(layer.block[0] for layer in layers)
    columns = max(layer.block[1] for layer in layers)
    return max(rows, 512), max(min(columns, 4096), 512)


def _slices(items: Sequence[dict[str, Any]], names: Sequence[str]) -> list[_Slice]:
    wanted = set(names)
    by_label: dict[str, dict[str, list[Layer]]] = {}
    for item in items:
        own = {name: layer for name, layer in layers_of(item).items() if name in wanted}
        if not own:
            continue
        held = by_label.setdefault(item["properties"]["datetime"], {})
        for name, layer in own.items():
            held.setdefault(name, []).append(layer)
    return [
        _Slice(label, {name: tuple(layers) for name, layers in by_label[label].items()})
        for label in sorted(by_label, key=parse_instant)
    ]
