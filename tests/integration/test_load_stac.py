"""load_stac against a server of the test: every way in which foreign catalogues say where and what their data are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration.outside import SHIFTED, Outside, graph, item, pixels, serve_api
from unit.egress.canary import reply, serving

from openeo_plugin.errors import OpenEOError


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    with serving() as server:
        yield Outside(server, tmp_path)


def refused(outside: Outside, url: str, **arguments: Any) -> OpenEOError:
    with pytest.raises(OpenEOError) as raised:
        outside.plan("load_stac", url=url, **arguments)
    return raised.value


def band_filter(path: str) -> dict[str, Any]:
    condition = {"process_id": path, "arguments": {"x": {"from_parameter": "value"}, "y": 20}, "result": True}
    return {"process_graph": {"c": condition}}


def test_an_item_is_loaded_with_the_place_that_its_files_tell(outside: Outside) -> None:
    outside.publish_tif("/a/B04.tif", 11)
    outside.publish_tif("/a/B08.tif", 12)
    url = outside.publish("/a/item.json", item("a", assets={"B04": "./B04.tif", "B08": "B08.tif"}))
    plan = outside.plan("load_stac", url=url)
    assert plan.description is not None
    assert plan.description.names == ("t", "bands", "y", "x")
    assert plan.description.labelled[0].labels == ("2022-06-12T10:00:00Z",)
    assert [band.name for band in plan.description.bands] == ["B04", "B08"]
    assert str(plan.description.grid.crs) == "EPSG:32632"
    assert pixels(plan)[0, :, 0, 0].tolist() == [11, 12]


def test_only_the_blocks_of_the_window_are_fetched(outside: Outside) -> None:
    noise = np.random.default_rng(1).integers(1, 60_000, (1, 1024, 1024))
    outside.publish_tif("/a.tif", values=noise, tiled=True, blockxsize=256, blockysize=256)
    url = outside.publish("/item.json", item("a", assets={"B": outside.url("/a.tif")}))
    plan = outside.plan("load_stac", url=url, spatial_extent=_box(600_000, 5_099_900, 600_100, 5_100_000))
    assert (pixels(plan)[0, 0] == noise[0, :10, :10]).all()
    ranges = [h["range"] for h, hit in zip(outside.server.headers, outside.server.hits, strict=True) if hit == "/a.tif"]
    fetched = set(ranges)
    assert len(outside.server.answers["/a.tif"]) > 2_000_000
    assert sum(int(r[6:].split("-")[1]) - int(r[6:].split("-")[0]) + 1 for r in fetched) < 600_000


def _box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    return {"west": west, "south": south, "east": east, "north": north, "crs": 32632}


def test_a_static_collection_is_walked_through_its_children(outside: Outside) -> None:
    for day in (11, 12):
        outside.publish_tif(f"/c/sub/{day}.tif", day)
        outside.publish(f"/c/sub/{day}.json", item(f"i{day}", f"2022-06-{day}T10:00:00Z", assets={"B": f"{day}.tif"}))
    links = [{"rel": "item", "href": f"{day}.json"} for day in (12, 11)] + [{"rel": "root", "href": "../top.json"}]
    outside.publish("/c/sub/collection.json", {"type": "Collection", "id": "c", "links": links})
    url = outside.publish(
        "/c/top.json", {"type": "Catalog", "id": "t", "links": [{"rel": "child", "href": "sub/collection.json"}]}
    )
    plan = outside.plan("load_stac", url=url)
    assert plan.description is not None
    assert plan.description.labelled[0].labels == ("2022-06-11T10:00:00Z", "2022-06-12T10:00:00Z")
    assert pixels(plan)[:, 0, 0, 0].tolist() == [11, 12]


def test_a_catalogue_that_links_to_itself_ends(outside: Outside) -> None:
    outside.publish_tif("/x.tif", 3)
    outside.publish("/i.json", item("i", assets={"B": "x.tif"}))
    links = [{"rel": "child", "href": "a.json"}, {"rel": "item", "href": "i.json"}, {"rel": "item", "href": "i.json"}]
    url = outside.publish("/a.json", {"type": "Catalog", "id": "a", "links": links})
    assert pixels(outside.plan("load_stac", url=url)).shape == (1, 1, 4, 5)


def api(outside: Outside, **fields: Any) -> str:
    items = []
    for day in (10, 11, 12, 13, 14):
        outside.publish_tif(f"/{day}.tif", day)
        assets = {"B": {"href": outside.url(f"/{day}.tif"), "type": "image/tiff; application=geotiff"}}
        items.append(
            item(f"i{day}", f"2022-06-{day}T00:00:00Z", assets=assets, properties={"eo:cloud_cover": day}, **fields)
        )
    return serve_api(outside, "/stac/collections/s2", items)


def test_the_pages_of_an_api_are_followed(outside: Outside) -> None:
    assert pixels(outside.plan("load_stac", url=api(outside)))[:, 0, 0, 0].tolist() == [10, 11, 12, 13, 14]


def test_the_end_of_the_interval_is_left_out_though_the_search_is_closed(outside: Outside) -> None:
    plan = outside.plan("load_stac", url=api(outside), temporal_extent=["2022-06-11", "2022-06-13"])
    assert pixels(plan)[:, 0, 0, 0].tolist() == [11, 12]
    asked = next(hit for hit in outside.server.hits if "/items?" in hit)
    assert "datetime=2022-06-11T00:00:00Z/2022-06-13T00:00:00Z" in asked


@pytest.mark.parametrize(
    ("interval", "days"), [(["2022-06-13", None], [13, 14]), ([None, "2022-06-11"], [10]), (["2022-06-14", None], [14])]
)
def test_an_interval_may_be_open(interval: list[str | None], days: list[int], outside: Outside) -> None:
    plan = outside.plan("load_stac", url=api(outside), temporal_extent=interval)
    assert pixels(plan)[:, 0, 0, 0].tolist() == days


def test_properties_are_held_against_the_items(outside: Outside) -> None:
    condition = {"process_id": "gt", "arguments": {"x": {"from_parameter": "value"}, "y": 12}, "result": True}
    properties = {"eo:cloud_cover": {"process_graph": {"c": condition}}}
    plan = outside.plan("load_stac", url=api(outside), properties=properties)
    assert pixels(plan)[:, 0, 0, 0].tolist() == [13, 14]
    assert refused(outside, api(outside), properties={"missing": {"process_graph": {"c": condition}}}).code == (
        "NoDataAvailable"
    )


def test_a_search_by_post_is_paged_with_its_body(outside: Outside) -> None:
    outside.publish_tif("/1.tif", 1)
    outside.publish_tif("/2.tif", 2)
    second = item("b", "2022-06-13T00:00:00Z", assets={"B": outside.url("/2.tif")})

    def search(handler: Any) -> None:
        asked = json.loads(outside.server.bodies[-1])
        assert asked == {"token": "next", "collections": ["c"]}
        reply(handler, json.dumps({"type": "FeatureCollection", "features": [second]}).encode())

    outside.server.answers["/search"] = search
    follow = {"rel": "next", "method": "POST", "href": outside.url("/search")}
    follow["body"] = {"token": "next", "collections": ["c"]}
    first = item("a", assets={"B": outside.url("/1.tif")})
    url = outside.publish("/found", {"type": "FeatureCollection", "features": [first], "links": [follow]})
    assert pixels(outside.plan("load_stac", url=url))[:, 0, 0, 0].tolist() == [1, 2]


def test_pages_in_a_circle_are_refused(outside: Outside) -> None:
    links = [{"rel": "next", "href": "/found"}]
    url = outside.publish("/found", {"type": "FeatureCollection", "features": [], "links": links})
    assert "circle" in refused(outside, url).message


BARE = {"crs": None, "transform": None}
PLACE = {"proj:shape": [4, 5], "proj:transform": [10, 0, 600_000, 0, -10, 5_100_000]}


def _spelled(**fields: Any) -> dict[str, Any]:
    return {**PLACE, **fields}


def _wkt(version: str) -> str:
    from pyproj import CRS

    return CRS.from_epsg(32632).to_wkt(version)


def _projjson() -> Any:
    from pyproj import CRS

    return CRS.from_epsg(32632).to_json_dict()


@pytest.mark.parametrize("on_item", [True, False])
@pytest.mark.parametrize(
    "fields",
    [
        _spelled(**{"proj:epsg": 32632}),
        _spelled(**{"proj:code": "EPSG:32632", "proj:epsg": None}),
        _spelled(**{"proj:wkt2": _wkt("WKT2_2019")}),
        _spelled(**{"proj:projjson": _projjson()}),
        _spelled(**{"proj:code": "EPSG:32632", "proj:transform": [10, 0, 600_000, 0, -10, 5_100_000, 0, 0, 1]}),
    ],
    ids=["epsg", "code", "wkt2", "projjson", "nine numbers"],
)
def test_the_projection_is_read_from_item_or_asset(fields: dict[str, Any], on_item: bool, outside: Outside) -> None:
    from affine import Affine

    outside.publish_tif("/bare.tif", 5, crs=None, transform=Affine.identity())
    asset = {"href": "bare.tif", **({} if on_item else fields)}
    url = outside.publish("/i.json", item("i", assets={"B": asset}, properties=fields if on_item else {}))
    grid = outside.plan("load_stac", url=url).description.grid  # type: ignore[union-attr]
    assert (grid.crs.epsg, grid.affine.c, grid.affine.f, grid.shape) == (32632, 600_000, 5_100_000, (4, 5))


def test_the_file_is_believed_where_the_item_says_otherwise(outside: Outside) -> None:
    outside.publish_tif("/a.tif", 5)
    fields = {"proj:epsg": 4326, "proj:shape": [99, 99], "proj:transform": [1, 0, 0, 0, -1, 0]}
    url = outside.publish("/i.json", item("i", assets={"B": "a.tif"}, properties=fields))
    assert pixels(outside.plan("load_stac", url=url)).shape == (1, 1, 4, 5)


@pytest.mark.parametrize("field", ["eo:bands", "bands"])
def test_bands_are_known_by_name_and_by_common_name(field: str, outside: Outside) -> None:
    outside.publish_tif("/a.tif", 4)
    outside.publish_tif("/b.tif", 8)
    key = "common_name" if field == "eo:bands" else "eo:common_name"
    assets = {
        "red": {"href": "a.tif", field: [{"name": "B04", key: "red"}]},
        "nir": {"href": "b.tif", field: [{"name": "B08", key: "nir"}]},
    }
    url = outside.publish("/i.json", item("i", assets=assets))
    plan = outside.plan("load_stac", url=url, bands=["nir", "B04"])
    assert [band.name for band in plan.description.bands] == ["B08", "B04"]  # type: ignore[union-attr]
    assert pixels(plan)[0, :, 0, 0].tolist() == [8, 4]
    assert refused(outside, url, bands=["B04", "B99"]).code == "ProcessParameterInvalid"


def test_files_of_bands_that_are_not_wanted_are_not_opened(outside: Outside) -> None:
    outside.publish_tif("/a.tif", 4)
    url = outside.publish("/i.json", item("i", assets={"B04": "a.tif", "B08": "gone.tif"}))
    assert pixels(outside.plan("load_stac", url=url, bands=["B04"]))[0, 0, 0, 0] == 4
    assert "/gone.tif" not in outside.server.hits


def test_a_wanted_file_that_is_gone_is_an_error_and_no_hole(outside: Outside) -> None:
    outside.publish_tif("/a.tif", 4)
    url = outside.publish("/i.json", item("i", assets={"B04": "a.tif", "B08": "gone.tif"}))
    error = refused(outside, url)
    assert error.code == "ProcessParameterInvalid"
    assert "gone.tif" in error.message


def test_the_bands_of_one_file_come_from_its_header(outside: Outside) -> None:
    outside.publish_tif("/a.tif", [1, 2, 3], descriptions=("red", "green", "blue"))
    url = outside.publish("/i.json", item("i", assets={"visual": "a.tif"}))
    plan = outside.plan("load_stac", url=url, bands=["blue", "red"])
    assert pixels(plan)[0, :, 0, 0].tolist() == [3, 1]


def test_nodata_of_the_item_counts_where_the_file_has_none(outside: Outside) -> None:
    outside.publish_tif("/a.tif", 9, nodata=None)
    asset = {"href": "a.tif", "raster:bands": [{"nodata": 9, "scale": 0.5}]}
    url = outside.publish("/i.json", item("i", assets={"B": asset}))
    plan = outside.plan("load_stac", url=url)
    assert np.isnan(pixels(plan)).all()
    assert plan.description.bands[0].scale == 0.5  # type: ignore[union-attr]


def test_an_item_with_a_period_counts_by_its_start(outside: Outside) -> None:
    outside.publish_tif("/a.tif", 4)
    period = {"start_datetime": "2022-06-01T00:00:00Z", "end_datetime": "2022-06-30T00:00:00Z"}
    url = outside.publish("/i.json", item("i", None, assets={"B": "a.tif"}, properties=period))
    plan = outside.plan("load_stac", url=url)
    assert plan.description.labelled[0].labels == ("2022-06-01T00:00:00Z",)  # type: ignore[union-attr]
    assert refused(outside, url, temporal_extent=["2022-06-10", "2022-06-20"]).code == "NoDataAvailable"


def test_dimensions_have_the_names_that_the_collection_gives(outside: Outside) -> None:
    outside.publish_tif("/a.tif", 4)
    outside.publish_tif("/b.tif", 8)
    outside.publish("/i.json", item("i", assets={"a": "a.tif", "b": "b.tif"}))
    dimensions = {
        "lon": {"type": "spatial", "axis": "x"},
        "lat": {"type": "spatial", "axis": "y"},
        "time": {"type": "temporal"},
        "spectral": {"type": "bands", "values": ["b", "a"]},
    }
    fields = {"cube:dimensions": dimensions, "links": [{"rel": "item", "href": "i.json"}]}
    url = outside.publish("/c.json", {"type": "Collection", "id": "c", **fields})
    plan = outside.plan("load_stac", url=url)
    assert plan.description is not None
    assert plan.description.names == ("time", "spectral", "lat", "lon")
    assert pixels(plan)[0, :, 0, 0].tolist() == [8, 4]


def test_a_result_elsewhere_may_hold_its_files_in_the_collection(outside: Outside) -> None:
    outside.publish_tif("/a.tif", 4)
    extent = {"temporal": {"interval": [["2022-06-01T00:00:00Z", "2022-07-01T00:00:00Z"]]}}
    assets = {"result.tif": {"href": "a.tif", "roles": ["data"], "bands": [{"name": "ndvi"}]}}
    url = outside.publish("/r", {"type": "Collection", "id": "job", "extent": extent, "links": [], "assets": assets})
    plan = outside.plan("load_stac", url=url)
    assert [band.name for band in plan.description.bands] == ["ndvi"]  # type: ignore[union-attr]


def test_files_side_by_side_make_one_cube(outside: Outside) -> None:
    outside.publish_tif("/a.tif", 1)
    outside.publish_tif("/b.tif", 2, transform=SHIFTED)
    features = [item("a", assets={"B": outside.url("/a.tif")}), item("b", assets={"B": outside.url("/b.tif")})]
    url = outside.publish("/f", {"type": "FeatureCollection", "features": features})
    assert pixels(outside.plan("load_stac", url=url))[0, 0, 0].tolist() == [1] * 5 + [2] * 5


def test_the_box_leaves_items_out_before_their_files_are_opened(outside: Outside) -> None:
    outside.publish_tif("/a.tif", 1)
    here = item("a", assets={"B": outside.url("/a.tif")}, bbox=[10.2, 46.0, 10.4, 46.1])
    far = item("b", assets={"B": outside.url("/never.tif")}, bbox=[60, 0, 61, 1])
    url = outside.publish("/f", {"type": "FeatureCollection", "features": [here, far]})
    plan = outside.plan("load_stac", url=url, spatial_extent=_box(600_010, 5_099_970, 600_030, 5_099_990))
    assert pixels(plan).shape == (1, 1, 2, 2)
    assert "/never.tif" not in outside.server.hits


@pytest.mark.parametrize(
    ("path", "answer", "part"),
    [
        ("/nothing", None, "nothing at"),
        ("/text", b"hello", "no valid JSON"),
        ("/list", b"[1]", "no STAC"),
        ("/geojson", b'{"type": "Point", "coordinates": [1, 2]}', "no STAC"),
        (
            "/root",
            b'{"type": "Catalog", "id": "r", "links": [{"rel": "search", "href": "/s"}]}',
            "one of its collections",
        ),
    ],
)
def test_what_is_no_stac_is_refused_with_a_reason(path: str, answer: Any, part: str, outside: Outside) -> None:
    if answer is not None:
        outside.server.answers[path] = answer
    error = refused(outside, outside.url(path))
    assert error.code == "ProcessParameterInvalid"
    assert part in error.message


def test_an_empty_search_has_no_data(outside: Outside) -> None:
    url = outside.publish("/f", {"type": "FeatureCollection", "features": []})
    assert refused(outside, url).code == "NoDataAvailable"
    assert outside.faults("load_stac", url=url) == ["NoDataAvailable"]


def test_equal_ends_of_the_interval_are_an_empty_extent(outside: Outside) -> None:
    error = refused(outside, api(outside), temporal_extent=["2022-06-11", "2022-06-11"])
    assert error.code == "TemporalExtentEmpty"


@pytest.mark.parametrize(
    "href", ["http://127.0.0.2:8080/a.tif", "http://localhost/a.tif", "http://169.254.169.254/a.tif"]
)
def test_a_foreign_item_leads_to_no_private_address(href: str, outside: Outside) -> None:
    url = outside.publish("/i.json", item("i", assets={"B": href}))
    assert "private" in refused(outside, url).message


@pytest.mark.parametrize("href", ["/vsicurl/http://127.0.0.1/a.tif", "/etc/passwd.tif", "file:///etc/passwd.tif"])
def test_a_foreign_item_names_no_local_file(href: str, outside: Outside) -> None:
    url = outside.publish("/i.json", item("i", assets={"B": href}))
    assert refused(outside, url).code == "ProcessParameterInvalid"


def test_a_vrt_called_tif_is_not_read(outside: Outside, tmp_path: Path) -> None:
    outside.publish_tif("/a.tif", 1)
    secret = tmp_path / "made.tif"
    vrt = f"""<VRTDataset rasterXSize="5" rasterYSize="4"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>
        <SourceFilename>{secret}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"""
    outside.server.answers["/b.tif"] = vrt.encode()
    url = outside.publish("/i.json", item("i", assets={"B": "b.tif"}))
    assert "no GeoTIFF" in refused(outside, url).message


def test_a_file_that_changes_while_it_is_read_fails(outside: Outside) -> None:
    noise = np.random.default_rng(1).integers(1, 60_000, (1, 512, 512))
    outside.publish_tif("/a.tif", values=noise)
    url = outside.publish("/i.json", item("i", assets={"B": "a.tif"}))
    plan = outside.plan("load_stac", url=url)
    outside.server.answers["/a.tif"] = lambda handler: reply(handler, b"other", status=206, Content_Range="bytes 0-4/5")
    with pytest.raises(OpenEOError) as raised:
        pixels(plan)
    assert raised.value.code == "SourceUnreadable"


def test_a_server_without_ranges_is_read_whole(outside: Outside) -> None:
    outside.publish_tif("/a.tif", 6)
    whole = outside.server.answers["/a.tif"]
    outside.server.answers["/a.tif"] = lambda handler: reply(handler, whole)
    url = outside.publish("/i.json", item("i", assets={"B": "a.tif"}))
    assert (pixels(outside.plan("load_stac", url=url)) == 6).all()


def test_an_own_result_is_found_by_its_address_without_a_request(outside: Outside, tmp_path: Path) -> None:
    from unit.sources.rasters import write_tif

    from openeo_plugin.sources.importing import import_folder

    write_tif(tmp_path / "own" / "B_20220612.tif", values=np.full((1, 4, 5), 3))
    (imported,) = import_folder(tmp_path / "own", collection_id="job-1")
    outside.collections.put(imported.document, imported.items, owner="ada", kind="result")
    for address in (
        "http://openeo.test/openeo/v1/jobs/job-1/results",
        "http://openeo.test/openeo/v1/jobs/job-1/results?user=ada&expires=1&signature=x",
        "http://openeo.test/openeo/v1/collections/job-1",
        "http://openeo.test/oapi/collections/job-1",
    ):
        assert (pixels(outside.plan("load_stac", url=address)) == 3).all()
    assert outside.server.hits == []
    with pytest.raises(OpenEOError) as raised:
        outside.driver.plan(graph("load_stac", url="http://openeo.test/openeo/v1/jobs/job-1/results"), "eve")
    assert raised.value.code == "CollectionNotFound"


def test_nothing_outside_is_reached_where_it_is_switched_off(tmp_path: Path) -> None:
    with serving() as server:
        closed = Outside(server, tmp_path, egress=False)
        assert "nothing outside" in refused(closed, closed.url("/i.json")).message
        assert server.hits == []
