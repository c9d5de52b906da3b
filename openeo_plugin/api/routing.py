"""Routes as values: method, openEO path template, view, and who may call it.

A microservice is a tuple of routes; the blueprint is made from it, and who calls is found out here,
before the view runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import cast

from flask import Blueprint, Flask, current_app, g, request
from flask.typing import ResponseReturnValue

from openeo_plugin.backend import Backend
from openeo_plugin.errors import OpenEOError

View = Callable[..., ResponseReturnValue]
_EXTENSION = "openeo_backend"
_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")


class Access(Enum):
    """Who may call a route, and what its view is given before the path's variables."""

    ANYONE = "anyone"  # tokens are not looked at; the view gets nothing
    PUBLIC = "public"  # the view gets the user's name, or None without a token
    USER = "user"  # the view gets the user's name; without a token the answer is 401
    SIGNED = "signed"  # as USER; for a signed link the view gets None, and has to check the signature


@dataclass(frozen=True)
class Route:
    """One operation. path: openEO template (`/jobs/{job_id}`); `{path:name}` also matches slashes."""

    method: str
    path: str
    view: View
    access: Access = Access.USER


def bind(app: Flask, backend: Backend) -> None:
    """Make the back-end known to the views of an application."""
    app.extensions[_EXTENSION] = backend


def the_backend() -> Backend:
    """The back-end of the application that answers the current request."""
    return cast(Backend, current_app.extensions[_EXTENSION])


def blueprint(name: str, routes: Iterable[Route]) -> Blueprint:
    """A blueprint with the routes of one microservice."""
    made = Blueprint(name, __name__)
    for route in routes:
        made.add_url_rule(
            re.sub(r"{([^}]+)}", r"<\1>", route.path),
            endpoint=route.view.__name__,
            view_func=_guarded(route),
            methods=[route.method],
        )
    return made


def endpoints(app: Flask) -> list[dict[str, object]]:
    """Every path an application answers, as openEO templates, with its methods; the root is left out."""
    found: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        found.setdefault(path, set()).update(rule.methods or ())
    found.pop("/", None)
    return [{"path": path, "methods": [m for m in _METHODS if m in found[path]]} for path in sorted(found)]


def _guarded(route: Route) -> View:
    def call(**variables: str) -> ResponseReturnValue:
        if route.access is Access.ANYONE:
            return route.view(**variables)
        signed = route.access is Access.SIGNED and "signature" in request.args
        g.user = None if signed else caller()
        if g.user is None and route.access is not Access.PUBLIC and not signed:
            raise OpenEOError("AuthenticationRequired")
        return route.view(g.user, **variables)

    return call


def caller() -> str | None:
    """Name of the user whose bearer token came with the request; None without a token. Who it is stays in `g.account`.

    Raises: TokenInvalid, AuthenticationSchemeInvalid.
    """
    header = request.headers.get("Authorization", "").strip()
    if not header:
        return None
    scheme, _, bearer = header.partition(" ")
    if scheme.lower() != "bearer":
        raise OpenEOError("AuthenticationSchemeInvalid")
    g.account = the_backend().auth.user_of(bearer.strip())
    return str(g.account.name)
