"""Errors of the tile faces as the openEO API writes them: `{id, code, message, links}`."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from rio_tiler.errors import PointOutsideBounds
from starlette.exceptions import HTTPException

from db.session import code_of
from openeo_plugin.engine.operator import Canceled
from openeo_plugin.errors import RETRY_AFTER_S, OpenEOError

log = logging.getLogger(__name__)


def answer_errors(app: FastAPI) -> None:
    """Let every error of the application leave it in openEO's form; what is unexpected stays in the log."""

    @app.exception_handler(OpenEOError)
    def official(_: Request, error: OpenEOError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(Canceled)
    def left(_: Request, __: Canceled) -> Response:
        return Response(status_code=499)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        fault = error.errors()[0]
        return answer(OpenEOError("RequestInvalid", reason=f"{fault['loc'][-1]}: {fault['msg']}"))

    @app.exception_handler(PointOutsideBounds)
    def outside(_: Request, __: PointOutsideBounds) -> JSONResponse:
        return answer(OpenEOError("RequestInvalid", reason="the point lies outside the data"))

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> JSONResponse:
        code = "MethodNotAllowed" if error.status_code == 405 else "NotFound"
        return answer(OpenEOError(code, methods="GET"))

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> JSONResponse:
        found = OpenEOError(code_of(error))
        log.error("%s %s at %s", found.code, found.id, request.url.path, exc_info=error)
        return answer(found)


def answer(error: OpenEOError) -> JSONResponse:
    """One error as a response."""
    headers = {"X-Content-Type-Options": "nosniff"}
    if error.status == 429:
        headers["Retry-After"] = str(error.details.get("retry_after_s", 1))
    if error.status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return JSONResponse(error.to_json(), status_code=error.status, headers=headers)
