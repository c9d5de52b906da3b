"""Microservice secondary web services: which types there are, and a user's own services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response

from openeo_plugin.api import billing, requests, service_seeding
from openeo_plugin.api.assets import expiry
from openeo_plugin.api.http import empty_response, json_body, json_response
from openeo_plugin.api.jobs import newest_first, rfc3339
from openeo_plugin.api.links import api_url
from openeo_plugin.api.logs import log_response
from openeo_plugin.api.paging import page_links, requested_page, shown
from openeo_plugin.api.routing import Access, Route, the_backend
from services import registry
from services.access import check_service, used_parameters
from services.kept_tiles import kept_tiles_of
from services.seed_run import ledger_of
from services.ticket import with_ticket
from services.visit import is_private

if TYPE_CHECKING:
    from db.service_use import ServiceUse
    from db.services import Service

NAMED = frozenset({"process", "title", "description", "enabled", "configuration", "plan", "budget", "type"})
FIXED = frozenset({"id", "url", "attributes", "created", "usage", "costs"})


def list_service_types(user: str | None) -> Response:
    """`GET /service_types`."""
    return json_response(registry.service_types())


def list_services(user: str) -> Response:
    """`GET /services`."""
    backend, page = the_backend(), requested_page()
    found = backend.services.list(user, limit=page.fetched, after=page.behind_moment)
    return json_response(
        {
            "services": [_summary(service) for service in shown(found, page)],
            "links": page_links(backend.settings, "/services", page, found, key=newest_first),
        }
    )


def create_service(user: str) -> Response:
    """`POST /services`: refuses what could not be shown, before any pixel is read."""
    backend, body = the_backend(), json_body()
    plan, budget = billing.requested_plan(body, backend.settings), billing.requested_budget(body, backend.settings)
    extras = _extras(body)
    configuration = requests.mapping(body, "configuration")
    type_name = registry.validate(requests.text(body, "type") or "", configuration)
    process = requests.process(body)
    _check(user, type_name, process, configuration)
    service = backend.services.create(
        user,
        type_name,
        process,
        title=requests.text(body, "title"),
        description=requests.text(body, "description"),
        configuration=configuration,
        enabled=requests.flag(body, "enabled", True),
        plan=plan,
        budget=budget,
        attributes=extras,
    )
    headers = {"Location": api_url(backend.settings, f"/services/{service.id}"), "OpenEO-Identifier": service.id}
    return empty_response(201, headers)


def describe_service(user: str, service_id: str) -> Response:
    """`GET /services/{service_id}`."""
    service = the_backend().services.get(service_id, user)
    _, attributes = registry.attributes(service, the_backend().settings.public_base, _segment(service))
    details = {
        "process": service.process,
        "configuration": service.configuration,
        "attributes": attributes,
        "usage": usage(the_backend().services.use(service.id)),
    }
    return json_response({**service.attributes, **_summary(service), **details})


def update_service(user: str, service_id: str) -> Response:
    """`PATCH /services/{service_id}`."""
    backend, body = the_backend(), json_body()
    service = backend.services.get(service_id, user)
    requests.refuse_fixed(body, FIXED)
    changes = _changes(body)
    if _extras(body):
        changes["attributes"] = {**service.attributes, **_extras(body)}
    if changes.keys() & {"process", "configuration", "type"}:
        configuration = changes.get("configuration", service.configuration)
        type_name = registry.validate(changes.get("type", service.type), configuration)
        _check(user, type_name, changes.get("process", service.process), configuration)
    backend.services.update(service_id, user, **changes)
    return empty_response(204)


def delete_service(user: str, service_id: str) -> Response:
    """`DELETE /services/{service_id}`."""
    backend = the_backend()
    backend.services.delete(service_id, user)
    ledger_of(backend.settings).forget(service_id)
    tiles = kept_tiles_of(backend.settings)
    if tiles is not None:
        tiles.forget(service_id)
    return empty_response(204)


def list_service_logs(user: str, service_id: str) -> Response:
    """`GET /services/{service_id}/logs`."""
    backend = the_backend()
    service = backend.services.get(service_id, user)
    path = f"/services/{service.id}/logs"
    return log_response(backend.settings, path, lambda **asked: backend.services.logs(service.id, **asked))


def usage(use: ServiceUse) -> dict[str, Any]:
    """What a service was used, as openEO has it; that of its last seconds is not counted yet."""
    return {
        "duration": {"value": round(use.duration_s, 3), "unit": "seconds"},
        "input": {"value": round(use.read_bytes / 1e6, 6), "unit": "mb"},
        "network": {"value": round(use.sent_bytes / 1e6, 6), "unit": "mb"},
        "requests": {"value": use.requests, "unit": "requests"},
        "requests_from_cache": {"value": use.cached, "unit": "requests"},
        "requests_refused": {"value": use.refused, "unit": "requests"},
    }


def _check(user: str, type_name: str, process: dict[str, Any], configuration: dict[str, Any]) -> None:
    """Plan the process as the service will, with its process parameters not set."""
    used = used_parameters(process, frozenset(registry.parameter_defaults(type_name)))
    plan = the_backend().driver.plan(process, user, dict.fromkeys(used) or None)
    plan.refuse_exports()
    check_service(plan, type_name, configuration)


def _changes(body: dict[str, Any]) -> dict[str, Any]:
    settings = the_backend().settings
    changes: dict[str, Any] = {name: requests.text(body, name) for name in ("title", "description") if name in body}
    if body.get("enabled") is not None:
        changes["enabled"] = requests.flag(body, "enabled", True)
    if "configuration" in body:
        changes["configuration"] = requests.mapping(body, "configuration")
    if "type" in body:
        changes["type"] = registry.validate(requests.text(body, "type") or "", {})
    if "process" in body:
        changes["process"] = requests.process(body)
    if "budget" in body:
        changes["budget"] = billing.requested_budget(body, settings)
    if body.get("plan") is not None:
        changes["plan"] = billing.requested_plan(body, settings)
    return changes


def _extras(body: dict[str, Any]) -> dict[str, Any]:
    """The log level, and what clients add on their own: kept and given back."""
    requests.log_level(body)
    return {name: value for name, value in body.items() if name not in NAMED | FIXED and value is not None}


def _segment(service: Service) -> str:
    """How addresses name a service: a private one with a ticket, since no map client sends tokens."""
    if not is_private(service):
        return service.id
    return with_ticket(service.id, service.owner, the_backend().secret, expiry())


def _summary(service: Service) -> dict[str, Any]:
    settings = the_backend().settings
    url, _ = registry.attributes(service, settings.public_base, _segment(service))
    fields = {
        "id": service.id,
        "title": service.title,
        "description": service.description,
        "url": url,
        "type": service.type,
        "enabled": service.enabled,
        "created": rfc3339(service.created),
        "plan": service.plan,
        "budget": service.budget,
        "costs": None if settings.billing_currency is None else 0.0,  # looking at maps is not charged
    }
    return {name: value for name, value in fields.items() if value is not None}


ROUTES = (
    Route("GET", "/service_types", list_service_types, Access.PUBLIC),
    Route("GET", "/services", list_services),
    Route("POST", "/services", create_service),
    Route("GET", "/services/{service_id}", describe_service),
    Route("PATCH", "/services/{service_id}", update_service),
    Route("DELETE", "/services/{service_id}", delete_service),
    Route("GET", "/services/{service_id}/logs", list_service_logs),
    *service_seeding.ROUTES,
)
