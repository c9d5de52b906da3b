"""The one place where whatever goes wrong becomes `{id, code, message, links}`."""

from __future__ import annotations

import logging
import re
import uuid

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from db.session import code_of
from openeo_plugin.api.http import json_response
from openeo_plugin.errors import RETRY_AFTER_S, OpenEOError

log = logging.getLogger(__name__)

# Endpoints of openEO API 1.3 and its extensions that an instance may not have.
STANDARD_ENDPOINTS = re.compile(
    r"/(collections(/[^/]+(/queryables)?)?|processes|udf_runtimes|credentials/(oidc|basic)|me|validation|result"
    r"|process_graphs(/[^/]+)?|service_types|services(/[^/]+(/logs)?)?|jobs(/[^/]+(/(results|logs|estimate))?)?"
    r"|files(/.+)?|workspaces(/[^/]+)?|workspace_providers)"
)


def install(app: Flask) -> None:
    """Handle every kind of error of an application."""
    app.register_error_handler(OpenEOError, _known)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def error_document(error: Exception) -> dict[str, object]:
    """`{id, code, message, links}` of any error. What is unexpected goes to the log, and only its id to the client."""
    return told(error).to_json()


def told(error: Exception) -> OpenEOError:
    """What a client is told of an error; the log gets the rest."""
    if isinstance(error, OpenEOError):
        if error.status >= 500 and error.status != 501:  # what is not offered is no fault of the server
            log.error("%s %s: %s", error.id, error.code, error.message)
        return error
    shown = OpenEOError(code_of(error))
    log.error("%s %s", shown.code, shown.id, exc_info=error)
    return shown


def _known(error: OpenEOError) -> Response:
    response = json_response(error_document(error), error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="openEO"'
    if error.status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    if "retry_after_s" in error.details:
        response.headers["Retry-After"] = str(error.details["retry_after_s"])
    return response


def _http(error: HTTPException) -> Response:
    """Flask's own errors in openEO's words; their headers (Allow, Content-Range) are kept."""
    known = _official(error)
    if known is None:
        document: dict[str, object] = {
            "id": str(uuid.uuid4()),
            "code": re.sub(r"\W", "", error.name),
            "message": error.description or error.name,
            "links": [],
        }
        response = json_response(document, error.code or 500)
    else:
        response = _known(known)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _official(error: HTTPException) -> OpenEOError | None:
    match error.code:
        case 400:
            return OpenEOError("RequestInvalid", reason="it can't be read.")
        case 404:
            return _absent(request.path)
        case 405:
            methods = getattr(error, "valid_methods", None) or ()
            return OpenEOError("MethodNotAllowed", methods=", ".join(sorted(methods)))
        case 413:
            return OpenEOError("RequestTooLarge", limit_bytes=request.max_content_length)
        case 415:
            return OpenEOError("ContentTypeInvalid", types="application/json")
        case 500:
            return OpenEOError("Internal")
    return None


def _absent(path: str) -> OpenEOError:
    """The standard's own endpoints are told apart from addresses that nobody knows."""
    if STANDARD_ENDPOINTS.fullmatch(path):
        return OpenEOError("FeatureUnsupported", reason="this instance does not offer the endpoint; see GET /.")
    return OpenEOError("NotFound")


def _unexpected(error: Exception) -> Response:
    shown = told(error)
    return _known(shown) if shown.code != "Internal" else json_response(shown.to_json(), shown.status)
