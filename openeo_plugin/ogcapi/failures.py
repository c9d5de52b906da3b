"""Errors of this project as pygeoapi's providers raise them, so that its functions answer with the right status."""

from __future__ import annotations

from http import HTTPStatus

from pygeoapi.provider.base import ProviderGenericError

from openeo_plugin.errors import OpenEOError


class RequestFailedError(ProviderGenericError):
    """An error for the client: an OGC exception code, an HTTP status and a sentence."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message, user_msg=message)
        self.ogc_exception_code = code
        self.http_status_code = HTTPStatus(status)


def invalid(message: str) -> RequestFailedError:
    """A parameter of the request is wrong (400)."""
    return RequestFailedError("InvalidParameterValue", HTTPStatus.BAD_REQUEST, message)


def too_large(message: str) -> RequestFailedError:
    """The request asks for more than the server gives at once (413)."""
    return RequestFailedError("ResourceTooLarge", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)


def nothing_there(message: str) -> RequestFailedError:
    """The request is right, but there are no pixels (204)."""
    return RequestFailedError("NoData", HTTPStatus.NO_CONTENT, message)


def translated(error: OpenEOError) -> RequestFailedError:
    """An error of the back-end under its own code and status."""
    return RequestFailedError(error.code, error.status, error.message)
