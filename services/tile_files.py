"""Pictures of tiles as files, in a folder that the processes of an instance share.

The folder is kept below a size; the pictures that were made first go first.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.tile_store import PUBLIC, TileKey, access_domain

log = logging.getLogger(__name__)

_KEEP = 0.8  # of the limit, when room is made


class TileFiles:
    """A `TileStore` of files.

    Args:
        folder: made when the first picture is kept.
        limit_bytes: of all files together.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._unseen_bytes = limit_bytes  # written since the folder was last measured; unknown at first

    @property
    def limit_bytes(self) -> int:
        """Of all files together."""
        return self._limit_bytes

    def of(self, service_id: str, stamp: str, owner: str | None) -> KeptFiles:
        """The pictures of a service as it is now; those of what it was before are removed."""
        domain = access_domain(owner)
        for other in (PUBLIC, domain):
            self._remove_all_but(self._folder / other / service_id, stamp if other == domain else None)
        return KeptFiles(self, self._folder / domain / service_id / stamp)

    def forget(self, service_id: str) -> None:
        """Remove all pictures of a service."""
        for folder in self._folder.glob(f"*/{service_id}"):
            shutil.rmtree(folder, ignore_errors=True)

    def written(self, size_bytes: int) -> None:
        """Count what was written, and make room now and then."""
        with self._lock:
            self._unseen_bytes += size_bytes
            if self._unseen_bytes < self._limit_bytes / 20:
                return
            self._unseen_bytes = 0
        self._make_room()

    def _make_room(self) -> None:
        files = sorted(_files(self._folder))
        total = sum(size for _, size, _ in files)
        if total <= self._limit_bytes:
            return
        for _, size, path in files:
            with suppress(OSError):
                Path(path).unlink()
            total -= size
            if total <= self._limit_bytes * _KEEP:
                break

    @staticmethod
    def _remove_all_but(folder: Path, stamp: str | None) -> None:
        with suppress(OSError):
            for old in folder.iterdir():
                if old.name != stamp:
                    shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class KeptFiles:
    """The pictures of one service in one state, below one folder."""

    store: TileFiles
    folder: Path

    def get(self, key: TileKey) -> bytes | None:
        """A picture, if it was kept."""
        try:
            return (self.folder / key.path).read_bytes()
        except OSError:
            return None

    def has(self, key: TileKey) -> bool:
        """Whether a picture was kept."""
        return (self.folder / key.path).is_file()

    def put(self, key: TileKey, content: bytes) -> None:
        """Keep a picture. A full or broken disk is no fault of the client."""
        path = self.folder / key.path
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(path)
        except OSError as error:
            log.warning("A tile can't be kept: %s", error)
            with suppress(OSError):
                part.unlink()
            return
        self.store.written(len(content))

    def room_bytes(self) -> int:
        """What all files together may take."""
        return self.store.limit_bytes


def _files(folder: Path) -> Iterator[tuple[float, int, str]]:
    """(time of change, size in bytes, path) of every file."""
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)  # noqa: PTH118 - twice as fast over many files
            with suppress(OSError):
                found = os.stat(path)  # noqa: PTH116
                yield found.st_mtime, found.st_size, path
