"""Microservice capabilities: what this instance is, which endpoints it has, and which file formats it writes."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from flask import Response, current_app

from config.settings import Settings
from db.filters.query import CONFORMANCE_CLASSES as FILTERS
from openeo_plugin.api import processing_parameters, workspaces
from openeo_plugin.api.billing import billing
from openeo_plugin.api.http import JSON, json_response
from openeo_plugin.api.links import API_MOUNT, API_VERSION, api_url, link
from openeo_plugin.api.routing import Access, Route, endpoints, the_backend

STAC_VERSION = "1.1.0"
IDENTIFIER = "pygeoapi-openeo"
JSON_WEB_TOKENS = f"https://api.openeo.org/{API_VERSION}/authentication/jwt"
REMOTE_PROCESSES = "https://api.openeo.org/extensions/remote-process-definition/0.1.0"


def backend_version() -> str:
    """Version of the installed package."""
    try:
        return version(IDENTIFIER)
    except PackageNotFoundError:
        return "0.0.0"


def is_production(settings: Settings) -> bool:
    """Whether clients should take the instance as one to rely on: not while anybody can sign in as `demo`."""
    return not settings.demo and settings.public_base.startswith("https:")


def well_known(settings: Settings) -> dict[str, object]:
    """The document of `/.well-known/openeo`, which stands at the root of the host."""
    versions = {
        "url": settings.public_base + API_MOUNT,
        "api_version": API_VERSION,
        "production": is_production(settings),
    }
    return {"versions": [versions]}


def describe_backend() -> Response:
    """`GET /`."""
    settings = the_backend().settings
    return json_response(
        {
            "type": "Catalog",
            "id": IDENTIFIER,
            "title": settings.title,
            "description": settings.description,
            "api_version": API_VERSION,
            "backend_version": backend_version(),
            "stac_version": STAC_VERSION,
            "production": is_production(settings),
            "conformsTo": conformance_classes(settings),
            "endpoints": endpoints(current_app),
            "billing": billing(settings),
            "links": _links(settings),
        }
    )


def conformance_classes(settings: Settings) -> list[str]:
    """Only what is implemented and switched on."""
    classes = [f"https://api.openeo.org/{API_VERSION}"]
    if settings.microservices["data_discovery"]:
        classes += ["https://api.stacspec.org/v1.0.0/collections", *FILTERS]
    if settings.microservices["workspaces"]:
        classes.append(workspaces.EXTENSION)
    if settings.egress and settings.egress_namespaces:
        classes.append(REMOTE_PROCESSES)
    if settings.oidc_providers:
        classes.append(JSON_WEB_TOKENS)
    return [*classes, processing_parameters.EXTENSION]


def list_conformance_classes() -> Response:
    """`GET /conformance`."""
    return json_response({"conformsTo": conformance_classes(the_backend().settings)})


def list_file_formats(user: str | None) -> Response:
    """`GET /file_formats`."""
    return json_response(the_backend().driver.file_formats())


def _links(settings: Settings) -> list[dict[str, str]]:
    base = settings.public_base
    links = [
        link("self", api_url(settings, "/"), JSON),
        link("root", api_url(settings, "/"), JSON),
        link("version-history", f"{base}/.well-known/openeo", JSON, "Versions of the openEO API on this server"),
        link("conformance", api_url(settings, "/conformance"), JSON, "Conformance classes"),
        link("about", f"{base}/", "text/html", "Everything this server offers"),
    ]
    if settings.microservices["data_discovery"]:
        links.append(link("data", api_url(settings, "/collections"), JSON, "Collections"))
    return links


ROUTES = (
    Route("GET", "/", describe_backend, Access.ANYONE),
    Route("GET", "/conformance", list_conformance_classes, Access.ANYONE),
    Route("GET", "/file_formats", list_file_formats, Access.PUBLIC),
    *processing_parameters.ROUTES,
)
