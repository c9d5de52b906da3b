"""WMTS and WMS of every service under one WSGI application, each as a small MapProxy of its own.

An application is built at the first request for a service and kept by (id, version), so a new or changed service is
there at once, and services nobody looks at cost nothing.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from openeo_plugin.backend import Backend
from openeo_plugin.errors import OpenEOError
from services.access import OpenServices
from services.ows_exception import exception_report
from services.served import ServedService

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]

KEPT_APPS = 64
KVP = "/service"
# Where KVP requests may arrive, and which service they mean if they don't say.
_KVP_PATHS = {"": None, "/": None, "/service": None, "/ows": None, "/wms": "WMS", "/wms/": "WMS", "/wmts": "WMTS"}
_NUMBERS = frozenset({"width", "height", "tilecol", "tilerow", "tilematrix", "i", "j", "x", "y", "feature_count"})
_WHOLE = re.compile(r"[+-]?[0-9]{1,9}")
_NUMBER = r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\s*"
_BBOX = re.compile(",".join([_NUMBER] * 4))
_FORGEABLE = ("HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_X_SCRIPT_NAME")

log = logging.getLogger(__name__)


def create_ows(backend: Backend, services: OpenServices | None = None) -> WsgiApp:
    """The WSGI application to mount at `/ogc`.

    Args:
        backend: where services are found and planned.
        services: opened services to share with other faces.
    """
    from services.mapproxy_app import register_source

    register_source()
    return OwsDispatcher(backend, services or OpenServices(backend))


class OwsDispatcher:
    """Hands a request to the MapProxy of the service that its path begins with. Safe to use from many threads."""

    def __init__(self, backend: Backend, services: OpenServices) -> None:
        self._public_base = backend.settings.public_base
        self._max_zoom = backend.settings.tile_max_zoom
        self._services = services
        self._lock = threading.Lock()
        self._apps: OrderedDict[tuple[str, int], WsgiApp] = OrderedDict()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a WSGI request; whatever is not an OWS request to a service that exists is answered in JSON."""
        try:
            return self._answer(environ, start_response)
        except OpenEOError as error:
            return _refuse(error, start_response)
        except Exception:
            internal = OpenEOError("Internal")
            log.exception("Internal error %s at %s", internal.id, environ.get("PATH_INFO"))
            return _refuse(internal, start_response)

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            raise OpenEOError("MethodNotAllowed", methods="GET, HEAD")
        service_id, rest = _split(environ.get("PATH_INFO", ""))
        served, version = self._services.open_version(service_id)
        if rest not in _KVP_PATHS and not rest.startswith("/wmts/"):
            raise OpenEOError("NotFound")
        given = _given(environ.get("QUERY_STRING", ""), rest)
        try:
            _check_numbers(given)
            time = given.get("time") or _time_in(rest, served)
            if "featureinfo" in given.get("request", "getfeatureinfo").lower():
                served.dates.index(time)
        except OpenEOError as error:
            return _send(start_response, "400 Bad Request", *exception_report(error.message, given))
        path = KVP if rest in _KVP_PATHS else rest
        inner = self._placed({**environ, "PATH_INFO": path, "QUERY_STRING": urlencode(given)}, service_id)
        with served.gate.admitted():
            return _run(self._app(served, version), inner, start_response, time)

    def _app(self, served: ServedService, version: int) -> WsgiApp:
        from services.mapproxy_app import mapproxy_app

        key = served.id, version
        with self._lock:
            app = self._apps.get(key)
            if app is None:
                app = self._apps[key] = mapproxy_app(served, self._max_zoom)
            self._apps.move_to_end(key)
            while len(self._apps) > KEPT_APPS:
                self._apps.popitem(last=False)
            return app

    def _placed(self, environ: Environ, service_id: str) -> Environ:
        """Addresses in capabilities begin with the public base, whatever the request's headers say."""
        base = urlsplit(self._public_base)
        for name in _FORGEABLE:
            environ.pop(name, None)
        environ["HTTP_HOST"] = base.netloc
        environ["wsgi.url_scheme"] = base.scheme
        environ["SCRIPT_NAME"] = f"{base.path.rstrip('/')}/ogc/{service_id}"
        return environ


def _split(path: str) -> tuple[str, str]:
    """`/{id}/rest` -> (id, "/rest")."""
    service_id, slash, rest = path.removeprefix("/").partition("/")
    return service_id, slash + rest


def _given(query: str, path: str) -> dict[str, str]:
    """The parameters of a request by lower-case name, with what may be left out filled in."""
    given = {name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)}
    if path in _KVP_PATHS:
        service = _KVP_PATHS[path]
        if service:
            given.setdefault("service", service)
        given.setdefault("request", "GetCapabilities")
    return given


def _check_numbers(given: Mapping[str, str]) -> None:
    """MapProxy answers "internal error" where a number is none.

    Raises: RequestInvalid.
    """
    for name in _NUMBERS & given.keys():
        if not _WHOLE.fullmatch(given[name]):
            raise OpenEOError("RequestInvalid", reason=f"{name.upper()} must be a whole number")
    if "bbox" in given and not _BBOX.fullmatch(given["bbox"]):
        raise OpenEOError("RequestInvalid", reason="BBOX must be four numbers separated by commas")


def _time_in(path: str, served: ServedService) -> str | None:
    """The date in the address of a tile: `/wmts/{layer}/{tile matrix set}/{TIME}/...`."""
    parts = path.split("/")
    return parts[4] if served.dates.labels and path.startswith("/wmts/") and len(parts) > 7 else None


def _run(app: WsgiApp, environ: Environ, start_response: StartResponse, time: str | None) -> Iterable[bytes]:
    """MapProxy's answer, with a status that tells whose fault an error is: MapProxy says 500 for both."""
    from services.mapproxy_source import OwsRequest, current

    request, answers = OwsRequest(time), []
    token = current.set(request)
    try:
        body = b"".join(app(environ, lambda status, headers, exc_info=None: answers.append((status, headers))))
    finally:
        current.reset(token)
    status, headers = answers[-1]
    if status.startswith("500") and not request.failed:
        if b"<" not in body:
            raise OpenEOError("Internal")  # MapProxy has logged it
        status = "400 Bad Request"
    start_response(status, [*headers, ("X-Content-Type-Options", "nosniff")])
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _refuse(error: OpenEOError, start_response: StartResponse) -> Iterable[bytes]:
    headers = [("Retry-After", str(error.details.get("retry_after_s", 1)))] if error.status == 429 else []
    body = json.dumps(error.to_json()).encode()
    return _send(start_response, f"{error.status} {error.code}", body, "application/json", headers)


def _send(
    start_response: StartResponse, status: str, body: bytes, media_type: str, headers: Sequence[tuple[str, str]] = ()
) -> Iterable[bytes]:
    length = str(len(body))
    own = [("Content-Type", media_type), ("Content-Length", length), ("X-Content-Type-Options", "nosniff")]
    start_response(status, [*own, *headers])
    return [body]
