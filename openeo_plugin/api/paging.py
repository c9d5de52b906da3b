"""Lists in pages: whole without `limit`, with `limit` in parts that a link of relation `next` joins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request

from config.settings import Settings
from openeo_plugin.api.http import JSON
from openeo_plugin.api.links import api_url, link
from openeo_plugin.errors import OpenEOError

LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Page:
    """Which part of a list is wanted. limit: None for all that follows `offset`."""

    limit: int | None
    offset: int = 0

    @property
    def fetched(self) -> int | None:
        """How many to ask a store for: one more than is shown tells whether there is a next page."""
        return None if self.limit is None else self.limit + 1

    def cut[Item](self, items: Sequence[Item]) -> Sequence[Item]:
        """The page out of the whole list."""
        return items[self.offset :] if self.fetched is None else items[self.offset : self.offset + self.fetched]


def requested_page(default_limit: int | None = None) -> Page:
    """The page the current request asks for.

    Raises: RequestInvalid.
    """
    limit = requested_limit()
    return Page(default_limit if limit is None else limit, _integer("offset", 0) or 0)


def requested_limit() -> int | None:
    """How many the current request asks for, None for all.

    Raises: RequestInvalid.
    """
    return _integer("limit", 1)


def shown[Item](found: Sequence[Item], page: Page) -> Sequence[Item]:
    """What of `Page.fetched` items belongs to the page."""
    return found if page.limit is None else found[: page.limit]


def page_links(
    settings: Settings, path: str, page: Page, found: Sequence[object], media_type: str = JSON, **query: object
) -> list[dict[str, str]]:
    """Link to the next page, if there is one. found: as many as `Page.fetched` asked for. query: kept in the link."""
    if page.limit is None or len(found) <= page.limit:
        return []
    href = api_url(settings, path, **query, limit=page.limit, offset=page.offset + page.limit)
    return [link("next", href, media_type)]


def _integer(name: str, smallest: int) -> int | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 11 and smallest <= int(text) <= LARGEST):
        raise OpenEOError("RequestInvalid", reason=f"`{name}` must be a whole number from {smallest} on.")
    return int(text)
