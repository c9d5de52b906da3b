"""Finds the collections of a static STAC catalogue (1.0 or 1.1) in a folder by following its links; opens JSON only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from openeo_plugin.errors import OpenEOError
from openeo_plugin.sources.found import FoundCollection, FoundItem
from openeo_plugin.sources.local_path import RefusedHrefError, is_hidden, local_file
from openeo_plugin.sources.plain_json import plain_json

ENTRY_FILES = ("collection.json", "catalog.json")
MAX_JSON_BYTES = 2**26
MAX_DEPTH = 32


def entry_of(folder: Path) -> Path | None:
    """The file with which a static catalogue in this folder begins; no symbolic link."""
    paths = (folder / name for name in ENTRY_FILES)
    return next((path for path in paths if os.path.isfile(path) and not path.is_symlink()), None)  # noqa: PTH113


def has_item_files(folder: Path) -> bool:
    """Whether JSON files in this folder or below hold STAC items."""
    return any(_is_item_file(path) for path in _json_files(folder))


def find_collections(entry: Path, root: Path) -> list[FoundCollection]:
    """All collections that can be reached from a catalogue or collection file.

    Items of catalogues without a collection above form a collection of the catalogue's own name.
    Raises: FileContentInvalid, if the file itself is no STAC.
    """
    walk = _Walk(root)
    walk.visit(_entry_document(entry, root), entry, None, 0)
    parents = [draft for draft in walk.drafts if draft.is_parent and not draft.items]
    found = [_finished(draft, root) for draft in walk.drafts if draft not in parents]
    above = tuple(warning for draft in parents for warning in draft.warnings)
    return [replace(collection, warnings=above + collection.warnings) for collection in found[:1]] + found[1:]


def collection_of_item_files(folder: Path, root: Path) -> FoundCollection:
    """A collection of all items in JSON files of a folder without collection.json."""
    return _finished(_Draft({"id": folder.name}, folder), root)


@dataclass(eq=False)
class _Draft:
    """A collection as far as it has been read."""

    document: dict[str, Any]
    folder: Path
    items: list[FoundItem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    is_parent: bool = False


class _Walk:
    """Follows `child` and `item` links, each file once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.drafts: list[_Draft] = []
        self.seen: set[Path] = set()

    def visit(self, document: dict[str, Any], path: Path, draft: _Draft | None, depth: int) -> None:
        """Read a collection or catalogue and all below it; items go to `draft`, the collection above."""
        self.seen.add(path.resolve())
        if draft is None or document.get("type") == "Collection":
            draft = self._begin(document, path)
        for rel, href in _links(document):
            target = self._target(href, path, draft)
            if target is None:
                continue
            below = _read_json(target, draft, self.root)
            if below is None:
                continue
            if rel == "item":
                draft.items.extend(_items_in(below, target, self.root))
            elif depth < MAX_DEPTH:
                draft.is_parent = True
                self.visit(below, target, draft, depth + 1)
            else:
                text = f"{_relative(target, self.root)}: left out: it lies more than {MAX_DEPTH} catalogues deep"
                draft.warnings.append(text)

    def _begin(self, document: dict[str, Any], path: Path) -> _Draft:
        draft = _Draft(document | {"id": document.get("id") or path.parent.name}, path.parent)
        self.drafts.append(draft)
        return draft

    def _target(self, href: object, path: Path, draft: _Draft) -> Path | None:
        """The file of a link, unless it was read already or must not be."""
        try:
            target = local_file(href, path.parent, self.root)
        except RefusedHrefError as error:
            draft.warnings.append(f"{_relative(path, self.root)}: link to {href} is not followed: {error}")
            return None
        if target in self.seen:
            return None
        self.seen.add(target)
        return target


def _entry_document(entry: Path, root: Path) -> dict[str, Any]:
    draft = _Draft({}, entry.parent)
    document = _read_json(entry, draft, root)
    if document is None or document.get("type") not in ("Collection", "Catalog"):
        raise OpenEOError("FileContentInvalid", reason=f"{entry} is no STAC collection or catalogue")
    return document


def _links(document: dict[str, Any]) -> Iterator[tuple[str, object]]:
    links = document.get("links")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("rel") in ("item", "items", "child"):
            yield ("child" if link["rel"] == "child" else "item"), link.get("href")


def _finished(draft: _Draft, root: Path) -> FoundCollection:
    """A collection that links to no item and to no child has the items that lie in its folder."""
    items = tuple(draft.items or _loose_items(draft, root))
    return FoundCollection(draft.document, items, tuple(draft.warnings))


def _loose_items(draft: _Draft, root: Path) -> Iterator[FoundItem]:
    """Items of a folder that no link names."""
    if draft.is_parent:
        return
    for path in _json_files(draft.folder):
        if _is_item_file(path):
            document = _read_json(path, draft, root)
            yield from _items_in(document or {}, path, root)


def _items_in(document: dict[str, Any], path: Path, root: Path) -> list[FoundItem]:
    """The item of a file, or the items of an item collection."""
    origin = _relative(path, root)
    if document.get("type") == "FeatureCollection":
        features = document.get("features")
        return [
            FoundItem(feature, path.parent, f"{origin}#{feature.get('id', position)}")
            for position, feature in enumerate(features if isinstance(features, list) else [])
            if isinstance(feature, dict)
        ]
    return [FoundItem(document, path.parent, origin)]


def _json_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*.json")
        if not is_hidden(path, folder) and not path.is_symlink() and os.path.isfile(path)  # noqa: PTH113 - never raises
    )


def _is_item_file(path: Path) -> bool:
    """Whether a file that can be read looks like STAC: GeoJSON of anything else has no stac_version."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            return False
        text = path.read_bytes()
    except OSError:
        return False
    return b'"stac_version"' in text and (b'"Feature"' in text or b'"FeatureCollection"' in text)


def _read_json(path: Path, draft: _Draft, root: Path) -> dict[str, Any] | None:
    """An object; None, with a warning, if the file holds none."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise ValueError("it is too large")
        document = plain_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        return document
    draft.warnings.append(f"{_relative(path, root)}: left out: it is no JSON object that can be read")
    return None


def _relative(path: Path, root: Path) -> str:
    resolved, base = path.resolve(), root.resolve()
    return str(resolved.relative_to(base)) if resolved.is_relative_to(base) else path.name
