"""The STAC documents of a job's results."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from db.collections import CollectionStore
from db.session import Database
from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import BandsDimension, OtherDimension, SpatialDimension, TemporalDimension
from openeo_plugin.cube.footprint import footprint_of, union_box
from openeo_plugin.cube.grid import tiled
from openeo_plugin.cube.pixels import Block, Pixels
from openeo_plugin.formats.asset import Asset
from openeo_plugin.formats.json import write_value
from openeo_plugin.formats.registry import format_named
from openeo_plugin.results.documents import result_documents
from openeo_plugin.results.publish import publish
from openeo_plugin.sources.layers import layers_of

UTM = Affine(10, 0, 600000, 0, -10, 5100000)
Y, X = SpatialDimension("y", "y"), SpatialDimension("x", "x")
BANDS = (
    Band("B04", np.dtype("uint16"), 0, scale=0.0001, unit="1", common_name="red", center_wavelength_um=0.665),
    Band("SCL", np.dtype("uint8"), 0),
)
GRAPH = {
    "load": {
        "process_id": "load_collection",
        "arguments": {"id": "S2", "temporal_extent": ["2022-06-01", "2022-07-01"], "bands": ["B04"]},
    },
    "merge": {
        "process_id": "apply",
        "arguments": {
            "process": {"process_graph": {"inner": {"process_id": "load_collection", "arguments": {"id": "DEM"}}}}
        },
    },
}


@dataclass(frozen=True)
class Job:
    id: str = "j-1"
    owner: str = "alice"
    title: str | None = "NDVI of June"
    description: str | None = None
    process: dict[str, Any] = field(default_factory=lambda: {"process_graph": GRAPH})
    created: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    updated: datetime = datetime(2026, 1, 2, tzinfo=UTC)
    started: datetime | None = None
    finished: datetime | None = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def cube(times=(), *, bands=BANDS, shape=(600, 700), crs="EPSG:32633", affine=UTM, extra=()):
    time = (TemporalDimension("t", tuple(times)),) if times else ()
    names = (BandsDimension("bands", tuple(b.name for b in bands)),)
    return CubeDescription((*time, *extra, *names, Y, X), GeoBox(shape, affine, crs), bands)


def written(folder: Path, description: CubeDescription, name="GTiff") -> list[Asset]:
    writer = format_named(name).writer(description, folder, "result", {})
    labels = [len(d.labels) for d in description.labelled]
    for window in tiled(description.grid, *writer.align):
        arrays = [np.ones((*labels, *window.shape), band.dtype) for band in description.bands]
        writer.write(window, Block(tuple(Pixels(a, b.nodata) for a, b in zip(arrays, description.bands, strict=True))))
    return writer.finish()


def assert_valid_stac(document, items):
    """What the STAC 1.1 schemas ask for; they can't be fetched here."""
    collection = pystac.Collection.from_dict(document, migrate=False)
    assert collection.to_dict(include_self_link=False)["id"] == document["id"]
    assert {"type", "stac_version", "id", "description", "license", "extent", "links"} <= set(document)
    assert (document["type"], document["stac_version"]) == ("Collection", "1.1.0")
    for box in document["extent"]["spatial"]["bbox"]:
        assert len(box) == 4
    for item in items:
        pystac.Item.from_dict(item, migrate=False)
        assert {"type", "stac_version", "id", "geometry", "bbox", "properties", "links", "assets"} <= set(item)
        assert (item["type"], item["stac_version"], item["collection"]) == ("Feature", "1.1.0", document["id"])
        assert shapely.geometry.shape(item["geometry"]).is_valid
        assert item["properties"]["datetime"].endswith("Z")
        for asset in item["assets"].values():
            assert {"href", "type", "title", "roles", "file:size", "proj:shape", "proj:transform"} <= set(asset)
            assert asset == document["assets"][Path(asset["href"]).name]
    assert len({item["id"] for item in items}) == len(items)


def test_every_date_is_an_item_and_every_file_an_asset_of_the_collection(tmp_path):
    times = ("2022-06-12T10:00:31Z", "2022-06-12T18:00:00Z")
    document, items = result_documents(Job(), written(tmp_path, cube(times)))
    assert_valid_stac(document, items)
    assert [item["properties"]["datetime"] for item in items] == list(times)
    assert [item["id"] for item in items] == ["j-1_2022-06-12T100031Z", "j-1_2022-06-12T180000Z"]
    assert list(document["assets"]) == ["result_2022-06-12T100031Z.tif", "result_2022-06-12T180000Z.tif"]
    assert document["extent"]["temporal"]["interval"] == [list(times)]
    assert document["cube:dimensions"]["t"]["values"] == list(times)
    assert document["cube:dimensions"]["bands"]["values"] == ["B04", "SCL"]


@pytest.mark.requirement(870)
def test_an_asset_says_what_its_file_is(tmp_path):
    assets = written(tmp_path, cube())
    document, _ = result_documents(Job(), assets)
    (asset,) = document["assets"].values()
    assert asset == {
        "href": str(tmp_path / "result.tif"),
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "title": "result",
        "roles": ["data"],
        "file:size": (tmp_path / "result.tif").stat().st_size,
        "proj:code": "EPSG:32633",
        "proj:shape": [600, 700],
        "proj:transform": [10.0, 0.0, 600000.0, 0.0, -10.0, 5100000.0],
        "proj:bbox": [600000.0, 5094000.0, 607000.0, 5100000.0],
        "bands": [
            {
                "name": "B04",
                "data_type": "uint16",
                "nodata": 0,
                "unit": "1",
                "raster:scale": 0.0001,
                "eo:common_name": "red",
                "eo:center_wavelength": 0.665,
            },
            {"name": "SCL", "data_type": "uint16", "nodata": 0},
        ],
        "openeo:block": [512, 512],
        "openeo:overviews": [2],
    }


def test_an_item_can_be_read_as_layers_again(tmp_path):
    description = cube(bands=(Band("", np.dtype("float32"), np.nan),))
    _, (item,) = result_documents(Job(), written(tmp_path, description))
    (layer,) = layers_of(item).values()
    assert (layer.path, layer.index, layer.band.name) == (str(tmp_path / "result.tif"), 1, "data")
    assert (layer.band.dtype, np.isnan(layer.band.nodata)) == (np.float32, True)
    assert layer.grid == description.grid
    assert (layer.block, layer.overviews) == ((512, 512), (2,))


def test_a_result_without_time_has_the_time_that_was_asked_for(tmp_path):
    document, (item,) = result_documents(Job(), written(tmp_path, cube()))
    assert_valid_stac(document, [item])
    expected = ["2022-06-01T00:00:00Z", "2022-07-01T00:00:00Z"]
    assert document["extent"]["temporal"]["interval"] == [expected]
    assert [item["properties"][k] for k in ("start_datetime", "end_datetime")] == expected
    assert item["properties"]["datetime"] == expected[0]


def test_a_result_without_any_time_has_that_of_the_job(tmp_path):
    _, (item,) = result_documents(Job(process={"process_graph": {}}), written(tmp_path, cube()))
    assert item["properties"]["datetime"] == "2026-01-01T00:00:00Z"


def test_a_month_is_a_period(tmp_path):
    _, (june, july) = result_documents(Job(), written(tmp_path, cube(("2022-06", "2022-07"))))
    assert june["properties"]["start_datetime"] == june["properties"]["datetime"] == "2022-06-01T00:00:00Z"
    assert june["properties"]["end_datetime"] == "2022-07-01T00:00:00Z"
    assert july["id"] == "j-1_2022-07-01T000000Z_2022-08-01T000000Z"


def test_files_of_one_date_share_an_item(tmp_path):
    extra = (OtherDimension("angle", ("a", "b")),)
    description = cube(("2022-06-01T00:00:00Z", "2022-06-02T00:00:00Z"), extra=extra)
    _, items = result_documents(Job(), written(tmp_path, description))
    assert [len(item["assets"]) for item in items] == [2, 2]


@pytest.mark.parametrize("name", ["netCDF", "PNG", "JSON"])
def test_a_file_that_is_no_geotiff_is_no_layer_but_has_a_place(tmp_path, name):
    description = cube(("2022-06-12T10:00:31Z",), shape=(60, 70))
    document, (item,) = result_documents(Job(), written(tmp_path, description, name), [description])
    assert_valid_stac(document, [item])
    assert layers_of(item) == {}
    assert item["properties"]["datetime"] == "2022-06-12T10:00:31Z"
    assert document["cube:dimensions"]["x"] == {
        "type": "spatial",
        "axis": "x",
        "extent": [600000.0, 600700.0],
        "step": 10.0,
        "reference_system": 32633,
    }
    assert document["cube:dimensions"]["t"]["values"] == ["2022-06-12T10:00:31Z"]
    assert document["summaries"]["bands"] == [{"name": "B04"}, {"name": "SCL"}]


def test_a_plain_value_is_an_asset_of_the_collection_only(tmp_path):
    document, items = result_documents(Job(), [write_value(3, tmp_path, "result")])
    assert items == []
    assert_valid_stac(document, items)
    assert document["extent"]["spatial"]["bbox"] == [[-180.0, -90.0, 180.0, 90.0]]
    assert document["assets"]["result.json"]["file:size"] == 1


def test_the_collection_tells_how_it_came_to_be(tmp_path):
    document, _ = result_documents(Job(), written(tmp_path, cube()), collections_url="https://e.org/collections")
    (provider,) = document["providers"]
    assert provider["processing:expression"] == {"format": "openeo", "expression": {"process_graph": GRAPH}}
    assert "pygeoapi-openeo" in provider["processing:software"]
    assert provider["processing:datetime"] == document["updated"] == "2026-01-02T03:04:05Z"
    assert [(link["rel"], link["href"]) for link in document["links"]] == [
        ("derived_from", "https://e.org/collections/S2"),
        ("derived_from", "https://e.org/collections/DEM"),
    ]
    assert document["title"] == document["description"] == "NDVI of June"


def test_no_field_is_null(tmp_path):
    def nulls(value):
        if isinstance(value, dict):
            return any(map(nulls, value.values()))
        return any(map(nulls, value)) if isinstance(value, list) else value is None

    document, items = result_documents(Job(title=None), written(tmp_path, cube(("2022-06", "2022-07"))))
    assert not nulls(document)
    assert not nulls(items)


def test_publishing_puts_the_result_into_the_catalogue_of_its_owner(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'catalogue.sqlite'}")
    database.migrate()
    store = CollectionStore(database)
    description = cube(("2022-06-12T10:00:31Z",), shape=(60, 70))
    publish(store, Job(), written(tmp_path, description))
    publish(store, Job(title="again"), written(tmp_path, description))
    assert store.get("j-1", "alice")["title"] == "again"
    assert [document["id"] for document in store.list("alice", kind="result")] == ["j-1"]
    assert store.list("bob") == []
    assert store.count_items("j-1", bbox=(16.3, 46.0, 16.4, 46.1)) == 1
    assert store.count_items("j-1", bbox=(10.0, 46.0, 11.0, 46.1)) == 0
    database.dispose()


def test_a_footprint_follows_its_bent_edges_and_runs_against_the_clock():
    grid = GeoBox((1000, 1000), Affine(4000, 0, 2500000, 0, -4000, 5500000), "EPSG:3035")
    footprint = footprint_of([grid])
    ring = footprint.geometry["coordinates"][0]
    assert len(ring) > 60
    assert shapely.LinearRing(ring).is_ccw
    assert ring[0] == ring[-1]


def test_a_footprint_across_the_antimeridian_is_cut_there():
    grid = GeoBox((100, 100), Affine(1000, 0, 600000, 0, -1000, 7000000), "EPSG:32660")
    footprint = footprint_of([grid])
    west, _, east, _ = footprint.bbox
    assert footprint.geometry["type"] == "MultiPolygon"
    assert 178 < west < 180
    assert -180 < east < -178
    assert union_box([footprint.bbox, (0.0, 1.0, 2.0, 3.0)])[::2] == [-180.0, 180.0]


def test_a_grid_without_a_crs_has_no_footprint(tmp_path):
    assert footprint_of([GeoBox((2, 2), UTM, None)]) is None
    document, items = result_documents(Job(), written(tmp_path, cube(shape=(20, 20), crs=None)))
    assert items == []
    assert list(document["assets"]) == ["result.tif"]
