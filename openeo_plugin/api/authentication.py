"""Microservice authentication: sign in with name and password, and who one is."""

from __future__ import annotations

import base64
import binascii

from flask import Response, request

from openeo_plugin.api.http import json_response
from openeo_plugin.api.routing import Access, Route, the_backend
from openeo_plugin.errors import OpenEOError


def authenticate_basic() -> Response:
    """`GET /credentials/basic`: a token for name and password."""
    name, password = _name_and_password(request.headers.get("Authorization", ""))
    token = the_backend().auth.login(name, password)
    return json_response({"access_token": token}, headers={"Cache-Control": "no-store"})


def describe_account(user: str) -> Response:
    """`GET /me`."""
    return json_response({"user_id": user, "name": user, "links": []})


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
    Route("GET", "/me", describe_account),
)
