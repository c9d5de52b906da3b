"""Which tile an address of XYZ or WMTS (REST) asks for, as far as the address alone tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from services.service_type import LAYER
from services.tile_matrix import NATIVE, WEB_MERCATOR_QUAD

_FORMAT = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp", None: "png"}
_XYZ = re.compile(r"/(?P<z>\d{1,2})/(?P<x>\d{1,9})/(?P<y>\d{1,9})(?:\.(?P<ending>png|jpg|jpeg|webp))?")
_WMTS = re.compile(
    rf"/wmts/{LAYER}/(?:(?P<world>WebMercatorQuad|WorldCRS84Quad)(?P<px>512)?|Native)/(?P<time>[A-Za-z0-9_.,:-]{{1,64}}/)?"
    r"(?P<z>\d{1,2})/(?P<x>\d{1,9})/(?P<y>\d{1,9})\.(?P<ending>png)"
)


@dataclass(frozen=True)
class TileAddress:
    """A tile (z, x, y) of a tile matrix set, rows counted from the north, the date as the client wrote it, a format."""

    tile: tuple[int, int, int]
    time: str | None
    image_format: str
    matrix_set: str = WEB_MERCATOR_QUAD.id


def tile_of(face: str, path: str, query: bytes, dated: bool, tile_px: int = 256) -> TileAddress | None:
    """The tile that a path of a face (below the service) asks for; None if it asks for anything else.

    Args:
        face: "tiles" or "ogc".
        query: as it stands in the address.
        dated: whether addresses of WMTS hold a date.
        tile_px: width of the service's tiles, by which WMTS names the tile matrix sets of the world.
    """
    found = (_XYZ if face == "tiles" else _WMTS).fullmatch(path)
    if found is None or face not in ("tiles", "ogc"):
        return None
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    time, matrix_set = given.get("time"), WEB_MERCATOR_QUAD.id
    if face == "ogc":
        matrix_set = found["world"] or NATIVE
        time = (found["time"] or "").rstrip("/") or None
        if bool(time) != dated or (found["world"] and int(found["px"] or 256) != tile_px):
            return None
    tile = int(found["z"]), int(found["x"]), int(found["y"])
    return TileAddress(tile, time, _FORMAT[found["ending"]], matrix_set)
