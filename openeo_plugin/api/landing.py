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
        faces=_entries(settings),
        version=backend_version(),
    )


def _entries(settings: Settings) -> tuple[Entry, ...]:
    """What this instance offers."""
    api, is_on = f"{settings.public_base}/openeo/v1", settings.microservices
    entries = (
        (
            is_on["capabilities"],
            "openEO API",
            f"{api}/",
            "Collections, processes, batch jobs and services for openEO clients.",
        ),
        (is_on["data_discovery"], "Collections", f"{api}/collections", "The data, described in STAC."),
        (is_on["process_discovery"], "Processes", f"{api}/processes", "What can be computed with it."),
        (
            True,
            "OGC API",
            f"{settings.public_base}/oapi/",
            "Collections, coverages, maps, tiles and processes through pygeoapi.",
        ),
        (
            is_on["services"],
            "Services",
            f"{api}/service_types",
            "Results and process graphs as XYZ, WMTS and WMS layers, under /tiles and /ogc.",
        ),
    )
    return tuple(Entry(title, href, text) for is_there, title, href, text in entries if is_there)
