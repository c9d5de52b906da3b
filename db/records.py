"""What the catalogue of records tells of a collection: an OGC record with footprint, time and bands.

Links are for whoever shows the record: here nobody knows the address of the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from db.footprint import Footprint, box_of, footprint_of, union_of
from db.moments import EVER, moment, text_of
from db.queryables import can_be_asked

type Json = dict[str, Any]

ARRAY = {"type": "array", "items": {"type": "string"}}
TEXT = {"type": "string"}
MOMENT = {"type": "string", "format": "date-time"}
RECORD_QUERYABLES: dict[str, Json] = {
    "type": TEXT, "title": TEXT, "description": TEXT, "keywords": ARRAY, "license": TEXT, "bands": ARRAY,
    "kind": {"type": "string", "enum": ["source", "result"]}, "created": MOMENT, "updated": MOMENT,
    "datetime": MOMENT, "start_datetime": MOMENT, "end_datetime": MOMENT, "platform": ARRAY, "constellation": ARRAY,
    "instruments": ARRAY, "gsd": {"type": "array", "items": {"type": "number"}}, "providers": ARRAY,
}  # fmt: skip
_NO_PLACE = {"wkb": None, "west": None, "south": None, "east": None, "north": None}
_SUMMARIES = ("platform", "constellation", "instruments", "gsd")
_ITEMS_MAX = 1_000
_VERTICES_MAX = 500


def record_row(document: Mapping[str, Any], items: Sequence[Json], kind: str, updated: datetime) -> Json:
    """Columns of `RecordRow` for a collection.

    Args:
        document: STAC collection.
        items: their footprints are the record's, if they are not too many; else it is the collection's box.
        kind: "source" or "result".
        updated: when it was stored.
    """
    place = _place(document, items)
    first, last = _interval(document)
    record = {
        "type": "Feature",
        "id": document["id"],
        "geometry": place.to_geojson() if place else None,
        "time": _time(first, last),
        "properties": _properties(document, kind, updated, first, last),
    }
    columns = asdict(place) if place else dict(_NO_PLACE)
    return {
        "collection_id": document["id"],
        "datetime": first or (EVER[0] if last else None),
        "end_datetime": last or (EVER[1] if first else None),
        "footprint": columns.pop("wkb"),
        "document": record,
        **columns,
    }


def _properties(
    document: Mapping[str, Any], kind: str, updated: datetime, first: datetime | None, last: datetime | None
) -> Json:
    title = document.get("title") or document["id"]
    summaries = document.get("summaries") or {}
    properties = {
        "type": "dataset",
        "kind": kind,
        "title": title,
        "description": document.get("description") or title,
        "keywords": [word for word in document.get("keywords") or [] if isinstance(word, str)],
        "license": document.get("license"),
        "created": document.get("created"),
        "updated": document.get("updated") or text_of(updated),
        "start_datetime": text_of(first) if first else None,
        "end_datetime": text_of(last) if last else None,
        "bands": band_names(document),
        "providers": [one["name"] for one in document.get("providers") or [] if isinstance(one.get("name"), str)],
        **{name: summaries[name] for name in _SUMMARIES if isinstance(summaries.get(name), list)},
    }
    return {name: value for name, value in properties.items() if value not in (None, []) and can_be_asked(name)}


def band_names(document: Mapping[str, Any]) -> list[str]:
    """Names of the bands of a collection, in their order."""
    dimensions = (document.get("cube:dimensions") or {}).values()
    labels = next((one.get("values") or [] for one in dimensions if one.get("type") == "bands"), [])
    summaries = document.get("summaries") or {}
    described = summaries.get("bands") or summaries.get("eo:bands") or document.get("bands")
    bands = described if isinstance(described, list) else []  # summaries may be what a user made of them
    names = labels or [band.get("name") for band in bands if isinstance(band, Mapping)]
    return [name for name in names if isinstance(name, str)]


def _interval(document: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    extent = (document.get("extent") or {}).get("temporal") or {}
    ends = (extent.get("interval") or [[None, None]])[0]
    first, last = (moment(end) for end in (*ends, None, None)[:2])
    return first, last


def _time(first: datetime | None, last: datetime | None) -> Json | None:
    if first is None and last is None:
        return None
    if first == last and first is not None:
        return {"timestamp": text_of(first)}
    return {"interval": [text_of(end) if end else ".." for end in (first, last)]}


def _place(document: Mapping[str, Any], items: Sequence[Json]) -> Footprint | None:
    """The footprints of the items as one, else the boxes of the collection."""
    if 0 < len(items) <= _ITEMS_MAX:
        known = [found for item in items if (found := footprint_of(item)) is not None]
        together = union_of(known, _VERTICES_MAX) if known else None
        if together is not None:
            return together
    boxes: Iterable[Any] = ((document.get("extent") or {}).get("spatial") or {}).get("bbox") or ()
    return box_of([*boxes][:1])
