"""Pictures of tiles that were made once: what names one, and what a place that keeps them must do.

access domain / service / stamp of service and data / date, format and tile matrix set / z / x / y

So a changed service or changed data never shows an old picture, and what a private service shows lies apart. Places are
`tile_files` and `tile_redis`; `kept_tiles` chooses one. Whatever is wrong with a place is no fault of the client:
nothing here raises, a picture that can't be had from it or kept in it is made.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

from services.tile_matrix import WEB_MERCATOR_QUAD

PUBLIC = "public"
_PLAIN = re.compile(r"[A-Za-z0-9_]{1,64}")


@dataclass(frozen=True)
class TileKey:
    """One picture of a service: the tile (z, x, y), the label of its date (None without dates) and its format."""

    tile: tuple[int, int, int]
    label: str | None
    image_format: str
    matrix_set: str = WEB_MERCATOR_QUAD.id

    @property
    def path(self) -> str:
        """Where it lies among those of its service.

        No text of a client stands in it: dates are labels of the cube, and hashed, as are strange names.
        """
        z, x, y = self.tile
        matrix_set = self.matrix_set if _PLAIN.fullmatch(self.matrix_set) else _hash(self.matrix_set)
        return f"{_hash(self.label or '')}-{self.image_format}-{matrix_set}/{z}/{x}/{y}"


class KeptTiles(Protocol):
    """The pictures of one service in one state. Safe to use from many threads."""

    def get(self, key: TileKey) -> bytes | None:
        """A picture, if it was kept."""

    def has(self, key: TileKey) -> bool:
        """Whether a picture was kept."""

    def put(self, key: TileKey, content: bytes) -> None:
        """Keep a picture, if that is possible."""

    def room_bytes(self) -> int:
        """What the pictures of all services together may take."""


class TileStore(Protocol):
    """All kept pictures. Safe to use from many threads; the processes of an instance share them."""

    def of(self, service_id: str, stamp: str, owner: str | None) -> KeptTiles:
        """The pictures of a service as it is now; those of what it was before are found no more.

        Args:
            stamp: changes with the service and its data.
            owner: who alone may see the service; None for all.
        """

    def forget(self, service_id: str) -> None:
        """No picture of a service is found any more."""


def access_domain(owner: str | None) -> str:
    """The name of where pictures lie that all may see, or only one user."""
    return PUBLIC if owner is None else f"private-{_hash(owner, 24)}"


def _hash(text: str, digits: int = 16) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:digits]
