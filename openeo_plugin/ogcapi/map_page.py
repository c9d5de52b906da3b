"""`GET /collections/{id}/map` and the tiles: pygeoapi's functions, told that a picture is meant."""

from __future__ import annotations

from typing import Any

from pygeoapi.api.maps import get_collection_map
from pygeoapi.api.tiles import get_collection_tiles, get_collection_tiles_data, get_collection_tiles_metadata
from pygeoapi.provider import get_provider_by_type
from pygeoapi.provider.base import ProviderTypeError

from openeo_plugin.errors import OpenEOError
from openeo_plugin.ogcapi.failures import RequestFailedError

TILESETS = ("WebMercatorQuad", "WorldCRS84Quad")

Answer = tuple[dict[str, str], int, Any]


def get_map(api: Any, request: Any, identifier: str) -> Answer:
    """A map, with the signature of pygeoapi's functions.

    Raises: NotFound, where a collection has none; RequestInvalid for a format that is not offered.
    """
    _require(api, identifier, "map")
    _only_png(request)
    # the provider resolves them: pygeoapi knows CRS84 in no spelling but its own, and no order of axes
    request._args = {name: text for name, text in request.params.items() if name not in ("crs", "bbox-crs")}
    try:
        return _answered(get_collection_map(api, request, identifier))
    except RequestFailedError as error:  # pygeoapi asks for the fields outside of its own care
        raise OpenEOError("RequestInvalid", reason=error.message) from None


def get_tilesets(api: Any, request: Any, identifier: str) -> Answer:
    """The tilesets of a collection.

    Raises: NotFound, where it has none.
    """
    _require(api, identifier, "tile")
    return _answered(get_collection_tiles(api, request, identifier))


def get_tileset(api: Any, request: Any, identifier: str, tileset: str) -> Answer:
    """One tileset.

    Raises: NotFound.
    """
    _require(api, identifier, "tile")
    if tileset not in TILESETS:
        raise OpenEOError("NotFound", message=f"There is no tileset '{tileset[:64]}'; there are {', '.join(TILESETS)}.")
    return _answered(get_collection_tiles_metadata(api, request, identifier, tileset))


def get_tile(api: Any, request: Any, identifier: str, tileset: str, matrix: str, row: str, column: str) -> Answer:
    """One tile.

    Raises: NotFound; RequestInvalid for a format that is not offered.
    """
    _require(api, identifier, "tile")
    _only_png(request)
    headers, status, content = get_collection_tiles_data(api, request, identifier, tileset, matrix, row, column)
    if status == 404:
        raise OpenEOError("NotFound", message="There is no such tile.")
    return headers, status, content


def _require(api: Any, identifier: str, kind: str) -> None:
    try:
        get_provider_by_type(api.config["resources"][identifier]["providers"], kind)
    except ProviderTypeError:
        raise OpenEOError("NotFound", message=f"The collection '{identifier}' has no {kind}s.") from None


def _only_png(request: Any) -> None:
    if request.params.get("f", "png") not in ("png", "image/png"):
        raise OpenEOError("RequestInvalid", reason="maps and tiles are offered as png")
    request._format = "png"


def _answered(answer: Answer) -> Answer:
    """Errors of a request for a picture are JSON."""
    headers, status, content = answer
    if status >= 400:
        headers["Content-Type"] = "application/json"
        headers.pop("Content-type", None)
    return headers, status, content
