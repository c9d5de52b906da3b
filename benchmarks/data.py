"""The data of the workloads: a synthetic collection, its catalogue, and polygons over it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from config.settings import Settings, load_settings
from openeo_plugin.driver.windowed import WindowedDriver
from openeo_plugin.sources.synthetic import make_collection

COLLECTION = "sentinel-2-l2a-synthetic"
WEST, NORTH, STEP = 677_000.0, 5_155_000.0, 10.0
CRS = "EPSG:32632"


@dataclass(frozen=True)
class Scene:
    """One date: a file for each band."""

    datetime: str
    files: dict[str, str]


def prepare(folder: Path, size: int, dates: int) -> Path:
    """The collection's folder, made if it is not there yet (a minute or two for 4096 x 4096 x 10)."""
    made = folder / f"s2-{size}-{dates}"
    if not (made / "collection.json").is_file():
        print(f"Making {size} x {size} pixels, {dates} dates in {made} ...", flush=True)
        make_collection(made, size=size, dates=dates)
    return made


def scenes(folder: Path) -> list[Scene]:
    """The dates in order."""
    found = []
    for path in folder.glob("*/*.json"):
        item = json.loads(path.read_text())
        files = {name: str((path.parent / asset["href"]).resolve()) for name, asset in item["assets"].items()}
        found.append(Scene(item["properties"]["datetime"], files))
    return sorted(found, key=lambda scene: scene.datetime)


def polygons(size: int, count: int, seed: int = 7) -> dict[str, Any]:
    """Blobs of 100 m to 1.2 km radius over the extent, as GeoJSON in the collection's own CRS."""
    rng = np.random.default_rng(seed)
    features = []
    for number in range(count):
        radius = rng.uniform(100, 1200) * size / 4096
        x = rng.uniform(WEST + radius, WEST + size * STEP - radius)
        y = rng.uniform(NORTH - size * STEP + radius, NORTH - radius)
        angles = np.linspace(0, 2 * np.pi, 13)[:-1]
        radii = radius * rng.uniform(0.6, 1, 12)
        ring = [[x + r * np.cos(a), y + r * np.sin(a)] for r, a in zip(radii, angles, strict=True)]
        geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
        features.append({"type": "Feature", "id": str(number), "properties": {"id": number}, "geometry": geometry})
    crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{CRS.replace(':', '::')}"}}
    return {"type": "FeatureCollection", "features": features, "crs": crs}


def open_driver(folder: Path, work: Path, **options: Any) -> tuple[Settings, WindowedDriver]:
    """A driver over a catalogue with just this collection, in a database of its own; `options` are settings."""
    from db.collections import CollectionStore
    from db.processes import ProcessStore
    from db.session import Database
    from openeo_plugin.sources.importing import import_folder

    work.mkdir(parents=True, exist_ok=True)
    settings = load_settings(data_dir=work, **options)
    database = Database(settings.database)
    if not database.is_current():
        database.migrate()
        store = CollectionStore(database)
        for collection in import_folder(folder):
            store.put(collection.document, collection.items)
    return settings, WindowedDriver(settings, CollectionStore(database), ProcessStore(database))
