"""Microservice for UDF runtimes. Off by default: profiles want at least one, and there is none yet."""

from __future__ import annotations

from flask import Response

from openeo_plugin.api.http import json_response
from openeo_plugin.api.routing import Access, Route


def list_udf_runtimes(user: str | None) -> Response:
    """`GET /udf_runtimes`: none."""
    return json_response({})


ROUTES = (Route("GET", "/udf_runtimes", list_udf_runtimes, Access.PUBLIC),)
