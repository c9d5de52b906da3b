"""WMTS and WMS of every service under one WSGI application, each as a small MapProxy of its own.

An application is built at the first request for a service and kept by (id, stamp), so a new or changed service is
there at once, and services nobody looks at cost nothing.
"""

from __future__ import annotations

import gzip
import json
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from db.session import code_of
from openeo_plugin.backend import Backend
from openeo_plugin.errors import RETRY_AFTER_S, OpenEOError
from services.access import Opened, OpenServices
from services.dates import Dates
from services.ows_exception import OwsRefusalError, exception_report, is_wms
from services.ows_request import MapproxyRequest, check, parse, split
from services.visit import public_segment

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]

KEPT_APPS = 64
KEPT_DOCUMENTS = 128
_BLANKS = re.compile(rb">\s*\n\s*<")
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


class Document:
    """Capabilities as they were written, and packed: those with a thousand dates take a tenth of the way then."""

    def __init__(self, status: str, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self._headers = [pair for pair in headers if pair[0].lower() not in ("content-length", "vary")]
        self._plain = body
        self._packed = gzip.compress(body, mtime=0)

    def send(self, start_response: StartResponse, packed: bool) -> Iterable[bytes]:
        """Answer with it."""
        body = self._packed if packed else self._plain
        added = [("Content-Length", str(len(body))), ("Vary", "Accept-Encoding")]
        start_response(self.status, [*self._headers, *added, *([("Content-Encoding", "gzip")] if packed else [])])
        return [body]


class OwsDispatcher:
    """Hands a request to the MapProxy of the service that its path begins with. Safe to use from many threads."""

    def __init__(self, backend: Backend, services: OpenServices) -> None:
        self._public_base = backend.settings.public_base
        self._max_zoom = backend.settings.tile_max_zoom
        self._services = services
        self._lock = threading.Lock()
        self._documents: OrderedDict[tuple[str, ...], Document] = OrderedDict()
        self._apps: OrderedDict[tuple[str, str], WsgiApp] = OrderedDict()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a WSGI request; whatever is not an OWS request to a service that exists is answered in JSON."""
        try:
            return self._answer(environ, start_response)
        except OpenEOError as error:
            return _refuse(error, start_response)
        except Exception as error:
            found = OpenEOError(code_of(error))
            log.exception("%s %s at %s", found.code, found.id, environ.get("PATH_INFO"))
            return _refuse(found, start_response)

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            raise OpenEOError("MethodNotAllowed", methods="GET, HEAD")
        service_id, path = split(environ.get("PATH_INFO", ""))
        opened = self._services.open_now(service_id)
        served = opened.served
        request = parse(path, environ.get("QUERY_STRING", ""), dated=bool(served.dates.labels))
        try:
            check(request)
            _check_time(served.dates, request)
        except OwsRefusalError as error:
            return _send(start_response, "400 Bad Request", *exception_report(error.code, error.message, request.given))
        inner = self._placed({**environ, "PATH_INFO": request.path, "QUERY_STRING": request.query}, service_id)
        if not request.for_capabilities or environ["REQUEST_METHOD"] != "GET":
            return _run(self._app(opened), inner, start_response, request.time)
        return self._capabilities(opened, inner, start_response)

    def _capabilities(self, opened: Opened, inner: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Capabilities are written once: MapProxy takes longer for them than a tile takes."""
        key = (opened.stamp, inner["SCRIPT_NAME"], inner["PATH_INFO"], inner["QUERY_STRING"])
        with self._lock:
            kept = self._documents.get(key)
        if kept is None:
            answers: list[Any] = []
            body = b"".join(_run(self._app(opened), inner, lambda *given: answers.append(given), None))
            status, headers = answers[-1][:2]
            kept = Document(status, headers, _BLANKS.sub(b">\n<", body))
            if kept.status.startswith("200"):
                self._keep(key, kept)
        return kept.send(start_response, "gzip" in inner.get("HTTP_ACCEPT_ENCODING", ""))

    def _keep(self, key: tuple[str, ...], document: Document) -> None:
        with self._lock:
            self._documents[key] = document
            while len(self._documents) > KEPT_DOCUMENTS:
                self._documents.popitem(last=False)

    def _app(self, opened: Opened) -> WsgiApp:
        from services.mapproxy_app import mapproxy_app

        key = opened.served.id, opened.stamp
        with self._lock:
            app = self._apps.get(key)
            if app is None:
                app = self._apps[key] = mapproxy_app(opened.served, self._max_zoom)
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
        environ["SCRIPT_NAME"] = f"{base.path.rstrip('/')}/ogc/{public_segment(service_id)}"
        return environ


def _check_time(dates: Dates, request: MapproxyRequest) -> None:
    """Raises: OwsRefusalError, for a date that there is not."""
    try:
        dates.index(request.time)
    except OpenEOError as error:
        code = "InvalidDimensionValue" if is_wms(request.given) else "InvalidParameterValue"
        raise OwsRefusalError(code, error.message) from None


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
    wait_s = {429: error.details.get("retry_after_s", 1), 503: RETRY_AFTER_S}.get(error.status)
    headers = [] if wait_s is None else [("Retry-After", str(wait_s))]
    body = json.dumps(error.to_json()).encode()
    return _send(start_response, f"{error.status} {error.code}", body, "application/json", headers)


def _send(
    start_response: StartResponse, status: str, body: bytes, media_type: str, headers: Sequence[tuple[str, str]] = ()
) -> Iterable[bytes]:
    length = str(len(body))
    own = [("Content-Type", media_type), ("Content-Length", length), ("X-Content-Type-Options", "nosniff")]
    start_response(status, [*own, *headers])
    return [body]
