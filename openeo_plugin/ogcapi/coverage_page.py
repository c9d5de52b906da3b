"""`GET /collections/{id}/coverage`: pixels from pygeoapi's function, and a page that says how to ask for them."""

from __future__ import annotations

from typing import Any

from pygeoapi.api import validate_bbox
from pygeoapi.api.coverages import get_collection_coverage
from pygeoapi.formats import F_HTML
from pygeoapi.plugin import load_plugin
from pygeoapi.provider import get_provider_by_type
from pygeoapi.provider.base import ProviderTypeError
from pygeoapi.util import render_j2_template

from openeo_plugin.errors import OpenEOError

Answer = tuple[dict[str, str], int, Any]


def get_coverage(api: Any, request: Any, identifier: str) -> Answer:
    """A coverage, with the signature of pygeoapi's functions.

    Raises: RequestInvalid for a bad box (pygeoapi calls that an error of the server); NotFound without a coverage.
    """
    resource = api.config["resources"][identifier]
    try:
        definition = get_provider_by_type(resource["providers"], "coverage")
    except ProviderTypeError:
        raise OpenEOError("NotFound", message=f"The collection '{identifier}' has no coverage.") from None
    if request.format == F_HTML:
        return _page(api, request, identifier, load_plugin("provider", definition))
    _check_box(request.params.get("bbox"))
    headers, status, content = get_collection_coverage(api, request, identifier)
    return headers, status, content


def _check_box(text: str | None) -> None:
    try:
        validate_bbox(text)
    except ValueError as error:
        raise OpenEOError("RequestInvalid", reason=f"{error}.") from None


def _page(api: Any, request: Any, identifier: str, provider: Any) -> Answer:
    """Axes, bands and addresses; no pixel is read for it."""
    path = f"{api.get_collections_url()}/{identifier}"
    data = {
        "title": api.config["resources"][identifier]["title"],
        "collections_path": api.get_collections_url(),
        "dataset_path": path,
        "axes": provider.axes,
        "bands": list(provider.fields),
        "grid": provider._coverage_properties,
        "links": [
            {"rel": "alternate", "type": "application/prs.coverage+json", "href": f"{path}/coverage?f=json"},
            {"rel": "alternate", "type": "image/tiff", "href": f"{path}/coverage?f=GTiff"},
        ],
    }
    headers = request.get_response_headers(**api.api_headers)
    templates = api.config["server"]["templates"]
    page = render_j2_template(api.tpl_config, templates, "collections/coverage/index.html", data, request.locale)
    return headers, 200, page
