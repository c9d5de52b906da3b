"""Collections and results as maps, without a service: in their usual colours, as OGC API Maps and Tiles show them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from openeo_plugin.backend import Backend
from services.readable import Readable
from services.served import ServedService

KEPT = 64

_Key = tuple[str, str | None, tuple[str, ...], str]


class CollectionMaps:
    """Maps of collections, opened at their first request and kept until the collection changes. Safe in threads."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, ServedService] = OrderedDict()

    def open(self, identifier: str, user: str | None, bands: Sequence[str] = ()) -> ServedService:
        """The map of a collection that the user sees.

        Args:
            bands: one band, or red, green and blue; by default those that are called so, else the first.
        Raises: CollectionNotFound; ServiceConfigInvalid for bands that there are not; ProcessGraphInvalid without x, y.
        """
        changed = self._backend.collections.changed([identifier]).get(identifier, "")
        key = (identifier, user, tuple(bands), changed)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        opened = self._opened(identifier, user, bands)
        with self._lock:
            self._kept[key] = opened
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return opened

    def _opened(self, identifier: str, user: str | None, bands: Sequence[str]) -> ServedService:
        def planner(_: Mapping[str, Any]) -> Readable:
            return self._backend.driver.plan_of_result(identifier, user)

        return ServedService(
            identifier,
            texts={"title": identifier, "abstract": "", "attribution": ""},
            planner=planner,
            uses=frozenset(),
            configuration={"bands": list(bands)} if bands else {},
        )
