"""WCS 2.0.1 core of every service: capabilities, the coverage's description and its values as GeoTIFF. KVP only.

GET /wcs/{service_id} -> `wcs_request` -> plan.read, window by window -> `geotiff`
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from openeo_plugin.backend import Backend
from openeo_plugin.engine.operator import Canceled
from openeo_plugin.errors import OpenEOError
from services.access import OpenServices
from services.axes import Axes, axes_of
from services.dates import selection
from services.geotiff import geotiff
from services.served import MapRequest, ServedService, epsg_of
from services.turn import AroundTheEarth
from services.visit import current_context, public_segment
from services.wcs_documents import capabilities, coverage_descriptions
from services.wcs_exception import WcsError
from services.wcs_request import COVERAGE, Coverage, Parameters, coverage_of, coverages

log = logging.getLogger(__name__)

VERSION = "2.0.1"


def create_wcs(backend: Backend, services: OpenServices | None = None) -> Starlette:
    """The ASGI application to mount at `/wcs`.

    Args:
        backend: where services are found and planned.
        services: opened services to share with other faces.
    """
    face = WebCoverages(backend, services or OpenServices(backend))
    route: Callable[[Request], Response] = face.answer
    return Starlette(routes=[Route("/{service_id}", route), Route("/{service_id}/", route)])


class WebCoverages:
    """Answers WCS requests; runs in threads."""

    def __init__(self, backend: Backend, services: OpenServices) -> None:
        self._settings = backend.settings
        self._services = services

    def answer(self, request: Request) -> Response:
        """One request; every fault is an exception report, but for services that there are not."""
        parameters = [(name.lower(), value) for name, value in request.query_params.multi_items()]
        try:
            served = self._services.open(request.path_params["service_id"])
            return self._operation(served, parameters)
        except WcsError as error:
            return _report(error)
        except OpenEOError as error:
            if error.code == "ServiceNotFound":
                return JSONResponse(error.to_json(), error.status)
            status = "InvalidParameterValue" if error.status < 500 else "NoApplicableCode"
            return _report(WcsError(status, error.message))
        except Canceled:
            return Response(status_code=499)
        except Exception as error:
            internal = OpenEOError("Internal")
            log.error("Internal error %s at %s", internal.id, request.url.path, exc_info=error)
            return _report(WcsError("NoApplicableCode", internal.message))

    def _operation(self, served: ServedService, parameters: Parameters) -> Response:
        given = dict(parameters)
        operation = given.get("request", "GetCapabilities").lower()
        _check_service(given, operation)
        native = native_axes(served)
        if operation == "getcapabilities":
            address = f"{self._settings.public_base}/wcs/{public_segment(served.id)}"
            return _xml(capabilities(served, native, address, self._settings.title))
        if operation == "describecoverage":
            asked = (given.get("coverageid") or COVERAGE).split(",")
            for name in asked:
                _date_of(served, name)
            return _xml(coverage_descriptions(served, native, asked))
        if operation == "getcoverage":
            if "coverageid" not in given:
                raise WcsError("MissingParameterValue", "coverageId is missing", "coverageId")
            return self._coverage(
                served, coverage_of(served, native, parameters, _date_of(served, given["coverageid"]))
            )
        raise WcsError("OperationNotSupported", f"there is no operation '{operation[:32]}'", "request")

    def _coverage(self, served: ServedService, asked: Coverage) -> Response:
        try:
            index = served.dates.index(asked.time)
        except OpenEOError as error:
            raise WcsError("InvalidSubsetting", error.message, "subset") from None
        itemsize = sum(served.description.bands[band].dtype.itemsize for band in asked.bands)
        self._limit(math.prod(asked.geobox.shape) * itemsize)
        plan = served.plan_for(MapRequest(asked.geobox, asked.time))
        grid = served.description.grid
        if grid.crs is not None and grid.crs.geographic and asked.geobox.crs == grid.crs:
            plan = AroundTheEarth(plan)
        labels = selection(served.description, served.dates, index)
        content = geotiff(plan, asked.geobox, asked.bands, labels, current_context())
        headers = {"Content-Disposition": f'inline; filename="{served.id}.tif"'}
        return Response(content, media_type="image/tiff", headers=headers)

    def _limit(self, size_bytes: int) -> None:
        """Refuse what would not fit: the answer is held in memory as a whole."""
        limit_bytes = min(self._settings.sync_max_bytes, self._settings.memory_budget // 4)
        if size_bytes > limit_bytes:
            reason = f"this part would take {size_bytes} bytes, the limit is {limit_bytes}; ask for less"
            raise WcsError("InvalidParameterValue", f"{reason} by subset, rangeSubset or scaleFactor", "subset")


def native_axes(served: ServedService) -> Axes:
    """Axes of the data's own CRS.

    Raises: WcsError if that has no EPSG code.
    """
    code = epsg_of(served)
    if code is None:
        raise WcsError("OperationNotSupported", "the CRS of this service's data has no EPSG code, which WCS needs")
    return axes_of(int(code.removeprefix("EPSG:")))


def _check_service(given: dict[str, str], operation: str) -> None:
    if given.get("service", "WCS").upper() != "WCS":
        raise WcsError("InvalidParameterValue", "this is a WCS", "service")
    if operation == "getcapabilities":
        accepted = given.get("acceptversions", VERSION).split(",")
        if VERSION not in accepted and "2.0.0" not in accepted:
            raise WcsError("VersionNegotiationFailed", f"the version offered is {VERSION}", "acceptVersions")
        return
    if not given.get("version", VERSION).startswith("2.0"):
        raise WcsError("InvalidParameterValue", f"the version offered is {VERSION}", "version")


def _date_of(served: ServedService, identifier: str) -> str | None:
    """The date of a coverage, None for that of all dates.

    Raises: WcsError if there is no such coverage.
    """
    known = coverages(served)
    if identifier not in known:
        names = ", ".join(list(known)[:5])
        raise WcsError("NoSuchCoverage", f"there is no coverage '{identifier[:32]}'; there are {names}", "coverageId")
    return known[identifier]


def _report(error: WcsError) -> Response:
    return Response(error.report(), error.status, media_type="application/xml")


def _xml(content: bytes) -> Response:
    return Response(content, media_type="application/xml")
