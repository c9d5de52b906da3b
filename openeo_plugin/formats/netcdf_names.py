"""Names that netCDF takes: no slashes, no signs at the beginning, not too long, and none twice."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

_LONGEST_BYTES = 200  # the library takes 256; the rest is for what makes a name unique


class Names:
    """Names of dimensions and variables of a file that are taken."""

    def __init__(self, used: Collection[str] = ()) -> None:
        self._used = set(used)

    def free(self, wanted: str, prefix: str = "") -> str:
        """The name, or one like it; `var` without a name.

        Args:
            prefix: put before a name that is taken. If that is taken, too, or there is none, a number is appended.
        """
        plain = _allowed(wanted)
        name = prefix + plain if prefix and plain in self._used else plain
        base, number = name, 1
        while name in self._used:
            number += 1
            name = f"{base}_{number}"
        self._used.add(name)
        return name


def _allowed(wanted: str) -> str:
    """What netCDF has nothing against; it compares names in Unicode's normal form C, and so does this."""
    plain = "".join(c if c.isprintable() and c != "/" else "_" for c in unicodedata.normalize("NFC", wanted))
    plain = plain.strip().encode("utf-8", "replace")[:_LONGEST_BYTES].decode("utf-8", "ignore").strip() or "var"
    return plain if plain[0].isalnum() or plain[0] == "_" or ord(plain[0]) > 127 else f"_{plain}"
