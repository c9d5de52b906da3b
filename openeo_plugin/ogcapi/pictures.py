"""What the map and the tile provider share: the picture of a collection on a grid, at the date of the request."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING

from odc.geo.geobox import GeoBox

from openeo_plugin.errors import OpenEOError
from openeo_plugin.ogcapi.failures import nothing_there, translated
from openeo_plugin.ogcapi.instants import instant_of, interval_of
from openeo_plugin.ogcapi.scope import Scope

if TYPE_CHECKING:
    from openeo_plugin.backend import Backend
    from services.collection_maps import CollectionMaps
    from services.served import ServedService

TileAddress = tuple[str, tuple[int, int, int]]

_MAPS: weakref.WeakKeyDictionary[object, CollectionMaps] = weakref.WeakKeyDictionary()


def opened_map(scope: Scope, identifier: str) -> ServedService:
    """The map of a collection in the bands that the request names in `properties`.

    Raises: RequestFailedError.
    """
    bands = bands_of(scope.parameters)
    try:
        return maps_of(scope.backend).open(identifier, scope.user, bands)
    except OpenEOError as error:
        raise translated(error) from error


def bands_of(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """The bands that a request names."""
    return tuple(name for name in parameters.get("properties", "").split(",") if name)


def picture(scope: Scope, served: ServedService, geobox: GeoBox, tile: TileAddress | None = None) -> bytes:
    """A PNG of the latest date within the request's `datetime`; of the latest at all without one.

    Args:
        tile: if it is one, its tile matrix set and (z, x, y).
    Raises: RequestFailedError.
    """
    from services.served import MapRequest

    time = date_of(served, scope.parameters.get("datetime"))
    request = MapRequest(geobox, time)
    if tile is not None:
        request = MapRequest(geobox, time, tile[1], tile[0])
    try:
        return served.picture(request)
    except OpenEOError as error:
        raise translated(error) from error


def maps_of(backend: Backend) -> CollectionMaps:
    """The maps of a back-end's collections, the same for all of its faces."""
    from services.collection_maps import CollectionMaps
    from services.kept_tiles import kept_tiles_of

    found = _MAPS.get(backend.driver)
    if found is None:
        found = _MAPS.setdefault(backend.driver, CollectionMaps(backend, kept_tiles_of(backend.settings)))
    return found


def date_of(served: ServedService, text: str | None) -> str | None:
    """The latest date within an interval; None for the default.

    Raises: RequestFailedError if the text is no interval, or nothing lies in it.
    """
    if not text or not served.dates.labels:
        return None
    try:
        interval = interval_of(text)
    except ValueError as error:
        raise translated(OpenEOError("RequestInvalid", reason=f"`datetime`: {error}")) from error
    within = [label for label in served.dates.distinct if instant_of(label) in interval]
    if not within:
        raise nothing_there("There is no data at this time.")
    return within[-1]
