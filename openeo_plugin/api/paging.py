"""Lists in pages: whole without `limit`, with `limit` in parts that a link of relation `next` joins.

The link holds the key of the last entry that was shown, as an opaque token, so that any page is found as fast as the
first, and none is shown twice or left out when entries come or go in between.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import request

from config.settings import Settings
from openeo_plugin.api.http import JSON
from openeo_plugin.api.links import api_url, link
from openeo_plugin.errors import OpenEOError

LARGEST = 2**31 - 1
TOKEN_MAX = 2_000

type Key = tuple[str | int | None, ...]


@dataclass(frozen=True)
class Page:
    """Which part of a list is wanted.

    Args:
        limit: how many; None for all that follow.
        after: key of the last entry before it; None from the start.
    """

    limit: int | None
    after: Key | None = None

    @property
    def fetched(self) -> int | None:
        """How many to ask a store for: one more than is shown tells whether there is a next page."""
        return None if self.limit is None else self.limit + 1

    @property
    def offset(self) -> int:
        """Of a list whose key is the number of entries. Raises: RequestInvalid."""
        (count,) = self.key_of(int) or (0,)
        if not 0 <= count <= LARGEST:
            raise _bad_token()
        return int(count)

    @property
    def behind(self) -> str | None:
        """Of a list whose key is one text: the last one that was shown. Raises: RequestInvalid."""
        key = self.key_of(str)
        return None if key is None else str(key[0])

    @property
    def behind_moment(self) -> tuple[datetime, str] | None:
        """Of a list whose key is a moment and a text. Raises: RequestInvalid."""
        key = self.key_of(str, str)
        return None if key is None else (moment_of(key[0]), str(key[1]))

    def key_of(self, *types: Any) -> tuple[Any, ...] | None:
        """The key, if its parts are of these types. Raises: RequestInvalid."""
        if self.after is None:
            return None
        if len(self.after) != len(types) or not all(map(isinstance, self.after, types)):
            raise _bad_token()
        return self.after

    def cut[Item](self, items: Sequence[Item]) -> Sequence[Item]:
        """The page out of a whole list whose key is the number of entries."""
        return items[self.offset :] if self.fetched is None else items[self.offset : self.offset + self.fetched]


def requested_page(default_limit: int | None = None) -> Page:
    """The page the current request asks for.

    Raises: RequestInvalid.
    """
    limit = requested_limit()
    token = request.args.get("page", "").strip()
    return Page(default_limit if limit is None else limit, _key(token) if token else None)


def requested_limit() -> int | None:
    """How many the current request asks for, None for all.

    Raises: RequestInvalid.
    """
    text = request.args.get("limit", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 11 and 1 <= int(text) <= LARGEST):
        raise OpenEOError("RequestInvalid", reason="`limit` must be a whole number from 1 on.")
    return int(text)


def shown[Item](found: Sequence[Item], page: Page) -> Sequence[Item]:
    """What of `Page.fetched` items belongs to the page."""
    return found if page.limit is None else found[: page.limit]


def page_links[Item](
    settings: Settings,
    path: str,
    page: Page,
    found: Sequence[Item],
    media_type: str = JSON,
    *,
    key: Callable[[Item], Key] | None = None,
    query: Mapping[str, object] | None = None,
) -> list[dict[str, str]]:
    """Link to the next page, if there is one.

    Args:
        settings: tell the public address.
        path: of the list.
        page: which is shown.
        found: as many as `Page.fetched` asked for.
        media_type: of the list.
        key: of an entry, in the order of the list; without it, the key is how many entries were shown.
        query: kept in the link.
    """
    if page.limit is None or len(found) <= page.limit:
        return []
    after = (page.offset + page.limit,) if key is None else key(found[page.limit - 1])
    return [link("next", api_url(settings, path, **(query or {}), limit=page.limit, page=_token(after)), media_type)]


def moment_of(text: object) -> datetime:
    """A moment of a key. Raises: RequestInvalid."""
    try:
        moment = datetime.fromisoformat(str(text))
        if moment.tzinfo is None:
            raise _bad_token()
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _bad_token() from None


def _token(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def _key(token: str) -> Key:
    try:
        padded = token + "=" * (-len(token) % 4)
        key = json.loads(base64.urlsafe_b64decode(padded.encode("ascii"))) if len(token) <= TOKEN_MAX else None
    except (ValueError, RecursionError):
        raise _bad_token() from None
    if not isinstance(key, list) or not all(part is None or type(part) in (str, int) for part in key):
        raise _bad_token()
    return tuple(key)


def _bad_token() -> OpenEOError:
    return OpenEOError("RequestInvalid", reason="`page` is not from a link to a next page.")
