"""A folder becomes collections: a static STAC catalogue, several side by side, or plain GeoTIFFs.

Every file is opened once, here. What can't be read is left out with a warning; the import goes on.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from openeo_plugin.errors import OpenEOError
from openeo_plugin.sources.collection_document import collection_document
from openeo_plugin.sources.found import FoundCollection, FoundItem
from openeo_plugin.sources.geotiff_folder import collection_of_geotiffs, geotiffs_in
from openeo_plugin.sources.local_path import is_hidden
from openeo_plugin.sources.stac_catalogue import collection_of_item_files, entry_of, find_collections, has_item_files
from openeo_plugin.sources.stored_item import ItemReader

_LOG = logging.getLogger(__name__)
MAX_WARNING_LENGTH = 1000

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ImportedCollection:
    """A collection ready for the catalogue.

    Args:
        document: STAC 1.1 collection with `cube:dimensions` and `summaries`.
        items: stored items (see `layers`), by time and id.
        warnings: sentences about what was left out, and where files and catalogue disagree.
    """

    document: dict[str, Any]
    items: list[dict[str, Any]]
    warnings: tuple[str, ...] = ()


def import_folder(
    folder: Path, *, collection_id: str | None = None, progress: Progress | None = None
) -> list[ImportedCollection]:
    """Read all collections of a folder. Nothing outside of it is opened.

    Args:
        folder: holds collection.json or catalog.json, or folders that do, or STAC items, or GeoTIFFs.
        collection_id: the name to give, where the folder holds one collection.
        progress: called with (items done, items in all) after every item.
    Raises: FileNotFound, FileContentInvalid, RequestInvalid.
    """
    if not folder.is_dir():
        raise OpenEOError("FileNotFound", file=folder)
    root = folder.resolve()
    found = _find(root)
    _check_ids(found, collection_id, folder)
    report = _Counter(sum(len(collection.items) for collection in found), progress)
    imported = [_imported(collection, root, collection_id, report) for collection in found]
    usable = [collection for collection in imported if collection.items]
    if not usable:
        raise _nothing_readable(folder, imported)
    lost = tuple(text for collection in imported if not collection.items for text in collection.warnings)
    first = usable[0]
    return [ImportedCollection(first.document, first.items, lost + first.warnings), *usable[1:]]


class _Counter:
    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def step(self) -> None:
        self.done += 1
        if self.progress:
            self.progress(self.done, self.total)


def _find(root: Path) -> list[FoundCollection]:
    entry = entry_of(root)
    if entry:
        return find_collections(entry, root)
    inner = [b for b in sorted(root.iterdir()) if b.is_dir() and not b.is_symlink() and not is_hidden(b, root)]
    entries = [entry for entry in map(entry_of, inner) if entry]
    if entries:
        return [collection for entry in entries for collection in find_collections(entry, root)]
    if has_item_files(root):
        return [collection_of_item_files(root, root)]
    if geotiffs_in(root):
        return [collection_of_geotiffs(root)]
    return []


def _check_ids(found: Sequence[FoundCollection], collection_id: str | None, folder: Path) -> None:
    names = [_valid_id(str(collection.document["id"])) for collection in found]
    if collection_id is not None:
        if collection_id != _valid_id(collection_id):
            raise OpenEOError(
                "RequestInvalid", reason=f"a collection can't be called '{collection_id}': use letters, digits, - . _"
            )
        if len(found) > 1:
            raise OpenEOError(
                "RequestInvalid",
                reason=f"a name was given for one collection, but {folder} holds {len(found)}: {', '.join(names)}",
            )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OpenEOError("RequestInvalid", reason=f"{folder} holds several collections called {', '.join(twice)}")


def _imported(found: FoundCollection, root: Path, name: str | None, report: _Counter) -> ImportedCollection:
    collection_id = name or _valid_id(str(found.document["id"]))
    reader = ItemReader(root, found.document, list(found.warnings))
    items = list(_stored_items(found.items, reader, collection_id, report))
    items.sort(key=lambda item: (datetime.fromisoformat(item["properties"]["datetime"]), item["id"]))
    document = collection_document(collection_id, found.document, items) if items else {"id": collection_id}
    return ImportedCollection(document, items, tuple(map(_printable, reader.warnings)))


def _stored_items(
    found: Sequence[FoundItem], reader: ItemReader, collection_id: str, report: _Counter
) -> Iterator[dict[str, Any]]:
    """Stored items with distinct ids."""
    ids: set[str] = set()
    for source in found:
        item = _stored(source, reader, collection_id)
        report.step()
        if item is None:
            continue
        wanted, number = _valid_id(item["id"]), 2
        item["id"] = wanted
        while item["id"] in ids:
            item["id"], number = f"{wanted}-{number}", number + 1
        if item["id"] != wanted:
            reader.warnings.append(f"{source.origin}: the id {wanted} is there already; it is now {item['id']}")
        ids.add(item["id"])
        yield item


def _stored(source: FoundItem, reader: ItemReader, collection_id: str) -> dict[str, Any] | None:
    """A stored item; none, with a warning, for whatever reason: no item spoils the others."""
    try:
        return reader.stored(source, collection_id)
    except Exception as error:
        _LOG.exception("an item can't be imported")
        reader.warnings.append(f"{source.origin}: the item is left out: it is beyond what is known ({error!r})")
        return None


def _printable(text: str) -> str:
    """A warning that any terminal and log may show: names of files may hold anything."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= MAX_WARNING_LENGTH else f"{shown[:MAX_WARNING_LENGTH]} ..."


def _valid_id(text: str) -> str:
    """An id that may stand in a URL's path."""
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII).strip(".-")[:200] or "unnamed"


def _nothing_readable(folder: Path, imported: Sequence[ImportedCollection]) -> OpenEOError:
    reasons = [text for collection in imported for text in collection.warnings]
    if not imported:
        reason = (
            f"{folder} holds neither collection.json nor catalog.json, no STAC items and no GeoTIFFs (.tif); "
            "name the folder of a static STAC catalogue or of GeoTIFFs"
        )
    elif reasons:
        more = f" (and {len(reasons) - 3} more)" if len(reasons) > 3 else ""
        reason = f"nothing in {folder} can be used. {'; '.join(reasons[:3])}{more}"
    else:
        reason = f"the catalogue in {folder} names no items; add links with rel 'item' or put item files beside it"
    return OpenEOError("FileContentInvalid", reason=reason)
