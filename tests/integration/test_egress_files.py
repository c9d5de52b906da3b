"""load_url and processes by the address of their definition, against a server of the test."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from integration.outside import Outside, graph, pixels
from unit.egress.canary import redirect, reply, serving, zipped

from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.errors import OpenEOError
from openeo_plugin.sources import geoparquet
from openeo_plugin.sources.geoparquet import geometries_of_geoparquet


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    with serving() as server:
        yield Outside(server, tmp_path)


POINTS = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "id": "a", "properties": {"n": 1}, "geometry": {"type": "Point", "coordinates": [1, 2]}},
        {"type": "Feature", "id": "b", "properties": {"n": None}, "geometry": None},
    ],
}


def loaded(outside: Outside, url: str, format: str) -> LazyVectorCube:
    from openeo_plugin.processes.load_file import load_url

    cube = load_url(url, format, environment=outside.driver._compilers.of("ada").environment)
    assert isinstance(cube, LazyVectorCube)
    return cube


def error_of(outside: Outside, url: str, format: str, **arguments: Any) -> OpenEOError:
    with pytest.raises(OpenEOError) as raised:
        outside.plan("load_url", url=url, format=format, **arguments)
    return raised.value


def parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    geopandas.GeoDataFrame(columns, geometry="geometry", crs=32632).to_parquet(file)
    return file.getvalue()


def test_geojson_keeps_ids_and_properties(outside: Outside) -> None:
    found = loaded(outside, outside.publish("/a.geojson", POINTS), "geojson").geometries
    assert found.labels == ("a", "b")
    assert [dict(p) for p in found.properties] == [{"n": 1}, {"n": None}]
    assert (found.shapes[0].x, found.shapes[0].y, found.shapes[1].is_empty) == (1, 2, True)


def test_geojson_may_come_compressed_and_after_a_redirect(outside: Outside) -> None:
    outside.server.answers |= {"/go": redirect("/a"), "/a": zipped(json.dumps(POINTS).encode())}
    assert len(loaded(outside, outside.url("/go"), "GeoJSON").geometries) == 2


@pytest.mark.parametrize(
    "body", [b"", b"<xml/>", b"[1]", b'{"type": "Topology"}', b"[" * 100_000, b'{"type": "FeatureCollection"}']
)
def test_what_is_no_geojson_is_unsuitable(body: bytes, outside: Outside) -> None:
    outside.server.answers["/a"] = body
    assert error_of(outside, outside.url("/a"), "GeoJSON").code == "FormatUnsuitable"


def test_geojson_above_the_limit_is_refused_before_it_is_read(outside: Outside) -> None:
    outside.server.answers["/a"] = lambda handler: reply(handler, b" " * (2**24 + 1))
    assert "larger than 16777216 bytes" in error_of(outside, outside.url("/a"), "GeoJSON").message


def test_geoparquet_keeps_columns_ids_and_reference_system(outside: Outside) -> None:
    outside.server.answers["/a"] = parquet(
        id=["x", "y"], n=[1, 2], t=["u", None], geometry=[shapely.Point(5e5, 5e6), shapely.box(0, 0, 1, 1)]
    )
    found = loaded(outside, outside.url("/a"), "parquet").geometries
    assert found.crs == "EPSG:32632"
    assert found.labels == ("x", "y")
    assert [dict(p) for p in found.properties] == [{"n": 1, "t": "u"}, {"n": 2, "t": None}]
    assert found.shapes[1].area == 1


def test_geoparquet_without_properties_is_numbered(outside: Outside) -> None:
    outside.server.answers["/a"] = parquet(geometry=[shapely.Point(0, 0), shapely.Point(1, 1)])
    assert loaded(outside, outside.url("/a"), "GeoParquet").geometries.labels == (0, 1)


def test_a_footer_that_promises_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geoparquet, "MAX_ROWS", 1)
    with pytest.raises(ValueError, match="more than 1 rows"):
        geometries_of_geoparquet(parquet(geometry=[shapely.Point(0, 0), shapely.Point(1, 1)]))


@pytest.mark.parametrize("body", [b"", b"PAR1", b"PAR1" * 100, b"{}"])
def test_what_is_no_parquet_is_unsuitable(body: bytes, outside: Outside) -> None:
    outside.server.answers["/a"] = body
    assert error_of(outside, outside.url("/a"), "Parquet").code == "FormatUnsuitable"


def test_parquet_without_geometries_is_unsuitable() -> None:
    import pandas

    file = io.BytesIO()
    pandas.DataFrame({"a": [1]}).to_parquet(file)
    with pytest.raises(ValueError, match="without geometries"):
        geometries_of_geoparquet(file.getvalue())


def test_a_geotiff_is_a_cube_without_time(outside: Outside) -> None:
    url = outside.publish_tif("/dem.tif", [1, 0, 3])
    plan = outside.plan("load_url", url=url, format="GTIFF")
    assert plan.description is not None
    assert plan.description.names == ("bands", "y", "x")
    assert [band.name for band in plan.description.bands] == ["B1", "B2", "B3"]
    values = pixels(plan)
    assert values.shape == (3, 4, 5)
    assert (values[0] == 1).all()
    assert np.isnan(values[1]).all()  # 0 is nodata


@pytest.mark.parametrize("body", [b"", b"II*\0", b"hello", b"<VRTDataset/>"])
def test_what_is_no_geotiff_is_unsuitable(body: bytes, outside: Outside) -> None:
    outside.server.answers["/a.tif"] = body
    assert error_of(outside, outside.url("/a.tif"), "GTiff").code in ("FormatUnsuitable", "ProcessParameterInvalid")


def test_an_unknown_format_is_refused_with_those_there_are(outside: Outside) -> None:
    error = error_of(outside, outside.url("/a"), "Shapefile")
    assert error.code == "ProcessParameterInvalid"
    assert "GeoJSON" in error.message
    assert error_of(outside, outside.url("/a"), "GTiff", options={"a": 1}).code == "ProcessParameterInvalid"
    assert outside.server.hits == []


def test_the_formats_of_load_url_are_listed_as_input_formats(outside: Outside) -> None:
    assert set(outside.driver.file_formats()["input"]) == {"GeoJSON", "GTiff", "Parquet"}


@pytest.mark.parametrize("url", ["http://localhost/a", "http://10.0.0.1/a", "https://127.0.0.1/a", "http://[::1]/a"])
def test_a_private_address_is_refused_also_when_the_graph_is_only_checked(url: str, outside: Outside) -> None:
    assert outside.faults("load_url", url=url, format="GeoJSON") == ["ProcessParameterInvalid"]


def test_what_is_no_web_address_does_not_fit_the_schema(outside: Outside) -> None:
    for url in ("ftp://example.org/a", "/vsicurl/http://example.org/a.tif", "a.tif", ""):
        assert outside.faults("load_url", url=url, format="GTiff") == ["ProcessParameterInvalid"]
    assert outside.server.hits == []


def definition(process_id: str, **fields: Any) -> dict[str, Any]:
    node = {"process_id": "add", "arguments": {"x": {"from_parameter": "x"}, "y": 1}, "result": True}
    return {"id": process_id, "parameters": [{"name": "x", "schema": {}}], "process_graph": {"a": node}, **fields}


def call(process_id: str, namespace: str) -> dict[str, Any]:
    made = graph(process_id, x=2)
    made["process_graph"]["it"]["namespace"] = namespace
    return made


def test_a_process_is_taken_from_the_address_of_its_definition(outside: Outside) -> None:
    url = outside.publish("/one", definition("one_more"))
    listed = outside.publish("/all", {"processes": [definition("other"), definition("one_more")]})
    assert outside.driver.plan(call("one_more", url), "ada").value == 3
    assert outside.driver.plan(call("one_more", listed), "ada").value == 3
    assert outside.server.hits == ["/one", "/all"]
    assert all("authorization" not in headers for headers in outside.server.headers)


@pytest.mark.parametrize("body", [b"no", b"{}", b'{"processes": []}', json.dumps(definition("else")).encode()])
def test_an_address_without_the_process_is_refused(body: bytes, outside: Outside) -> None:
    outside.server.answers["/one"] = body
    (fault,) = outside.driver.validate(call("one_more", outside.url("/one")), "ada")
    assert fault.code == "ProcessNamespaceInvalid"


def test_a_definition_from_outside_that_calls_itself_is_refused(outside: Outside) -> None:
    url = outside.url("/loop")
    node = {"process_id": "loop", "namespace": url, "arguments": {"x": 1}, "result": True}
    outside.publish("/loop", definition("loop", process_graph={"a": node}))
    (fault,) = outside.driver.validate(call("loop", url), "ada")
    assert fault.code == "ProcessGraphComplexity"


def test_no_definition_is_fetched_where_it_is_switched_off(tmp_path: Path) -> None:
    with serving() as server:
        closed = Outside(server, tmp_path, egress_namespaces=False)
        closed.publish("/one", definition("one_more"))
        (fault,) = closed.driver.validate(call("one_more", closed.url("/one")), "ada")
        assert fault.code == "ProcessNamespaceInvalid"
        assert server.hits == []
