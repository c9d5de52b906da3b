"""The page at the root of the server: what it is and where its faces are. No script, nothing from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment

from config.settings import Settings
from openeo_plugin.api.capabilities import backend_version

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TEMPLATE = Path(__file__).with_name("landing.html")


@dataclass(frozen=True)
class Entry:
    """A link of the page. href: as it is to be written."""

    title: str
    href: str
    text: str


def landing_page(settings: Settings, collections: int) -> str:
    """The page as HTML. collections: how many are public."""
    template = Environment(autoescape=True).from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        title=settings.title,
        description=settings.description,
        base=settings.public_base,
        collections=collections,
        faces=_entries(settings.public_base),
        version=backend_version(),
    )


def _entries(base: str) -> tuple[Entry, ...]:
    return (
        Entry(
            "openEO API", f"{base}/openeo/v1/", "Collections, processes, batch jobs and services for openEO clients."
        ),
        Entry("Collections", f"{base}/openeo/v1/collections", "The data, described in STAC."),
        Entry("Processes", f"{base}/openeo/v1/processes", "What can be computed with it."),
        Entry("OGC API", f"{base}/oapi/", "Collections, coverages, maps, tiles and processes through pygeoapi."),
        Entry(
            "Services",
            f"{base}/openeo/v1/service_types",
            "Results and process graphs as XYZ, WMTS and WMS layers, under /tiles and /ogc.",
        ),
    )
