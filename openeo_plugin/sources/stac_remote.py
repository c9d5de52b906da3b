"""Finds the items behind an address: a STAC item, an item collection, a static catalogue or a STAC API collection.

JSON only, through the one egress client; what is asked for counts already here, so that little is fetched. What comes
out has the form of a found collection (see `found`), with absolute addresses.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from openeo_plugin.cube.instants import parse_instant, within
from openeo_plugin.egress.address import joined
from openeo_plugin.egress.documents import Documents
from openeo_plugin.egress.policy import EgressError, UnreachableError
from openeo_plugin.sources.found import FoundCollection, FoundItem
from openeo_plugin.sources.instants import item_times
from openeo_plugin.sources.plain_json import plain_json

Json = dict[str, Any]

MAX_ITEMS = 5_000
MAX_DOCUMENTS = 5_000
MAX_SECONDS = 120.0
PAGE_SIZE = 200
PARALLEL = 8


@dataclass(frozen=True)
class Wanted:
    """Which items are wanted.

    Args:
        bbox: west, south, east, north in degrees; touching counts.
        start: RFC 3339, included. end: excluded. An item with a period counts by its start.
    """

    bbox: tuple[float, float, float, float] | None = None
    start: str | None = None
    end: str | None = None

    def takes(self, item: Mapping[str, Any]) -> bool:
        """Whether an item may hold something of it; without a box of its own it may."""
        times = item_times(_object(item.get("properties")))
        moments = [None if t is None else parse_instant(t) for t in (self.start, self.end)]
        if times is not None and not within(times["datetime"], moments[0], moments[1]):
            return False
        return self.bbox is None or _touches(item.get("bbox"), self.bbox)

    def may_be_in(self, collection: Mapping[str, Any]) -> bool:
        """Whether the extent that a collection declares may hold something of it."""
        boxes = _object(_object(collection.get("extent")).get("spatial")).get("bbox")
        if self.bbox is None or not isinstance(boxes, list) or not boxes:
            return True
        return any(_touches(box, self.bbox) for box in boxes)

    def query(self) -> dict[str, str]:
        """As a STAC API is asked. Its interval is closed; what lies on the end is left out later."""
        asked = {"limit": str(PAGE_SIZE)}
        if self.bbox is not None:
            asked["bbox"] = ",".join(f"{number:.10g}" for number in self.bbox)
        if self.start is not None or self.end is not None:
            asked["datetime"] = f"{self.start or '..'}/{self.end or '..'}"
        return asked


def find_remote(url: str, documents: Documents, wanted: Wanted) -> FoundCollection:
    """The wanted items behind an address, in no order.

    Raises: EgressError, also if there is no STAC, or too much of it.
    """
    return _Search(documents, wanted).found(url)


@dataclass
class _Search:
    documents: Documents
    wanted: Wanted
    warnings: list[str] = field(default_factory=list)
    _items: list[FoundItem] = field(default_factory=list)
    _fetched: int = 0
    _began: float = field(default_factory=time.monotonic)

    def found(self, url: str) -> FoundCollection:
        base, document = self._get(url)
        kind = _object(document).get("type")
        above: Json = {}
        if kind == "Feature":
            above = self._collection_of(document, base)
            self._add(document, base)
        elif kind == "FeatureCollection":
            self._pages(base, document)
        elif kind in ("Collection", "Catalog"):
            above = document
            self._in(document, base)
        else:
            raise UnreachableError("there is no STAC item, collection or catalogue at the address")
        return FoundCollection({"id": "remote"} | above, tuple(self._items), tuple(self.warnings))

    def _in(self, document: Json, base: str) -> None:
        """Items of a collection or catalogue: of its API, of its files, else of its own assets."""
        if document["type"] == "Catalog" and any(link["rel"] == "search" for link in _links(document)):
            raise UnreachableError("the address is that of a whole STAC API; give that of one of its collections")
        search = next((link for link in _links(document) if link["rel"] == "items"), None)
        if search is not None:
            self._pages(*self._get(_with_query(joined(base, search["href"]), self.wanted.query())))
        elif any(link["rel"] in ("item", "child") for link in _links(document)):
            self._walk(document, base)
        elif isinstance(document.get("assets"), dict):
            self._add(_item_of(document), base)

    def _walk(self, document: Json, base: str) -> None:
        """All items below a static catalogue, level by level; each document once."""
        seen = {base}
        level = [(base, document)]
        while level:
            hrefs = [
                joined(at, link["href"]) for at, d in level for link in _links(d) if link["rel"] in ("item", "child")
            ]
            hrefs = [href for href in dict.fromkeys(hrefs) if href not in seen]
            seen.update(hrefs)
            level = []
            for at, below in self._all(hrefs):
                if below.get("type") == "Feature":
                    self._add(below, at)
                elif below.get("type") == "FeatureCollection":
                    self._pages(at, below)
                elif self.wanted.may_be_in(below):
                    level.append((at, below))

    def _all(self, urls: Sequence[str]) -> Iterator[tuple[str, Json]]:
        """Several documents, fetched side by side."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            for begin in range(0, len(urls), 4 * PARALLEL):
                for base, document in pool.map(self._get, urls[begin : begin + 4 * PARALLEL]):
                    yield base, _object(document)

    def _pages(self, base: str, page: Any) -> None:
        """Items of a page and of all that follow."""
        seen = {base}
        while True:
            for feature in _list(_object(page).get("features")):
                if isinstance(feature, dict):
                    self._add(feature, base)
            follow = next((link for link in _links(page) if link["rel"] == "next"), None)
            if follow is None:
                return
            href = joined(base, follow["href"])
            if str(follow.get("method", "GET")).upper() == "POST":
                base, page = self._post(href, _object(follow.get("body")))
                continue
            if href in seen:
                raise UnreachableError("the pages of the search lead in a circle")
            seen.add(href)
            base, page = self._get(href)

    def _add(self, item: Json, base: str) -> None:
        if not self.wanted.takes(item):
            return
        if len(self._items) >= MAX_ITEMS:
            raise UnreachableError(f"there are more than {MAX_ITEMS} items; narrow the extents")
        origin = str(item.get("id") or base)
        self._items.append(FoundItem(_absolute(item, base), Path(), origin))

    def _collection_of(self, item: Json, base: str) -> Json:
        """The collection that an item names: it may tell more of the bands. Nothing if it can't be read."""
        href = next((link["href"] for link in _links(item) if link["rel"] == "collection"), None)
        try:
            return _object(self._get(joined(base, href))[1]) if href else {}
        except EgressError as error:
            self.warnings.append(f"the collection of the item is left out: {error}")
            return {}

    def _get(self, url: str) -> tuple[str, Any]:
        self._count()
        at, document = self.documents.get(url)
        return at, _plain(document)

    def _post(self, url: str, body: Json) -> tuple[str, Any]:
        self._count()
        return url, _plain(self.documents.egress.json(url, body=body))

    def _count(self) -> None:
        self._fetched += 1
        if self._fetched > MAX_DOCUMENTS or time.monotonic() - self._began > MAX_SECONDS:
            raise UnreachableError("the catalogue is too large to be searched; narrow the extents or name a part of it")


def _plain(document: Any) -> Any:
    try:
        return plain_json(document)
    except RecursionError:
        raise UnreachableError("the document is nested too deeply") from None


def _links(document: Any) -> list[Json]:
    links = _list(_object(document).get("links"))
    return [link for link in links if isinstance(link, dict) and isinstance(link.get("rel"), str) and link.get("href")]


def _with_query(url: str, query: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    merged = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **query}
    return urlunsplit(parts._replace(query=urlencode(merged, safe=":/,")))


def _item_of(collection: Json) -> Json:
    """A collection whose files are its own assets (results of a job elsewhere) as one item."""
    extent = _object(collection.get("extent"))
    intervals = _list(_object(extent.get("temporal")).get("interval"))
    interval = intervals[0] if intervals and isinstance(intervals[0], list) else [None, None]
    boxes = _list(_object(extent.get("spatial")).get("bbox"))
    times = {
        "datetime": None,
        "start_datetime": interval[0] or interval[-1],
        "end_datetime": interval[-1] or interval[0],
    }
    item = {"type": "Feature", "id": collection.get("id"), "assets": collection["assets"], "properties": times}
    return item | ({"bbox": boxes[0]} if boxes else {})


def _absolute(item: Json, base: str) -> Json:
    """The item with absolute addresses of its assets; those with an address that can be read count."""
    made = copy.copy(item)
    made["assets"] = {
        key: {**asset, "href": _address(asset, base)}
        for key, asset in _object(item.get("assets")).items()
        if isinstance(asset, dict)
    }
    return made


def _address(asset: Json, base: str) -> str | None:
    """Where an asset can be fetched: its own address or an alternative one; S3 by its public address."""
    others = [other for other in _object(asset.get("alternate")).values() if isinstance(other, dict)]
    hrefs = [place.get("href") for place in (asset, *others)]
    found = []
    for href in hrefs:
        try:
            found.append(joined(base, href))
        except EgressError:
            continue
    web = next((href for href in found if href.lower().startswith(("https://", "http://"))), None)
    return web or next((public for public in map(_public_s3, found) if public), found[0] if found else None)


def _public_s3(href: str) -> str | None:
    bucket, slash, key = href.removeprefix("s3://").partition("/")
    if not href.startswith("s3://") or not bucket or not slash:
        return None
    return f"https://{bucket}.s3.amazonaws.com/{key}"


def _touches(box: Any, wanted: Sequence[float]) -> bool:
    """Whether two boxes touch; True if the first is none. One of them may cross the antimeridian."""
    if not isinstance(box, list) or len(box) not in (4, 6) or not all(isinstance(n, int | float) for n in box):
        return True
    west, south, east, north = (*box[:2], *box[len(box) // 2 :][:2])
    if north < wanted[1] or south > wanted[3]:
        return False
    return any(
        first_west <= second_east and second_west <= first_east
        for first_west, first_east in _parts(west, east)
        for second_west, second_east in _parts(wanted[0], wanted[2])
    )


def _parts(west: float, east: float) -> Iterable[tuple[float, float]]:
    return ((west, east),) if west <= east else ((west, 180.0), (-180.0, east))


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
