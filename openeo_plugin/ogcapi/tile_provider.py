"""Collections and results as map tiles at `/collections/{id}/tiles`, in the tile matrix sets that pygeoapi knows."""

from __future__ import annotations

from typing import Any

from odc.geo.geobox import GeoBox
from pygeoapi.models.provider.base import TileMatrixSetEnum
from pygeoapi.provider.tile import BaseTileProvider, ProviderTileNotFoundError, ProviderTilesetIdNotFoundError

from openeo_plugin.ogcapi.pictures import opened_map, picture
from openeo_plugin.ogcapi.scope import current_scope

TILE_PX = 256
_SETS = (TileMatrixSetEnum.WEBMERCATORQUAD.value, TileMatrixSetEnum.WORLDCRS84QUAD.value)


class TileProvider(BaseTileProvider):
    """The tiles of one raster collection. Reads nothing before it is asked."""

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self._scope = current_scope()
        self.tile_type = "raster"

    def get_layer(self) -> str:
        """The collection's id."""
        return str(self.data)

    def get_tiling_schemes(self) -> list[Any]:
        """WebMercatorQuad and WorldCRS84Quad."""
        return list(_SETS)

    def get_tiles_service(self, servicepath: str = "", **_: object) -> dict[str, Any]:
        """The template of tiles."""
        link = {"type": self.mimetype, "rel": "item", "title": "Tiles of this collection", "href": servicepath}
        return {"links": [{**link, "templated": True}]}

    def get_tiles(self, tileset: str, z: str, y: str, x: str, **_: object) -> bytes:
        """A PNG.

        Args:
            tileset: id of the tile matrix set.
            z, y, x: matrix, row (from the north) and column.
        Raises: ProviderTilesetIdNotFoundError, ProviderTileNotFoundError, RequestFailedError.
        """
        grid = _grid(tileset, _index(z), _index(y), _index(x), self.options["zoom"]["max"])
        return picture(self._scope, opened_map(self._scope, self.data), grid)

    def get_metadata(
        self, dataset: str, server_url: str, tileset: str, title: str, description: str, **_: object
    ) -> dict[str, Any]:
        """The tileset: tile matrix set, template, extent.

        Raises: ProviderTilesetIdNotFoundError.
        """
        matrix = next((one for one in _SETS if one.tileMatrixSet == tileset), None)
        if matrix is None:
            raise ProviderTilesetIdNotFoundError()
        base = f"{server_url}/collections/{dataset}/tiles/{tileset}"
        west, south, east, north = opened_map(self._scope, self.data).bounds("EPSG:4326")
        template = f"{base}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f={self.format_type}"
        relation = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
        return {
            "id": dataset,
            "title": title,
            "description": description,
            "tileset": tileset,
            "dataType": "map",
            "crs": matrix.crs,
            "tileMatrixSetURI": matrix.tileMatrixSetURI,
            "boundingBox": {
                "lowerLeft": [west, south],
                "upperRight": [east, north],
                "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            },
            "collections_path": template,
            "json_url": f"{base}?f=json",
            "links": [
                {"rel": "self", "type": "application/json", "title": "This document", "href": f"{base}?f=json"},
                {"rel": "item", "type": self.mimetype, "title": "Tiles", "href": template, "templated": True},
                {
                    "rel": relation,
                    "type": "application/json",
                    "title": f"Tile matrix set {tileset}",
                    "href": f"{server_url}/TileMatrixSets/{tileset}?f=json",
                },
            ],
        }


def _index(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ProviderTileNotFoundError()
    return int(text)


def _grid(tileset: str, z: int, y: int, x: int, max_zoom: int) -> GeoBox:
    from services.tile_matrix import WEB_MERCATOR, grid_of, tile_bounds

    if tileset not in {one.tileMatrixSet for one in _SETS}:
        raise ProviderTilesetIdNotFoundError()
    across = 2 ** min(z, 40) * (2 if tileset == "WorldCRS84Quad" else 1)
    if z > max_zoom or x >= across or y >= 2**z:
        raise ProviderTileNotFoundError()
    if tileset == "WebMercatorQuad":
        return grid_of(tile_bounds((z, x, y)), TILE_PX, TILE_PX, WEB_MERCATOR)
    size = 180 / 2**z
    west, north = x * size - 180, 90 - y * size
    return grid_of((west, north - size, west + size, north), TILE_PX, TILE_PX, "EPSG:4326")
