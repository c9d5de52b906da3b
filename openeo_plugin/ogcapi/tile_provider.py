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
        tile = _index(z), _index(x), _index(y)
        grid = _grid(tileset, tile, self.options["zoom"]["max"])
        return picture(self._scope, opened_map(self._scope, self.data), grid, (tileset, tile))

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


def _grid(tileset: str, tile: tuple[int, int, int], max_zoom: int) -> GeoBox:
    from services.tile_matrix import WEB_MERCATOR_QUAD, WORLD_CRS84_QUAD

    known = {one.id: one for one in (WEB_MERCATOR_QUAD, WORLD_CRS84_QUAD)}
    if tileset not in known:
        raise ProviderTilesetIdNotFoundError()
    one, (z, x, y) = known[tileset], tile
    if z > max_zoom or x >= one.columns * 2**z or y >= one.rows * 2**z:
        raise ProviderTileNotFoundError()
    return one.grid(tile, TILE_PX)
