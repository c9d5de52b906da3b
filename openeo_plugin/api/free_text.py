"""`q`, the free-text search of STAC and OGC API Records: comma-separated terms, one of which must occur."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request

from openeo_plugin.errors import OpenEOError

TERMS_MAX = 50


@dataclass(frozen=True)
class Words:
    """Terms in lower case; none of them matches everything."""

    terms: tuple[str, ...] = ()

    def match(self, document: Mapping[str, Any], fields: Sequence[str]) -> bool:
        """Whether a term occurs in one of the fields (texts, or lists of texts)."""
        if not self.terms:
            return True
        text = "\n".join(_text(document.get(name)) for name in fields).lower()
        return any(term in text for term in self.terms)


def requested_words() -> tuple[Words, dict[str, str]]:
    """The terms the current request asks for, and the parameter to be kept in links to further pages.

    Raises: RequestInvalid.
    """
    text = request.args.get("q", "").strip()
    terms = tuple(term for part in text.split(",") if (term := part.strip().lower()))
    if len(terms) > TERMS_MAX:
        raise OpenEOError("RequestInvalid", reason=f"`q` has more than {TERMS_MAX} terms.")
    return Words(terms), {"q": text} if terms else {}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_text(inner) for inner in value)
    return value if isinstance(value, str) else ""
