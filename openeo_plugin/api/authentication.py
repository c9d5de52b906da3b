"""Microservice authentication: how to sign in, and who one is."""

from __future__ import annotations

import base64
import binascii

from flask import Response, g, request

from config.oidc import OidcProvider
from config.settings import Settings
from openeo_plugin.api.http import json_response
from openeo_plugin.api.routing import Access, Route, the_backend
from openeo_plugin.errors import OpenEOError

_TOLD = {"issuer", "title", "description", "scopes", "default_clients", "authorization_parameters"}


def authenticate_basic() -> Response:
    """`GET /credentials/basic`: a token for name and password."""
    name, password = _name_and_password(request.headers.get("Authorization", ""))
    token = the_backend().auth.basic.login(name, password)
    return json_response({"access_token": token}, headers={"Cache-Control": "no-store"})


def list_oidc_providers() -> Response:
    """`GET /credentials/oidc`."""
    providers = the_backend().settings.oidc_providers
    return json_response({"providers": [_shown(name, provider) for name, provider in providers.items()]})


def describe_account(user: str) -> Response:
    """`GET /me`."""
    return json_response({"user_id": user, "name": g.account.title or user, "links": []})


def _shown(name: str, provider: OidcProvider) -> dict[str, object]:
    shown = provider.model_dump(include=_TOLD, exclude_none=True)
    return {"id": name, **{field: value for field, value in shown.items() if value}}


def _name_and_password(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.strip().partition(" ")
    if not scheme:
        raise OpenEOError("AuthenticationRequired")
    if scheme.lower() != "basic":
        raise OpenEOError("AuthenticationSchemeInvalid")
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise OpenEOError("CredentialsInvalid") from None
    if not colon:
        raise OpenEOError("CredentialsInvalid")
    return name, password


ROUTES = (
    Route("GET", "/credentials/basic", authenticate_basic, Access.ANYONE),
    Route("GET", "/credentials/oidc", list_oidc_providers, Access.ANYONE),
    Route("GET", "/me", describe_account),
)


def is_offered(route: Route, settings: Settings) -> bool:
    """Whether an instance has a route: each way to sign in can be switched on and off."""
    if route.view is authenticate_basic:
        return settings.basic_authentication
    return route.view is not list_oidc_providers or bool(settings.oidc_providers)
