"""What holds for every request and answer: headers, tolerant paths, strict JSON.

CORS is open (`*`) because no cookie is ever read: who may do what is said by a bearer token or a signed link.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any, NoReturn

from flask import Flask, Response, g, request
from werkzeug.wsgi import FileWrapper

from openeo_plugin.errors import OpenEOError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

JSON = "application/json"
GEOJSON = "application/geo+json"
METHODS = "OPTIONS, GET, HEAD, POST, PATCH, PUT, DELETE"
CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Range, If-Range, If-None-Match",
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Expose-Headers": (
        "Link, Location, OpenEO-Costs, OpenEO-Identifier, Accept-Ranges, Content-Range, ETag, Retry-After"
    ),
    "Access-Control-Max-Age": "86400",
}
SECURITY_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
FILE_BLOCK_BYTES = 256 * 1024
JSON_DEPTH_MAX = 400

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONG = re.compile(r"\d{309}")  # the first integers that are no floating-point numbers
_SLASHES = re.compile(r"/{2,}")


def normal_path(path: str) -> str:
    """The path with runs of slashes made one and without a slash at its end: `//jobs/` is `/jobs`."""
    return _SLASHES.sub("/", path).rstrip("/") or "/"


class TolerantPaths:
    """WSGI: tolerate double and trailing slashes, chunked bodies, and hand out files in large blocks."""

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI."""
        environ["PATH_INFO"] = normal_path(environ.get("PATH_INFO", ""))
        # the input ends where the body ends, so a body without Content-Length can be read to its end
        environ["wsgi.input_terminated"] = True
        environ["wsgi.file_wrapper"] = _large_blocks
        return self.application(environ, start_response)


def _large_blocks(file: IO[bytes], _size: int = 0) -> FileWrapper:
    """Every block costs a hop between threads; 8 kB ones make a download slow."""
    return FileWrapper(file, FILE_BLOCK_BYTES)


def install(app: Flask, request_max_bytes: int, *, maintenance: bool = False) -> None:
    """Put the headers on every answer, answer OPTIONS, and cap bodies; under maintenance only tell what this is."""
    app.config["MAX_CONTENT_LENGTH"] = request_max_bytes
    app.url_map.strict_slashes = False
    app.wsgi_app = TolerantPaths(app.wsgi_app)  # type: ignore[method-assign]
    app.before_request(_answer_options)
    app.before_request(_refuse_nul)
    if maintenance:
        app.before_request(_refuse_work)
    app.after_request(_with_headers)


def _answer_options() -> Response | None:
    return Response(status=204) if request.method == "OPTIONS" else None


def _refuse_work() -> None:
    if request.path not in ("/", "/conformance"):
        raise OpenEOError("InfrastructureMaintenance")


def _refuse_nul() -> None:
    """No address here holds a NUL character, and neither files nor databases take one."""
    if "\0" in request.path or any("\0" in value for value in request.args.values()):
        raise OpenEOError("RequestInvalid", reason="the address holds a NUL character.")


def send_always(headers: dict[str, str]) -> None:
    """Headers for the answer to the current request, also if that is an error."""
    g.always = headers


def _with_headers(response: Response) -> Response:
    response.headers.update(g.get("always", {}))
    for name, value in {**CORS_HEADERS, **SECURITY_HEADERS}.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Vary", "Authorization")
    if g.get("user") is not None or "signature" in request.args:
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def json_response(
    document: object, status: int = 200, headers: dict[str, str] | None = None, media_type: str = JSON
) -> Response:
    """A document as UTF-8 JSON. Raises: ValueError for NaN and infinities, which JSON does not know."""
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status=status, headers=headers, content_type=media_type)


def empty_response(status: int, headers: dict[str, str] | None = None) -> Response:
    """An answer without a body, hence without a media type."""
    response = Response(status=status, headers=headers)
    del response.headers["Content-Type"]
    return response


def json_body() -> dict[str, Any]:
    """The request's body: one JSON object.

    Raises: NoDataForUpdate, ContentTypeInvalid, RequestTooLarge, RequestInvalid.
    """
    if request.method == "PATCH" and not request.mimetype and not request.content_length:
        raise OpenEOError("NoDataForUpdate")
    if request.mimetype != JSON:
        raise OpenEOError("ContentTypeInvalid", types=JSON)
    body = request.get_data(cache=False)
    limit_bytes = request.max_content_length
    if limit_bytes is not None and request.content_length is None and len(body) >= limit_bytes:
        raise OpenEOError("RequestTooLarge", limit_bytes=limit_bytes)  # a body without a length is cut at the limit
    document = parse_json(body)
    if not isinstance(document, dict):
        raise OpenEOError("RequestInvalid", reason="the body must be a JSON object.")
    return document


def parse_json(body: bytes) -> Any:
    """JSON as the standard has it, and as a database can keep it.

    Raises: RequestInvalid for what is cut off, not UTF-8, nested too deeply, or holds NaN, infinities, lone
        surrogates or NUL characters.
    """
    try:
        text = body.decode("utf-8-sig")
        whole = _whole if _LONG.search(text) else None
        document = json.loads(text, parse_constant=_no_constant, parse_float=_finite, parse_int=whole)
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError:
        raise OpenEOError("RequestInvalid", reason="the body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise OpenEOError("RequestInvalid", reason=f"the body is not JSON: {error.msg} at {where}.") from None
    except ValueError as error:
        raise OpenEOError("RequestInvalid", reason=f"the body is not JSON: {error}.") from None
    _refuse_unstorable(text, document)
    _refuse_depth(document)
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _refuse_unstorable(text: str, document: object) -> None:
    if "\\u0000" in text:
        raise OpenEOError("RequestInvalid", reason="texts must not hold NUL characters.")
    if _SURROGATE.search(text):
        try:
            json.dumps(document, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise OpenEOError("RequestInvalid", reason="texts must not hold half of a surrogate pair.") from None


def _refuse_depth(document: object) -> None:
    level: list[object] = [document]
    for _ in range(JSON_DEPTH_MAX):
        level = [inner for value in level for inner in _inner(value)]
        if not level:
            return
    raise _too_deep()


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _too_deep() -> OpenEOError:
    return OpenEOError("RequestInvalid", reason="the JSON is nested too deeply.")
