"""Collections and results as maps, without a service: in their usual colours, as OGC API Maps and Tiles show them."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openeo_plugin.backend import Backend
from openeo_plugin.errors import OpenEOError
from services.readable import Readable
from services.served import ServedService
from services.tile_store import TileStore

KEPT = 64
KEPT_SEEN = 1024


@dataclass(frozen=True)
class Seen:
    """A collection as a user sees it now.

    Args:
        identifier: of the collection.
        viewer: None if everybody sees it, else the user.
        stamp: changes with the collection.
    """

    identifier: str
    viewer: str | None
    stamp: str


class CollectionMaps:
    """Maps of collections, opened at their first request and kept until the collection changes. Safe in threads.

    Args:
        backend: catalogue and driver.
        tiles: where pictures of tiles are kept; nowhere for None.
    """

    def __init__(self, backend: Backend, tiles: TileStore | None = None) -> None:
        self._backend = backend
        self._tiles = tiles
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Seen, tuple[str, ...]], ServedService] = OrderedDict()
        self._seen: OrderedDict[tuple[str, str | None], tuple[object, Seen]] = OrderedDict()

    def seen(self, identifier: str, user: str | None) -> Seen:
        """What a user sees of a collection; looked up anew when the catalogue has changed.

        Raises: CollectionNotFound.
        """
        revision = self._backend.collections.revision()
        key = (identifier, user)
        with self._lock:
            kept = self._seen.get(key)
        if kept is not None and kept[0] == revision:
            return kept[1]
        seen = self._look(identifier, user)
        with self._lock:
            self._seen[key] = (revision, seen)
            self._seen.move_to_end(key)
            while len(self._seen) > KEPT_SEEN:
                self._seen.popitem(last=False)
        return seen

    def open(self, identifier: str, user: str | None, bands: Sequence[str] = ()) -> ServedService:
        """The map of a collection that the user sees.

        Args:
            bands: one band, or red, green and blue; by default those that are called so, else the first.
        Raises: CollectionNotFound; ServiceConfigInvalid for bands that there are not; ProcessGraphInvalid without x, y.
        """
        seen = self.seen(identifier, user)
        found = self.at_hand(seen, bands)
        if found is not None:
            return found
        opened = self._opened(seen, bands)
        with self._lock:
            self._kept[seen, tuple(bands)] = opened
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return opened

    def at_hand(self, seen: Seen, bands: Sequence[str] = ()) -> ServedService | None:
        """The map of a collection, if it is open."""
        key = (seen, tuple(bands))
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def _look(self, identifier: str, user: str | None) -> Seen:
        collections = self._backend.collections
        stamp = collections.changed([identifier]).get(identifier, "")
        try:
            collections.get(identifier, None)
            return Seen(identifier, None, stamp)
        except OpenEOError:
            if user is None:
                raise
        collections.get(identifier, user)
        return Seen(identifier, user, stamp)

    def _opened(self, seen: Seen, bands: Sequence[str]) -> ServedService:
        identifier, user = seen.identifier, seen.viewer

        def planner(_: Mapping[str, Any]) -> Readable:
            return self._backend.driver.plan_of_result(identifier, user)

        served = ServedService(
            identifier,
            texts={"title": identifier, "abstract": "", "attribution": ""},
            planner=planner,
            uses=frozenset(),
            configuration={"bands": list(bands)} if bands else {},
        )
        if self._tiles is not None:
            name = f"collection-{_hash((identifier, tuple(bands)))}"
            served.keep_tiles(self._tiles.of(name, _hash(seen.stamp), user))
        return served


def _hash(value: object) -> str:
    """As a name of a folder: ids and bands are texts of users."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:32]
