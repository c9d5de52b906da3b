"""Pictures of tiles that were made once, kept as files.

folder / access domain / service / version of service and data / date, format and tile matrix set / z / x / y

So a changed service or changed data never shows an old picture, and what a private service shows lies apart. The
folder is kept below a size; the pictures that were made first go first.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.tile_matrix import WEB_MERCATOR_QUAD

if TYPE_CHECKING:
    from config.settings import Settings

log = logging.getLogger(__name__)

_KEEP = 0.8  # of the limit, when room is made


@dataclass(frozen=True)
class TileKey:
    """One picture of a service: the tile (z, x, y), the label of its date (None without dates) and its format."""

    tile: tuple[int, int, int]
    label: str | None
    image_format: str
    matrix_set: str = WEB_MERCATOR_QUAD.id


class TileStore:
    """All kept pictures. Safe to use from many threads; several processes may share a folder.

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

    def of(self, service_id: str, stamp: str, owner: str | None) -> KeptTiles:
        """The pictures of a service as it is now; those of what it was before are removed.

        Args:
            stamp: changes with the service and its data.
            owner: who alone may see the service; None for all.
        """
        domain = "public" if owner is None else "private-" + hashlib.sha256(owner.encode()).hexdigest()[:24]
        for other in ("public", domain):
            self._remove_all_but(self._folder / other / service_id, stamp if other == domain else None)
        return KeptTiles(self, self._folder / domain / service_id / stamp)

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


def kept_tiles_of(settings: Settings) -> TileStore | None:
    """Where the processes of an instance keep tiles; None if they don't."""
    limit_bytes = settings.tile_cache_bytes
    return TileStore(settings.data_dir / "tiles", limit_bytes) if limit_bytes else None


@dataclass(frozen=True)
class KeptTiles:
    """The pictures of one service in one state."""

    store: TileStore
    folder: Path

    def get(self, key: TileKey) -> bytes | None:
        """A picture, if it was kept."""
        try:
            return self._path(key).read_bytes()
        except OSError:
            return None

    def has(self, key: TileKey) -> bool:
        """Whether a picture was kept."""
        return self._path(key).is_file()

    def put(self, key: TileKey, content: bytes) -> None:
        """Keep a picture. A full or broken disk is no fault of the client."""
        path = self._path(key)
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

    def _path(self, key: TileKey) -> Path:
        """No text of a client stands in it: dates are labels of the cube, and hashed."""
        z, x, y = key.tile
        label = hashlib.sha256((key.label or "").encode()).hexdigest()[:16]
        return self.folder / f"{label}-{key.image_format}-{key.matrix_set}" / str(z) / str(x) / str(y)


def _files(folder: Path) -> Iterator[tuple[float, int, str]]:
    """(time of change, size in bytes, path) of every file."""
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)  # noqa: PTH118 - twice as fast over many files
            with suppress(OSError):
                found = os.stat(path)  # noqa: PTH116
                yield found.st_mtime, found.st_size, path
