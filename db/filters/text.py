"""CQL2 text as CQL2 JSON, by the library `cql2`.

Its parser is recursive and native: too deep a text would take the process down. So texts are measured before.
"""

from __future__ import annotations

import re
from typing import Any

from db.filters.expression import FilterInvalidError

LENGTH_MAX = 50_000
WORDS_MAX = 1_000
NUMBERS_MAX = 8_000
PARENTHESES_MAX = 40

_TOKEN = re.compile(
    r"'(?:[^']|'')*'|\"[^\"]*\"|(?P<number>-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|(?P<word>[A-Za-z_]\w*|[^\s,])"
)


def parsed_text(text: str) -> Any:
    """A filter in CQL2 text as JSON. Raises: FilterInvalidError."""
    import cql2

    _measure(text)
    try:
        return cql2.parse_text(text).to_json()
    except cql2.ParseError as error:
        raise FilterInvalidError(f"it can't be read as CQL2 text{_place(str(error))}") from None
    except Exception as error:
        raise FilterInvalidError("it can't be read as CQL2 text") from error


def _measure(text: str) -> None:
    """Raises: FilterInvalidError, for what the parser might not survive."""
    if len(text) > LENGTH_MAX:
        raise FilterInvalidError(f"it is longer than {LENGTH_MAX} characters")
    words = numbers = depth = 0
    for token in _TOKEN.finditer(text):
        numbers += token["number"] is not None
        words += token["word"] is not None
        depth += {"(": 1, ")": -1}.get(token.group(), 0)
        if depth > PARENTHESES_MAX:
            raise FilterInvalidError(f"parentheses are nested more than {PARENTHESES_MAX} times")
    if words > WORDS_MAX or numbers > NUMBERS_MAX:
        raise FilterInvalidError(f"it has more than {WORDS_MAX} words or {NUMBERS_MAX} numbers")


def _place(message: str) -> str:
    found = re.search(r"-->\s*(\d+):(\d+)", message)
    return f": line {found[1]}, column {found[2]} is not expected" if found else ""
