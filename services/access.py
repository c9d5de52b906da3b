"""The one door to services: every face opens a service here, by its id, or gets `ServiceNotFound`."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openeo_plugin.errors import OpenEOError
from services.dates import dates_of
from services.gate import Gate
from services.readable import Readable
from services.registry import parameter_defaults, service_type
from services.served import ServedService, map_description
from services.style import bind

if TYPE_CHECKING:
    from db.services import Service
    from openeo_plugin.backend import Backend

SERVICE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
OPENED = 64
WAITING = 36
WAIT_S = 20.0


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    served: ServedService | None = None


class OpenServices:
    """The services in use: opened at their first request, kept by (id, version), the longest unused dropped.

    Args:
        backend: stores and driver.
        limit: how many are kept open.
    """

    def __init__(self, backend: Backend, limit: int = OPENED) -> None:
        self._backend = backend
        self._limit = limit
        self._lock = threading.Lock()
        self._slots: OrderedDict[tuple[str, int], _Slot] = OrderedDict()

    def open(self, service_id: str) -> ServedService:
        """The service of that id, as it is now.

        Raises: ServiceNotFound if there is none or it is disabled; what planning its process raises.
        """
        return self.open_version(service_id)[0]

    def open_version(self, service_id: str) -> tuple[ServedService, int]:
        """The service and its version, which changes with every change of it."""
        service = self._find(service_id)
        slot = self._slot((service.id, service.version))
        with slot.lock:
            if slot.served is None:
                slot.served = open_service(self._backend, service)
            return slot.served, service.version

    def _find(self, service_id: str) -> Service:
        if not SERVICE_ID.fullmatch(service_id):
            raise OpenEOError("ServiceNotFound", identifier=service_id[:128])
        service = self._backend.services.find(service_id)
        if not service.enabled:
            raise OpenEOError("ServiceNotFound", identifier=service_id)
        return service

    def _slot(self, key: tuple[str, int]) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > self._limit:
                self._slots.popitem(last=False)
            return slot


def open_service(backend: Backend, service: Service) -> ServedService:
    """Plan the process of a stored service, with the rights of its owner."""
    process, owner = service.process, service.owner

    def planner(arguments: Mapping[str, Any]) -> Readable:
        return backend.driver.plan(process, owner, dict(arguments) or None)

    running = max(2, backend.settings.threads)
    return ServedService(
        service.id,
        texts=_texts(service),
        planner=planner,
        uses=used_parameters(process, frozenset(parameter_defaults(service.type))),
        configuration={name: value for name, value in service.configuration.items() if value is not None},
        gate=Gate(running, WAITING, WAIT_S),
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
