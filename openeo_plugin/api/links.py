"""Addresses of the API, and signed links: addresses that work without a token until they expire."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from config.settings import Settings
from openeo_plugin.auth.signer import Signer

__all__ = ["API_MOUNT", "API_VERSION", "Signer", "api_url", "link"]

API_MOUNT = "/openeo/v1"
API_VERSION = "1.3.0"


def api_url(settings: Settings, path: str, **query: object) -> str:
    """Public address of a path of the openEO API; the path's segments are quoted here."""
    address = settings.public_base + API_MOUNT + quote(path, safe="/:~")
    return f"{address}?{urlencode(query)}" if query else address


def link(rel: str, href: str, media_type: str | None = None, title: str | None = None) -> dict[str, str]:
    """A link object without empty fields."""
    fields = {"rel": rel, "href": href, "type": media_type, "title": title}
    return {name: value for name, value in fields.items() if value is not None}
