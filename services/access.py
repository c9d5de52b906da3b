"""The one door to services: every face opens a service here, by its id, or gets `ServiceNotFound`."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openeo_plugin.errors import OpenEOError
from services.dates import dates_of
from services.readable import Readable
from services.registry import parameter_defaults, service_type
from services.served import ServedService, map_description
from services.style import bind
from services.tile_store import TileStore
from services.visit import current_visit, is_private

if TYPE_CHECKING:
    from db.services import Service
    from openeo_plugin.backend import Backend

SERVICE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
OPENED = 64


@dataclass(frozen=True)
class Opened:
    """A service that is ready to be shown.

    Args:
        service: as it is stored.
        stamp: changes with every change of the service and of the collections that it reads.
    """

    served: ServedService
    service: Service
    stamp: str


@dataclass(frozen=True)
class Found:
    """A stored service, and the service opened if it is at hand and its data has not changed."""

    service: Service
    opened: Opened | None


@dataclass
class _Slot:
    """revision: of the catalogue, when it was last looked at."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    opened: Opened | None = None
    revision: object = None


class OpenServices:
    """The services in use: opened at their first request, kept by (id, version), the longest unused dropped.

    Args:
        backend: stores and driver.
        tiles: where pictures of tiles are kept; nowhere for None.
        limit: how many are kept open.
    """

    def __init__(self, backend: Backend, tiles: TileStore | None = None, limit: int = OPENED) -> None:
        self._backend = backend
        self._tiles = tiles
        self._limit = limit
        self._lock = threading.Lock()
        self._slots: OrderedDict[tuple[str, int], _Slot] = OrderedDict()

    def open(self, service_id: str) -> ServedService:
        """The service of that id, as it is now.

        Raises: ServiceNotFound if there is none or it is disabled; what planning its process raises.
        """
        return self.open_now(service_id).served

    def open_now(self, service_id: str) -> Opened:
        """The service and its stamp. Behind the door, the service is the one that was let in."""
        visit = current_visit()
        let_in = visit is not None and visit.service.id == service_id
        if visit and let_in and visit.opened:
            return visit.opened
        service = visit.service if visit and let_in else self.find(service_id)
        slot = self._slot(service)
        revision = self._backend.collections.revision()
        with slot.lock:
            if not self._is_fresh(slot, service, revision):
                slot.opened = self._opened(service)
                slot.revision = revision
            assert slot.opened is not None
            return slot.opened

    def look(self, service_id: str) -> Found:
        """What is known of a service without opening it; one short question to the database if it is open.

        Raises: ServiceNotFound if there is none or it is disabled.
        """
        _check_id(service_id)
        state = self._backend.services.state(service_id)
        with self._lock:
            slot = self._slots.get((service_id, state.version))
        if slot is None or slot.opened is None:
            return Found(self.find(service_id), None)
        opened = slot.opened
        return Found(opened.service, opened if self._is_fresh(slot, opened.service, state.revision) else None)

    def at_hand(self, service: Service) -> Opened | None:
        """The service, if it is open, without a look at the catalogue."""
        with self._lock:
            slot = self._slots.get((service.id, service.version))
        return slot.opened if slot else None

    def find(self, service_id: str) -> Service:
        """The stored service.

        Raises: ServiceNotFound if there is none or it is disabled.
        """
        _check_id(service_id)
        service = self._backend.services.find(service_id)
        if not service.enabled:
            raise OpenEOError("ServiceNotFound", identifier=service_id)
        return service

    def _is_fresh(self, slot: _Slot, service: Service, revision: object) -> bool:
        if slot.opened is None:
            return False
        if slot.revision != revision:
            if self._stamp(service, slot.opened.served.collections) != slot.opened.stamp:
                return False
            slot.revision = revision
        return True

    def _opened(self, service: Service) -> Opened:
        served = open_service(self._backend, service)
        stamp = self._stamp(service, served.collections)
        if self._tiles is not None and service.configuration.get("cache", True) is not False:
            owner = service.owner if is_private(service) else None
            served.keep_tiles(self._tiles.of(service.id, stamp, owner))
        return Opened(served, service, stamp)

    def _stamp(self, service: Service, collections: tuple[str, ...]) -> str:
        changed = self._backend.collections.changed(collections) if collections else {}
        digest = hashlib.sha256(repr(sorted(changed.items())).encode()).hexdigest()[:16]
        return f"{service.version}-{digest}"

    def _slot(self, service: Service) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault((service.id, service.version), _Slot())
            self._slots.move_to_end((service.id, service.version))
            while len(self._slots) > self._limit:
                self._slots.popitem(last=False)
            return slot


def _check_id(service_id: str) -> None:
    if not SERVICE_ID.fullmatch(service_id):
        raise OpenEOError("ServiceNotFound", identifier=service_id[:128])


def open_service(backend: Backend, service: Service) -> ServedService:
    """Plan the process of a stored service, with the rights of its owner."""
    process, owner = service.process, service.owner

    def planner(arguments: Mapping[str, Any]) -> Readable:
        return backend.driver.plan(process, owner, dict(arguments) or None)

    return ServedService(
        service.id,
        texts=_texts(service),
        planner=planner,
        uses=used_parameters(process, frozenset(parameter_defaults(service.type))),
        configuration={name: value for name, value in service.configuration.items() if value is not None},
    )


def check_service(plan: Readable, type_name: str, configuration: Mapping[str, Any]) -> None:
    """Refuse a service that could not be shown: no raster cube, an unknown band or date. Reads no pixels.

    Raises: ServiceUnsupported, ServiceConfigUnsupported, ServiceConfigInvalid, ProcessGraphInvalid.
    """
    service_type(type_name)
    description = map_description(plan)
    bind(configuration, description)
    dates_of(description, configuration.get("time"))


def used_parameters(process: Mapping[str, Any], offered: frozenset[str]) -> frozenset[str]:
    """Which process parameters of a service a process refers to.

    In callbacks `x` and `y` are the callback's own.
    """
    found: set[str] = set()
    _collect(process.get("process_graph", {}), offered, found)
    return frozenset(found)


def _collect(value: Any, names: frozenset[str], found: set[str]) -> None:
    if isinstance(value, dict):
        reference = value.get("from_parameter")
        if isinstance(reference, str) and reference in names:
            found.add(reference)
        for key, inner in value.items():
            _collect(inner, names - {"x", "y"} if key == "process_graph" else names, found)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, names, found)


def _texts(service: Service) -> dict[str, str]:
    configured = service.configuration
    return {
        "title": configured.get("title") or service.title or service.id,
        "abstract": configured.get("abstract") or service.description or "",
        "attribution": configured.get("attribution") or "",
    }
