"""What the map and the tile provider share: the picture of a collection on a grid, at the date of the request."""

from __future__ import annotations

import weakref
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

_MAPS: weakref.WeakKeyDictionary[object, CollectionMaps] = weakref.WeakKeyDictionary()


def opened_map(scope: Scope, identifier: str) -> ServedService:
    """The map of a collection in the bands that the request names in `properties`.

    Raises: RequestFailedError.
    """
    bands = tuple(name for name in scope.parameters.get("properties", "").split(",") if name)
    try:
        return _maps(scope.backend).open(identifier, scope.user, bands)
    except OpenEOError as error:
        raise translated(error) from error


def picture(scope: Scope, served: ServedService, geobox: GeoBox) -> bytes:
    """A PNG of the latest date within the request's `datetime`; of the latest at all without one.

    Raises: RequestFailedError.
    """
    from services.served import MapRequest

    try:
        return served.picture(MapRequest(geobox, _date(served, scope.parameters.get("datetime"))))
    except OpenEOError as error:
        raise translated(error) from error


def _maps(backend: Backend) -> CollectionMaps:
    from services.collection_maps import CollectionMaps

    found = _MAPS.get(backend.driver)
    if found is None:
        found = _MAPS.setdefault(backend.driver, CollectionMaps(backend))
    return found


def _date(served: ServedService, text: str | None) -> str | None:
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
