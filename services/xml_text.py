"""Text that may stand anywhere in XML."""

from __future__ import annotations

import html
import re

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """Escaped, and without the characters that XML does not know."""
    return html.escape(_FORBIDDEN.sub("", text))
