"""Tiles of a service that its owner has made ahead: the order, how it stands, and its end. Beyond openEO."""

from __future__ import annotations

from flask import Response, current_app, request

from openeo_plugin.api.http import empty_response, json_body, json_response
from openeo_plugin.api.links import api_url
from openeo_plugin.api.routing import Route, the_backend
from openeo_plugin.errors import OpenEOError
from services.access import OpenServices
from services.seed_desk import SeedDesk
from services.seed_order import order_of
from services.seed_run import ledger_of
from services.seeding import tiles_of

_DESK = "openeo_seed_desk"


def order_tiles(user: str, service_id: str) -> Response:
    """`POST /services/{service_id}/seed`: refuses at once what can't be made; the tiles are made behind the scenes."""
    backend = the_backend()
    service = backend.services.get(service_id, user)
    order = order_of(json_body() if request.mimetype or request.content_length else {})
    if not backend.settings.tile_cache_bytes or service.configuration.get("cache", True) is False:
        raise OpenEOError("RequestInvalid", reason="tiles of this service are not kept")
    if not service.enabled:
        raise OpenEOError("RequestInvalid", reason="the service is disabled")
    settings = backend.settings
    tiles_of(OpenServices(backend).open(service_id), order, settings.tile_max_zoom, settings.seed_tiles_max)
    response = json_response(_desk().take(service, order).to_json(), 202)
    response.headers["Location"] = api_url(settings, f"/services/{service_id}/seed")
    return response


def describe_tiles(user: str, service_id: str) -> Response:
    """`GET /services/{service_id}/seed`: how the latest order stands."""
    backend = the_backend()
    service = backend.services.get(service_id, user)
    status = ledger_of(backend.settings).read(service.id)
    if status is None:
        raise OpenEOError("NotFound", message="No tiles of this service were made ahead.")
    return json_response(status.to_json())


def stop_tiles(user: str, service_id: str) -> Response:
    """`DELETE /services/{service_id}/seed`: no further tiles are made; those that there are stay."""
    backend = the_backend()
    ledger_of(backend.settings).ask_to_stop(backend.services.get(service_id, user).id)
    return empty_response(204)


def _desk() -> SeedDesk:
    desk: SeedDesk = current_app.extensions.setdefault(_DESK, SeedDesk(the_backend()))
    return desk


ROUTES = (
    Route("POST", "/services/{service_id}/seed", order_tiles),
    Route("GET", "/services/{service_id}/seed", describe_tiles),
    Route("DELETE", "/services/{service_id}/seed", stop_tiles),
)
