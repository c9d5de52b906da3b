"""Microservice for UDF runtimes. Off by default: its list must not be empty, and there is no runtime yet."""

from __future__ import annotations

from flask import Response

from openeo_plugin.api.routing import Access, Route
from openeo_plugin.errors import OpenEOError


def list_udf_runtimes(user: str | None) -> Response:
    """`GET /udf_runtimes`."""
    raise OpenEOError("FeatureUnsupported", reason="no UDF runtime is installed.")


ROUTES = (Route("GET", "/udf_runtimes", list_udf_runtimes, Access.PUBLIC),)
