"""The OGC API as a WSGI application: own routes around pygeoapi's functions.

request -> user -> scope -> function of pygeoapi (or of this package) -> answer

`pygeoapi.flask_app` is not used: it reads its configuration from the environment when it is imported. pygeoapi itself
is imported and built with the first request.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, current_app, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.wsgi import wrap_file

from db.session import code_of
from openeo_plugin.engine.operator import Canceled
from openeo_plugin.errors import RETRY_AFTER_S, OpenEOError
from openeo_plugin.ogcapi.address import InvalidParameterError, check_parameters, trim_choices
from openeo_plugin.ogcapi.configuration import pygeoapi_configuration
from openeo_plugin.ogcapi.resources import GEOTIFF, LiveResources
from openeo_plugin.ogcapi.scope import Scope, entered

if TYPE_CHECKING:
    from openeo_plugin.backend import Backend

log = logging.getLogger(__name__)

PAGE_POLICY = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


@dataclass(frozen=True)
class Route:
    """One route.

    Args:
        rule: in Flask's words.
        function: `module:name` of what answers, with the signature of pygeoapi's functions.
        methods: besides HEAD and OPTIONS.
        own_formats: whether the function itself judges the format asked for.
        json_type: media type of an answer that pygeoapi calls plain JSON.
    """

    rule: str
    function: str
    methods: tuple[str, ...] = ("GET",)
    own_formats: bool = False
    json_type: str = "application/json"


_OURS = "openeo_plugin.ogcapi"
GEOJSON = "application/geo+json"
ROUTES = (
    Route("/", "pygeoapi.api:landing_page"),
    Route("/openapi", "pygeoapi.api:openapi_"),
    Route("/conformance", f"{_OURS}.conformance:conformance"),
    Route("/collections", "pygeoapi.api:describe_collections"),
    Route("/collections/<collection_id>", "pygeoapi.api:describe_collections"),
    Route("/collections/<collection_id>/schema", "pygeoapi.api:get_collection_schema"),
    Route("/collections/<collection_id>/queryables", "pygeoapi.api.itemtypes:get_collection_queryables"),
    Route("/collections/<collection_id>/items", f"{_OURS}.features:get_items", ("GET", "POST"), True, GEOJSON),
    Route(
        "/collections/<collection_id>/items/<item_id>", "pygeoapi.api.itemtypes:get_collection_item", json_type=GEOJSON
    ),
    Route("/collections/<collection_id>/coverage", f"{_OURS}.coverage_page:get_coverage", own_formats=True),
    Route("/collections/<collection_id>/map", f"{_OURS}.map_page:get_map", own_formats=True),
    Route("/collections/<collection_id>/tiles", f"{_OURS}.map_page:get_tilesets"),
    Route("/collections/<collection_id>/tiles/<tileset>", f"{_OURS}.map_page:get_tileset"),
    Route(
        "/collections/<collection_id>/tiles/<tileset>/<matrix>/<row>/<column>",
        f"{_OURS}.map_page:get_tile",
        own_formats=True,
    ),
    Route("/processes", "pygeoapi.api.processes:describe_processes"),
    Route("/processes/<process_id>", "pygeoapi.api.processes:describe_processes"),
    Route("/processes/<process_id>/execution", f"{_OURS}.execution:execute", ("POST",)),
    Route("/jobs", f"{_OURS}.job_status:list_or_describe"),
    Route("/jobs/<job_id>", f"{_OURS}.job_status:list_or_describe"),
    Route("/jobs/<job_id>", "pygeoapi.api.processes:delete_job", ("DELETE",)),
    Route("/jobs/<job_id>/results", "pygeoapi.api.processes:get_job_result"),
    Route("/TileMatrixSets", "pygeoapi.api.tiles:tilematrixsets"),
    Route("/TileMatrixSets/<tile_matrix_set_id>", "pygeoapi.api.tiles:tilematrixset"),
)


def create_ogcapi(backend: Backend) -> Flask:
    """The application, to be mounted at `/oapi`. Cheap: pygeoapi is loaded with the first request."""
    app = Flask("openeo_plugin.ogcapi", static_folder="static")
    app.config["MAX_CONTENT_LENGTH"] = backend.settings.request_max_bytes
    app.url_map.strict_slashes = False
    app.extensions["ogcapi"] = _Face(backend)
    for number, route in enumerate(ROUTES):
        app.add_url_rule(route.rule, str(number), _view(route), methods=list(route.methods))
    app.register_error_handler(Exception, _failure)
    app.after_request(_with_headers)
    return app


class _Face:
    """A back-end and the pygeoapi that shows it."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._resources = LiveResources()
        self._lock = threading.Lock()
        self._api: Any = None

    def api(self) -> Any:
        """The `API` of pygeoapi, built once. Needs a scope."""
        with self._lock:
            if self._api is None:
                self._api = self._built()
            return self._api

    def _built(self) -> Any:
        from pygeoapi import l10n
        from pygeoapi.api import API

        from openeo_plugin.ogcapi.openapi import openapi_document

        settings = self.backend.settings
        if settings.log_level != "debug":
            logging.getLogger("pygeoapi").setLevel(logging.CRITICAL)  # it logs every 404 as an error, with its trace
        l10n._cfg_cache.clear()  # pages would show the configuration of whichever API of this process came first
        config = pygeoapi_configuration(settings, self._resources)
        with _own_logging():
            return API(config, openapi_document(config))


@contextmanager
def _own_logging() -> Iterator[None]:
    """Keep pygeoapi from setting up the log of the whole process: it does so only while nobody listens."""
    listener = logging.NullHandler()
    logging.getLogger().addHandler(listener)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(listener)


def _view(route: Route) -> Callable[..., Response]:
    module, name = route.function.split(":")

    def view(**arguments: str) -> Response:
        face: _Face = current_app.extensions["ogcapi"]
        check_parameters(request.args)
        with entered(Scope(face.backend, _user(face.backend), request.args.to_dict())):
            function = getattr(importlib.import_module(module), name)
            return _answer(face.api(), function, route, arguments)

    return view


def _answer(api: Any, function: Callable[..., Any], route: Route, arguments: dict[str, str]) -> Response:
    if "collection_id" in arguments:
        _require_collection(api, arguments["collection_id"])
    asked = _api_request(api)
    if not route.own_formats and not asked.is_valid():
        headers, status, content = api.get_format_exception(asked)
    else:
        headers, status, content = function(api, asked, *arguments.values())
    response = _response(content if status < 400 else _in_both_words(content), status)
    for name, value in headers.items():
        response.headers[name] = value
    if status == 200 and response.content_type == "application/json":
        response.content_type = route.json_type
    return response


def _in_both_words(content: Any) -> Any:
    """An exception of pygeoapi (`code`, `type`, `description`) with what openEO clients look for beside it."""
    try:
        document = json.loads(content)
    except (TypeError, ValueError):
        return content  # a page
    if not isinstance(document, dict) or "code" not in document:
        return content
    found = {"id": str(uuid.uuid4()), "message": document.get("description") or document["code"], "links": []}
    return json.dumps({**found, **document})


def _response(content: Any, status: int) -> Response:
    """Text or bytes as they are, an open file block by block."""
    if not hasattr(content, "read"):
        return Response(content, status, content_type="application/json")
    response = Response(wrap_file(request.environ, content), status, direct_passthrough=True)
    response.content_length = os.fstat(content.fileno()).st_size
    response.call_on_close(content.close)
    return response


def _api_request(api: Any) -> Any:
    """The request as pygeoapi sees it: JSON unless something else is asked for, GeoTIFF by its media type too."""
    from pygeoapi.api import APIRequest

    trim_choices(request.environ)
    asked = APIRequest.from_flask(request, api.locales)
    asked._format = asked._get_format(request.headers, {GEOTIFF["name"]: GEOTIFF["mimetype"]}) or "json"
    return asked


def _user(backend: Backend) -> str | None:
    """Name of the user who sent the request, None without a token.

    Raises: AuthenticationSchemeInvalid, TokenInvalid.
    """
    header = request.headers.get("Authorization", "").strip()
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise OpenEOError("AuthenticationSchemeInvalid")
    return backend.auth.user_of(token.strip()).name


def _require_collection(api: Any, identifier: str) -> None:
    """Raises: CollectionNotFound, for what there is not, what is another user's, and for processes."""
    resource = api.config["resources"].get(identifier)
    if resource is None or resource["type"] != "collection":
        raise OpenEOError("CollectionNotFound", identifier=identifier)


def _failure(error: Exception) -> Response:
    """Any error as the exception document of the OGC APIs. What is unexpected is known to the log only."""
    if isinstance(error, Canceled):
        return Response(status=499)
    if isinstance(error, HTTPException):
        code, message, status = error.name.replace(" ", ""), error.description or error.name, error.code or 500
        response = _exception(code, message, status)
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response
    if isinstance(error, InvalidParameterError):
        return _exception("InvalidParameterValue", str(error), 400)
    known = error if isinstance(error, OpenEOError) else OpenEOError(code_of(error))
    if known.status >= 500:
        log.error("%s %s", known.code, known.id, exc_info=error)
    document = {**known.to_json(), "type": known.code, "description": known.message}
    response = jsonify(document)
    response.status_code = known.status
    if known.status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if known.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="openEO"'
    return response


def _exception(code: str, message: str, status: int) -> Response:
    shown = {"id": str(uuid.uuid4()), "code": code, "message": message, "links": []}
    response: Response = jsonify({**shown, "type": code, "description": message})
    response.status_code = status
    return response


def _with_headers(response: Response) -> Response:
    response.headers.pop("X-Powered-By", None)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Vary"] = "Authorization, Accept, Accept-Language"
    if "Authorization" in request.headers:
        response.headers["Cache-Control"] = "private, no-cache"
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response
