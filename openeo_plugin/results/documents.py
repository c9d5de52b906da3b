"""A finished job as STAC 1.1: one collection, and one item for every time that its files stand for.

The items are stored items (see `openeo_plugin.sources.layers`): GeoTIFFs of a result can be loaded as a collection.
Addresses are absolute paths of files; who shows the documents to the world rewrites them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.footprint import footprint_of, union_box
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.cut import file_label
from openeo_plugin.formats.times import Span
from openeo_plugin.results.cube_dimensions import cube_dimensions
from openeo_plugin.results.provenance import JobRecord, expression, moment, software, source_collections, time_of
from openeo_plugin.results.stac_assets import is_layer, stac_asset
from openeo_plugin.sources.collection_document import DATACUBE, collection_document

Json = dict[str, Any]

_EXTENSION = "https://stac-extensions.github.io/{}/schema.json"
_ITEM_EXTENSIONS = {
    "proj:": _EXTENSION.format("projection/v2.0.0"),
    "file:": _EXTENSION.format("file/v2.1.0"),
    "raster:": _EXTENSION.format("raster/v2.0.0"),
    "eo:": _EXTENSION.format("eo/v2.0.0"),
}
_PROCESSING = _EXTENSION.format("processing/v1.2.0")
_WORLD = [-180.0, -90.0, 180.0, 90.0]


def result_documents(
    job: JobRecord,
    assets: Sequence[Asset],
    descriptions: Sequence[CubeDescription] = (),
    *,
    collections_url: str = "/openeo/v1/collections",
) -> tuple[Json, list[Json]]:
    """(collection, items) of a job's files.

    Args:
        descriptions: of the cubes that were saved; the dimensions of a result that holds no GeoTIFF come from them.
        collections_url: where the collections are that the result was derived from, without trailing slash.
    """
    items = _items(job, assets)
    layers = _layers_only(items, assets)
    document = collection_document(job.id, _told(job), layers) if layers else _plain(job, descriptions)
    document["stac_extensions"] = sorted({*document["stac_extensions"], _PROCESSING, *_extensions(assets)})
    document["extent"] = _extent(job, items)
    document["providers"] = [_provider(job)]
    document["created"], document["updated"] = moment(job.created), moment(job.finished or job.updated)
    document["openeo:status"] = "finished"
    document["links"] = _links(job, collections_url)
    document["assets"] = {asset.path.name: stac_asset(asset) for asset in assets}
    return document, items


def _items(job: JobRecord, assets: Sequence[Asset]) -> list[Json]:
    """One item for every time, in its order; files without a place on earth stand in the collection only."""
    groups: dict[Span, list[Asset]] = {}
    for asset in assets:
        if asset.grid is not None:
            own = Span(asset.datetime, asset.start, asset.end)
            groups.setdefault(own if own != Span() else time_of(job), []).append(asset)
    items = [item for span, group in groups.items() if (item := _item(job, span, group)) is not None]
    return sorted(items, key=lambda item: (datetime.fromisoformat(item["properties"]["datetime"]), item["id"]))


def _item(job: JobRecord, span: Span, assets: Sequence[Asset]) -> Json | None:
    footprint = footprint_of([asset.grid for asset in assets if asset.grid is not None])
    if footprint is None:
        return None
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": sorted({*_extensions(assets), _PROCESSING}),
        "id": f"{job.id}_{_time_label(span)}",
        "collection": job.id,
        "geometry": footprint.geometry,
        "bbox": list(footprint.bbox),
        "properties": {
            **_times(span),
            "title": ", ".join(dict.fromkeys(asset.title for asset in assets)),
            "created": moment(job.finished or job.updated),
            "processing:software": software(),
        },
        "links": [],
        "assets": {asset.path.name: stac_asset(asset) for asset in assets},
    }


def _times(span: Span) -> Json:
    """As stored items have it: a period is labelled by its start."""
    if span.datetime is not None:
        return {"datetime": span.datetime}
    return {"datetime": span.start, "start_datetime": span.start, "end_datetime": span.end}


def _time_label(span: Span) -> str:
    return "_".join(file_label(time) for time in (span.datetime, span.start, span.end) if time is not None)


def _layers_only(items: Sequence[Json], assets: Sequence[Asset]) -> list[Json]:
    """The items that hold layers, without their other files."""
    layers = {asset.path.name for asset in assets if is_layer(asset)}
    kept = [item | {"assets": {k: a for k, a in item["assets"].items() if k in layers}} for item in items]
    return [item for item in kept if item["assets"]]


def _told(job: JobRecord) -> Json:
    title = job.title or f"Result of job {job.id}"
    return {"title": title, "description": job.description or title, "license": "other"}


def _plain(job: JobRecord, descriptions: Sequence[CubeDescription]) -> Json:
    """A collection whose files are no layers."""
    document = {"type": "Collection", "stac_version": "1.1.0", "stac_extensions": [], "id": job.id, **_told(job)}
    if descriptions:
        document |= {"stac_extensions": [DATACUBE], "cube:dimensions": cube_dimensions(descriptions[0])}
        names = [{"name": band.name} for band in descriptions[0].bands if band.name]
        document["summaries"] = {"bands": names} if names else {}
    return document


def _extensions(assets: Sequence[Asset]) -> list[str]:
    documents = [stac_asset(asset) for asset in assets]
    used = {name for document in documents for part in (document, *document.get("bands", [])) for name in part}
    return [url for prefix, url in _ITEM_EXTENSIONS.items() if any(name.startswith(prefix) for name in used)]


def _extent(job: JobRecord, items: Sequence[Mapping[str, Any]]) -> Json:
    boxes = [item["bbox"] for item in items]
    times = [_bounds(item["properties"]) for item in items]
    if not times:
        span = time_of(job)
        times = [_bounds(_times(span))]
    interval = [
        min((start for start, _ in times), key=datetime.fromisoformat),
        max((end for _, end in times), key=datetime.fromisoformat),
    ]
    bbox = union_box(boxes) if boxes else _WORLD
    return {"spatial": {"bbox": [bbox]}, "temporal": {"interval": [interval]}}


def _bounds(properties: Mapping[str, Any]) -> tuple[str, str]:
    moment_ = properties["datetime"]
    return properties.get("start_datetime", moment_), properties.get("end_datetime", moment_)


def _provider(job: JobRecord) -> Json:
    return {
        "name": "pygeoapi-openeo",
        "description": "Computed by an openEO batch job.",
        "roles": ["processor"],
        "processing:expression": expression(job),
        "processing:software": software(),
        "processing:datetime": moment(job.finished or job.updated),
    }


def _links(job: JobRecord, collections_url: str) -> list[Json]:
    return [
        {"rel": "derived_from", "href": f"{collections_url}/{name}", "type": "application/json", "title": name}
        for name in source_collections(job)
    ]
