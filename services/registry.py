"""The service types this back-end offers, and what can be said of a service without opening it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from openeo_plugin.errors import OpenEOError
from services.configuration import SETTINGS, check_configuration, colormap_names
from services.service_type import PROCESS_PARAMETERS, WCS, WMS, WMTS, XYZ, ServiceType

TYPES: dict[str, ServiceType] = {kind.id: kind for kind in (XYZ, WMTS, WMS, WCS)}


class Described(Protocol):
    """What `attributes` needs to know of a stored service."""

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def type(self) -> str: ...  # noqa: D102


def service_types() -> dict[str, Any]:
    """The answer of `GET /service_types`."""
    settings = {name: setting.to_json() for name, setting in SETTINGS.items()}
    settings["colormap"] = {**settings["colormap"], "enum": colormap_names()}
    return {kind.id: _to_json(kind, settings) for kind in TYPES.values()}


def service_type(name: str) -> ServiceType:
    """The service type called `name`, in any case.

    Raises: ServiceUnsupported.
    """
    kind = TYPES.get(name.upper()) if isinstance(name, str) else None
    if kind is None:
        raise OpenEOError("ServiceUnsupported", type=name, types=", ".join(TYPES))
    return kind


def validate(type_name: str, configuration: Mapping[str, Any] | None) -> str:
    """Check type and configuration before a service is stored; the type's name as it is to be stored.

    Whether the bands and the date exist in the cube is checked by `services.access.check_service`.

    Raises: ServiceUnsupported, ServiceConfigUnsupported, ServiceConfigInvalid.
    """
    kind = service_type(type_name)
    check_configuration(configuration or {})
    return kind.id


def parameter_defaults(type_name: str) -> dict[str, None]:
    """Arguments with which the process of a service is validated: every process parameter of the type, not set."""
    return dict.fromkeys(service_type(type_name).process_parameters)


def attributes(service: Described, public_base: str, segment: str | None = None) -> tuple[str, dict[str, Any]]:
    """URL and attributes of a service, as openEO clients get them.

    Args:
        public_base: what addresses begin with.
        segment: how addresses name the service, if not by its id alone (`services.ticket.with_ticket`).
    """
    kind = service_type(service.type)
    name = segment or service.id
    return kind.url(name, public_base), {**kind.attributes, "viewer": f"{public_base.rstrip('/')}/viewer/{name}"}


def _to_json(kind: ServiceType, settings: dict[str, Any]) -> dict[str, Any]:
    title, href = kind.about
    return {
        "title": kind.title,
        "description": kind.description,
        "configuration": settings,
        "process_parameters": [PROCESS_PARAMETERS[name] for name in kind.process_parameters],
        "links": [{"rel": "about", "href": href, "title": title}],
    }
