"""What a request to WMTS or WMS says, and what is refused before MapProxy sees it.

MapProxy answers "internal error" to numbers that are none and addresses it does not know; here they are told apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from openeo_plugin.errors import OpenEOError
from services.ows_exception import OwsRefusalError

MAX_MAP_PX = 4096
KVP = "/service"

# Where KVP requests may arrive, and which service they mean if they don't say.
_KVP_PATHS = {"": None, "/": None, KVP: None, "/ows": None, "/wms": "WMS", "/wms/": "WMS", "/wmts": "WMTS"}
_CAPABILITIES = "/wmts/1.0.0/WMTSCapabilities.xml"
_NAME = "[A-Za-z0-9_.:-]{1,64}"
_TILE = "[0-9]{1,2}/-?[0-9]{1,9}/-?[0-9]{1,9}"
_END = r"(?:\.[a-z]{1,8}|/[0-9]{1,5}/[0-9]{1,5}\.[a-z]{1,8})"
_PLAIN_TILE = re.compile(f"/wmts/{_NAME}/{_NAME}/{_TILE}{_END}")
_DATED_TILE = re.compile(f"/wmts/{_NAME}/{_NAME}/(?P<time>[A-Za-z0-9_.,:-]{{1,64}}|{{(?i:time)}})/{_TILE}{_END}")

_WHOLE = re.compile("[+-]?[0-9]{1,9}")
_WHOLE_NAMES = frozenset({"tilecol", "tilerow", "tilematrix", "i", "j", "x", "y", "feature_count"})
_NUMBER = r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\s*"
_WRONG = "InvalidParameterValue"
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_VERSION = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){0,2}")
_CRS = re.compile("[A-Za-z][A-Za-z0-9]{0,15}:[0-9]{1,9}")
_BBOX = re.compile(",".join([_NUMBER] * 4))


@dataclass(frozen=True)
class MapproxyRequest:
    """A request as MapProxy is to get it.

    Args:
        path: after the service's id; `/service` for KVP.
        given: the parameters by lower-case name.
        time: TIME of the query or the address.
    """

    path: str
    given: Mapping[str, str]
    time: str | None

    @property
    def for_capabilities(self) -> bool:
        """Whether the capabilities are asked for."""
        return self.path == _CAPABILITIES or self.given.get("request", "").lower() == "getcapabilities"

    @property
    def query(self) -> str:
        """The parameters as a query string."""
        return urlencode(self.given)


def split(path: str) -> tuple[str, str]:
    """`/{id}/rest` -> (id, "/rest")."""
    service_id, slash, rest = path.removeprefix("/").partition("/")
    return service_id, slash + rest


def parse(path: str, query: str, dated: bool) -> MapproxyRequest:
    """Read a request; `path` begins after the service's id.

    Args:
        path: of a KVP door, the capabilities document or a tile.
        query: as it stands in the address.
        dated: whether the addresses of tiles hold a date.
    Raises: NotFound.
    """
    given = {name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)}
    if path in _KVP_PATHS:
        service = _KVP_PATHS[path]
        if service:
            given.setdefault("service", service)
        given.setdefault("request", "GetCapabilities")
        return MapproxyRequest(KVP, given, given.get("time"))
    tile = (_DATED_TILE if dated else _PLAIN_TILE).fullmatch(path)
    if tile is None and path != _CAPABILITIES:
        raise OpenEOError("NotFound")
    time = tile["time"] if tile and dated else None
    if tile and time and time.startswith("{"):  # QGIS leaves the placeholder as it is where no date was chosen
        path, time = path[: tile.start("time")] + "default" + path[tile.end("time") :], "default"
    return MapproxyRequest(path, given, time)


def check(request: MapproxyRequest) -> None:
    """Refuse what MapProxy would stumble over: numbers that are none or too large, and names of no known form.

    Raises: OwsRefusalError.
    """
    given = request.given
    for name, value in given.items():
        if _CONTROL.search(name + value):
            raise OwsRefusalError(_WRONG, "the address holds a control character")
    for name in _WHOLE_NAMES & given.keys():
        if not _WHOLE.fullmatch(given[name]):
            raise OwsRefusalError(_WRONG, f"{name.upper()} must be a whole number")
    for name in {"width", "height"} & given.keys():
        if not _WHOLE.fullmatch(given[name]) or not 1 <= int(given[name]) <= MAX_MAP_PX:
            raise OwsRefusalError(_WRONG, f"{name.upper()} must lie between 1 and {MAX_MAP_PX}")
    if "bbox" in given and not _BBOX.fullmatch(given["bbox"]):
        raise OwsRefusalError(_WRONG, "BBOX must be four numbers separated by commas")
    if "version" in given and not _VERSION.fullmatch(given["version"]):
        raise OwsRefusalError(_WRONG, "VERSION must be numbers with points between them, such as 1.3.0")
    for name in {"crs", "srs"} & given.keys():
        if not _CRS.fullmatch(given[name]):
            raise OwsRefusalError(f"Invalid{name.upper()}", f"{name.upper()} must be a code such as EPSG:3857")
    _check_queried(given)


def _check_queried(given: Mapping[str, str]) -> None:
    """What values are asked of has to be among what is shown. Raises: OwsRefusalError."""
    shown = given.get("layers", "").split(",")
    for name in given.get("query_layers", "").split(","):
        if name and name not in shown:
            raise OwsRefusalError("LayerNotDefined", f"the layer {name[:64]} of QUERY_LAYERS is not among LAYERS")
