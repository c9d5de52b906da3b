"""A server of data in memory beside a back-end that may reach it: STAC, static and with an API, and GeoTIFFs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from affine import Affine
from unit.egress.canary import Server, reply
from unit.sources.rasters import write_tif

from config.settings import Settings
from db.collections import CollectionStore
from db.processes import ProcessStore
from db.session import Database
from openeo_plugin.driver.windowed import WindowedDriver
from openeo_plugin.engine.plan import Plan

USER = "ada"


class Outside:
    """A server and a back-end. Paths of the server are those of `publish`."""

    def __init__(self, server: Server, folder: Path, **settings: Any) -> None:
        self.server = server
        self.folder = folder
        given = {
            "data_dir": folder / "data",
            "egress_schemes": ["http"],
            "egress_private_hosts": [f"127.0.0.1:{server.port}"],
            "egress_timeout_s": 5,
            "public_url": "http://openeo.test",
            "threads": 1,
        }
        self.settings = Settings(**{**given, **settings})
        database = Database(f"sqlite:///{folder / 'outside.sqlite'}")
        database.migrate()
        self.collections = CollectionStore(database)
        self.processes = ProcessStore(database)
        self.driver = WindowedDriver(self.settings, self.collections, self.processes)

    def url(self, path: str) -> str:
        return self.server.base + path

    def publish(self, path: str, document: Any) -> str:
        """JSON at a path; the address."""
        self.server.answers[path] = json.dumps(document).encode()
        return self.url(path)

    def publish_tif(self, path: str, value: int | Sequence[int] = 7, **options: Any) -> str:
        """A GeoTIFF of 4 rows and 5 columns; a number fills it, several fill bands."""
        filled = [value] if isinstance(value, int) else list(value)
        values = options.pop("values", [np.full((4, 5), number) for number in filled])
        file = write_tif(self.folder / "made.tif", values=values, **options)
        self.server.answers[path] = file.read_bytes()
        return self.url(path)

    def plan(self, process_id: str, **arguments: Any) -> Plan:
        """The plan of a graph of one node."""
        return self.driver.plan(graph(process_id, **arguments), USER)

    def faults(self, process_id: str, **arguments: Any) -> list[str]:
        """Codes of what validation finds in a graph of one node."""
        return [error.code for error in self.driver.validate(graph(process_id, **arguments), USER)]


def graph(process_id: str, **arguments: Any) -> dict[str, Any]:
    return {"process_graph": {"it": {"process_id": process_id, "arguments": arguments, "result": True}}}


def pixels(plan: Plan) -> np.ndarray[Any, Any]:
    """All values of a plan's cube, null as NaN: (t, bands, y, x)."""
    assert plan.description is not None
    block = plan.read(plan.description.grid, exact=True)
    return np.stack([band.real() for band in block.bands], axis=-3)


def item(name: str, when: str | None = "2022-06-12T10:00:00Z", /, **fields: Any) -> dict[str, Any]:
    """A STAC item; assets by keyword."""
    properties = {"datetime": when} | fields.pop("properties", {})
    assets = {key: a if isinstance(a, dict) else {"href": a} for key, a in fields.pop("assets", {}).items()}
    document = {"type": "Feature", "stac_version": "1.0.0", "id": name, "geometry": None, "links": []}
    return {**document, "properties": properties, "assets": assets, **fields}


def serve_api(outside: Outside, path: str, items: Sequence[dict[str, Any]], page: int = 2) -> str:
    """A collection of a STAC API: filters by bbox and a closed interval, and pages. Its address."""

    def search(handler: Any) -> None:
        query = {k: v[0] for k, v in parse_qs(urlsplit(handler.path).query).items()}
        found = [i for i in items if _asked(i, query)]
        at = int(query.get("at", 0))
        links = []
        if at + page < len(found):
            rest = "&".join(f"{k}={v}" for k, v in query.items() if k != "at")
            links = [{"rel": "next", "href": f"{outside.url(path)}/items?{rest}&at={at + page}"}]
        body = {"type": "FeatureCollection", "features": found[at : at + page], "links": links}
        reply(handler, json.dumps(body).encode())

    outside.server.answers[f"{path}/items"] = search
    links = [{"rel": "items", "href": f"{outside.url(path)}/items"}]
    document = {"type": "Collection", "stac_version": "1.0.0", "id": "api", "links": links}
    return outside.publish(path, document)


def _asked(item: dict[str, Any], query: dict[str, str]) -> bool:
    when = item["properties"]["datetime"]
    start, _, end = query.get("datetime", "../..").partition("/")
    if (start != ".." and when < start) or (end != ".." and when > end):
        return False
    if "bbox" not in query or "bbox" not in item:
        return True
    west, south, east, north = map(float, query["bbox"].split(","))
    box = item["bbox"]
    return bool(box[0] <= east and box[2] >= west and box[1] <= north and box[3] >= south)


SHIFTED = Affine(10, 0, 600_050, 0, -10, 5_100_000)
"""The grid of `publish_tif`, one file further east."""
