"""Reference systems that users name. PROJ opens files that a definition points to, so such definitions are refused."""

from __future__ import annotations

import json
import re

from pyproj import CRS
from pyproj.exceptions import CRSError

LENGTH_MAX = 50_000
_FILES = re.compile(r"PARAMETERFILE|\bFILE\b|GRIDS|PROJ-BASED|INIT=|CATALOG=", re.IGNORECASE)
_NO_GRIDS = "+nadgrids=@null"  # stands in the definition of Web Mercator
_VALUE = re.compile(r"[A-Za-z0-9_.,+-]*")
_KEYS = frozenset(
    """a alpha axis b datum ellps es f gamma h k k_0 lat_0 lat_1 lat_2 lat_b lat_ts lon_0 lon_1 lon_2 lonc no_defs
    no_off no_rot no_uoff o_lat_p o_lon_p o_proj over pm proj R R_A rf south sweep title to_meter towgs84 type units
    vunits vto_meter wktext x_0 y_0 zone""".split()
)


def reference_system(definition: int | str) -> CRS:
    """The CRS of an EPSG number, an authority's code, WKT, PROJJSON or a PROJ string.

    Raises: pyproj's CRSError.
    """
    if isinstance(definition, int):
        return CRS.from_epsg(definition)
    refuse_files(definition)
    return CRS.from_user_input(definition)


def refuse_files(definition: str) -> None:
    """Raises: pyproj's CRSError, for a definition that names a file."""
    if len(definition) > LENGTH_MAX:
        raise CRSError("the definition is too long")
    text = definition.strip()
    if text.startswith("{"):
        try:
            text = json.dumps(json.loads(text), ensure_ascii=False)  # without escapes to hide behind
        except (ValueError, RecursionError):
            raise CRSError("the definition is not JSON") from None
    elif "[" not in text and "(" not in text and "=" in text:
        _refuse_keys(text)
    if _FILES.search(text.replace(_NO_GRIDS, "")):
        raise CRSError("the definition names a file")


def _refuse_keys(text: str) -> None:
    """Of a PROJ string: only keys of projections and ellipsoids pass, with plain values."""
    for word in text.replace(_NO_GRIDS, "").split():
        key, _, value = word.removeprefix("+").partition("=")
        if key not in _KEYS or not _VALUE.fullmatch(value):
            raise CRSError(f"a PROJ string must not hold {word[:40]}")
