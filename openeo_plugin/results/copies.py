"""Copies of a job's results: into a collection of the catalogue, or as a static STAC collection into a workspace.

They are made before the job counts as finished, and making one twice gives the same, so a job that is run again or
resumed leaves no second copy.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from openeo_plugin.engine.exports import EXPORTED, Export
from openeo_plugin.errors import OpenEOError
from openeo_plugin.results.workspaces import Workspaces
from openeo_plugin.sources.collection_document import collection_document

Json = dict[str, Any]
_LAYER_KEYS = ("bands", "proj:shape", "proj:transform")


class Catalogue(Protocol):
    """What is needed of the catalogue; `db.collections.CollectionStore` has it."""

    def get(self, id: str, user: str | None) -> Json:
        """A collection. Raises: CollectionNotFound."""
        ...

    def items(self, id: str) -> list[Json]:
        """All items of a collection."""
        ...

    def put(self, document: Json, items: Sequence[Json], *, owner: str | None = None) -> None:
        """Store a collection. Raises: ValueError, if it belongs to somebody else."""
        ...


@dataclass(frozen=True)
class Copies:
    """Makes copies for one user.

    Args:
        data_dir: of the instance; copies go to `exported` and `workspaces` in it.
    """

    catalogue: Catalogue
    data_dir: Path
    owner: str

    def make(self, export: Export, document: Json, items: Sequence[Json], files: Path, results: int) -> None:
        """Copy one result.

        Args:
            document: the collection of the job. items: with all assets; only the names of their files count.
            files: the folder where they lie now.
            results: how many the job saves; files of several are told by their names.
        Raises: PermissionsInsufficient, FormatUnsuitable; OSError.
        """
        chosen = [kept for item in items if (kept := _of_result(item, export.result, results))["assets"]]
        if not chosen:
            raise OpenEOError("FormatUnsuitable", node=export.node, format="STAC", reason="no file has a place.")
        told = changed(document, export.changes)
        if export.kind == "collection":
            self._to_collection(export, told, chosen, files)
        else:
            self._to_workspace(export, told, chosen, files)

    def _to_collection(self, export: Export, document: Json, items: list[Json], files: Path) -> None:
        identifier = export.target
        folder = self.data_dir / "exported" / _opaque(self.owner) / _opaque(identifier) / document["id"]
        new = [_placed(item, files, folder, identifier) for item in items]
        held = self._held(identifier)
        kept = [item for item in (held[1] if held else []) if item["id"] not in {i["id"] for i in new}]
        both = sorted([*kept, *new], key=_order)
        layers = [item for item in map(_layers_only, both) if item["assets"]]
        if not layers:
            reason = "a collection holds GeoTIFFs; save the result as GTiff."
            raise OpenEOError("FormatUnsuitable", node=export.node, format="collection", reason=reason)
        made = collection_document(identifier, held[0] if held else document, layers) | {EXPORTED: True}
        try:
            self.catalogue.put(made, both, owner=self.owner)
        except ValueError:
            message = f"There is already a collection '{identifier}' that you can't add to."
            raise OpenEOError("PermissionsInsufficient", node=export.node, message=message) from None

    def _held(self, identifier: str) -> tuple[Json, list[Json]] | None:
        try:
            return self.catalogue.get(identifier, self.owner), self.catalogue.items(identifier)
        except OpenEOError:
            return None

    def _to_workspace(self, export: Export, document: Json, items: list[Json], files: Path) -> None:
        root = Workspaces(self.data_dir, self.owner).folder(export.target)
        folder = root.joinpath(*(export.merge or document["id"]).split("/"))
        entry = folder / "collection.json"
        if not folder.resolve().is_relative_to(root.resolve()):
            raise OpenEOError("FilePathInvalid", node=export.node, reason="it leads out of the workspace.")
        held = _read(entry)
        for item in items:
            _write(folder / item["id"] / f"{item['id']}.json", _static_item(item, files, folder / item["id"]))
        new = [
            {"rel": "item", "href": f"./{item['id']}/{item['id']}.json", "type": "application/geo+json"}
            for item in items
        ]
        links = [link for link in held.get("links", []) if link.get("href") not in {link_["href"] for link_ in new}]
        made = {**document, **held, "extent": _extent(document, held), "links": [*links, *new]}
        _write(entry, {name: value for name, value in made.items() if name != "assets"})


def changed(document: Json, changes: Sequence[Mapping[str, Any]]) -> Json:
    """The document with merge patches (RFC 7386) applied."""
    made = dict(document)
    for patch in changes:
        made = _merged(made, patch)
    return made


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    made = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = _merged(made.get(name), value)
    return made


def _of_result(item: Json, place: int, results: int) -> Json:
    """The item with the assets of one result."""
    own = re.compile(rf"result-{place + 1}(?!\d)" if results > 1 else "")
    return {**item, "assets": {key: a for key, a in item["assets"].items() if own.match(Path(a["href"]).name)}}


def _placed(item: Json, files: Path, folder: Path, collection: str) -> Json:
    """The item of another collection, with its files copied."""
    assets = {}
    for key, asset in item["assets"].items():
        name = Path(asset["href"]).name
        _copy(files / name, folder / name)
        assets[key] = {**asset, "href": str(folder / name)}
    return {**item, "collection": collection, "assets": assets, "links": []}


def _static_item(item: Json, files: Path, folder: Path) -> Json:
    """The item as a file beside its assets."""
    placed = _placed(item, files, folder, str(item["collection"]))
    assets = {key: {**asset, "href": f"./{Path(asset['href']).name}"} for key, asset in placed["assets"].items()}
    links = [{"rel": rel, "href": "../collection.json", "type": "application/json"} for rel in ("collection", "parent")]
    return {**placed, "assets": assets, "links": links}


def _layers_only(item: Json) -> Json:
    return {**item, "assets": {k: a for k, a in item["assets"].items() if all(key in a for key in _LAYER_KEYS)}}


def _extent(new: Json, held: Json) -> Json:
    """The extent of both collections."""
    if "extent" not in held:
        return dict(new["extent"])
    extents = [new["extent"], held["extent"]]
    boxes = [extent["spatial"]["bbox"][0] for extent in extents]
    spans = [extent["temporal"]["interval"][0] for extent in extents]
    wests, souths, easts, norths = zip(*boxes, strict=True)
    starts, ends = zip(*spans, strict=True)
    bbox = [min(wests), min(souths), max(easts), max(norths)]
    interval = [min(starts, key=datetime.fromisoformat), max(ends, key=datetime.fromisoformat)]
    return {"spatial": {"bbox": [bbox]}, "temporal": {"interval": [interval]}}


def _order(item: Json) -> tuple[datetime, str]:
    return datetime.fromisoformat(item["properties"]["datetime"]), item["id"]


def _copy(source: Path, target: Path) -> None:
    """A second name for the file where the disk can do that, else a copy; appears as a whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.link(source, part)
    except OSError:
        shutil.copyfile(source, part)
    part.replace(target)
    part.unlink(missing_ok=True)  # a rename onto another name of the same file does nothing


def _read(file: Path) -> Json:
    if not file.is_file():
        return {}
    document = json.loads(file.read_text(encoding="utf-8"))
    return document if isinstance(document, dict) else {}


def _write(file: Path, document: Json) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_text(json.dumps(document, allow_nan=False, indent=1), encoding="utf-8")
    part.replace(file)


def _opaque(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
