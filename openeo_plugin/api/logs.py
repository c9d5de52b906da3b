"""The answer of both log endpoints: entries after an offset, by level, in pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, request

from config.settings import Settings
from openeo_plugin.api.http import JSON, json_response
from openeo_plugin.api.links import api_url, link
from openeo_plugin.api.paging import Page, requested_limit, shown
from openeo_plugin.api.requests import LOG_LEVELS
from openeo_plugin.errors import OpenEOError


def log_response(settings: Settings, path: str, read: Callable[..., list[dict[str, Any]]]) -> Response:
    """Log entries as the request asks for them.

    Args:
        settings: tell the public address.
        path: of the log, for the link to the next page.
        read: gives entries for `offset` (id of the last entry the client has), `level` and `limit`.
    Raises: RequestInvalid.
    """
    level = request.args.get("level", "").strip()
    if level and level not in LOG_LEVELS:
        raise OpenEOError("RequestInvalid", reason=f"`level` must be one of {', '.join(LOG_LEVELS)}.")
    page = Page(requested_limit())
    found = read(offset=request.args.get("offset") or None, level=level or None, limit=page.fetched)
    logs = list(shown(found, page))
    asked = {"level": level} if level else {}
    links = []
    if len(found) > len(logs):
        links.append(link("next", api_url(settings, path, **asked, limit=page.limit, offset=logs[-1]["id"]), JSON))
    return json_response({**asked, "logs": logs, "links": links})
