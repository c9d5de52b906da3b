"""Workspaces: folders of a user on the server that results are copied into, each a tree of static STAC.

A workspace is its folder. What its owner says of it lies inside, in a file whose name no export can have.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from openeo_plugin.errors import OpenEOError

type Json = dict[str, Any]

SEGMENT = re.compile(r"[\w~-][\w.~-]{0,120}", re.ASCII)
FILES_MAX = 10_000
_NOTE = ".workspace.json"
_GONE = ".deleted-"


@dataclass(frozen=True)
class Workspace:
    """A workspace.

    Args:
        id: unique among those of its owner.
        created: None for one that an export has made.
    """

    id: str
    folder: Path
    title: str | None
    description: str | None
    created: datetime | None

    def files(self) -> Iterator[tuple[str, int]]:
        """Paths of the files that were put into it, in order, with their sizes in bytes; at most `FILES_MAX`."""
        count = 0
        for folder, names, files in os.walk(self.folder):
            names[:] = sorted(name for name in names if SEGMENT.fullmatch(name))
            for name in sorted(file for file in files if SEGMENT.fullmatch(file)):
                path = Path(folder) / name
                size_bytes = _size_bytes(path)
                if count < FILES_MAX and size_bytes is not None:
                    count += 1
                    yield path.relative_to(self.folder).as_posix(), size_bytes

    def file(self, path: str) -> Path:
        """A file of it. Raises: FilePathInvalid, FileNotFound."""
        parts = path.split("/")
        if not all(map(SEGMENT.fullmatch, parts)):
            raise OpenEOError("FilePathInvalid", reason="it consists of names that begin with a letter or digit.")
        found = self.folder.joinpath(*parts)
        if not found.is_file() or not found.resolve().is_relative_to(self.folder.resolve()):
            raise OpenEOError("FileNotFound", file=path)
        return found


class Workspaces:
    """The workspaces of one user. Safe in many processes."""

    def __init__(self, data_dir: Path, owner: str) -> None:
        self._root = data_dir / "workspaces" / quote(owner, safe="").replace(".", "%2E")

    def folder(self, id: str) -> Path:
        """Where a workspace lies, or would lie."""
        return self._root / id

    def list(self, *, after: str | None = None, limit: int | None = None) -> list[Workspace]:
        """Workspaces by id: those behind the id `after`, at most `limit`."""
        try:
            ids = sorted(entry.name for entry in os.scandir(self._root) if entry.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []
        wanted = [id for id in ids if SEGMENT.fullmatch(id) and (after is None or id > after)]
        return [_read(id, self.folder(id)) for id in wanted[:limit]]

    def get(self, id: str) -> Workspace:
        """One of them. Raises: NotFound."""
        folder = self.folder(id)
        if not SEGMENT.fullmatch(id) or not folder.is_dir() or folder.is_symlink():
            raise OpenEOError("NotFound", message=f"There is no workspace '{id}'.")
        return _read(id, folder)

    def create(self, title: str | None, description: str | None) -> Workspace:
        """Make an empty one, under an id of its own."""
        id = f"ws-{secrets.token_hex(8)}"
        self.folder(id).mkdir(parents=True)
        _write(self.folder(id), {"title": title, "description": description, "created": _now().isoformat()})
        return self.get(id)

    def update(self, id: str, **changes: str | None) -> None:
        """Change `title` or `description`. Raises: NotFound."""
        folder = self.get(id).folder
        _write(folder, {**_note(folder), **changes})

    def delete(self, id: str) -> None:
        """Remove one with all its files. Raises: NotFound."""
        workspace = self.get(id)
        gone = self._root / f"{_GONE}{secrets.token_hex(8)}"  # at once for everybody, whatever becomes of the rest
        workspace.folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _read(id: str, folder: Path) -> Workspace:
    note = _note(folder)
    created = datetime.fromisoformat(note["created"]) if "created" in note else None
    return Workspace(id, folder, note.get("title"), note.get("description"), created)


def _note(folder: Path) -> Json:
    try:
        return dict(json.loads((folder / _NOTE).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}  # one that an export has made


def _write(folder: Path, note: Json) -> None:
    part = folder / f"{_NOTE}.{secrets.token_hex(4)}"
    part.write_text(json.dumps(note), encoding="utf-8")
    part.replace(folder / _NOTE)


def _size_bytes(file: Path) -> int | None:
    """None for a link, and for what was removed since its folder was read."""
    try:
        found = file.lstat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _now() -> datetime:
    return datetime.now(UTC)
