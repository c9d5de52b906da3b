"""`filter` of the current request: CQL2 as text or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from db.filters.expression import Condition, FilterInvalidError
from db.filters.query import filter_in
from openeo_plugin.errors import OpenEOError


def requested_filter(queryables: Mapping[str, Any]) -> tuple[Condition | None, dict[str, str]]:
    """The condition the current request asks for; see `filter_in`. Raises: RequestInvalid."""
    try:
        return filter_in(request.args, queryables)
    except FilterInvalidError as error:
        raise OpenEOError("RequestInvalid", reason=str(error)) from None
