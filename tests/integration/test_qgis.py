"""Real QGIS opens WMTS, WMS, XYZ and WCS of real data and of a graph on demand, and draws what is there."""

from __future__ import annotations

import io
import json
import os
import subprocess
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from map_server import graph, running_server
from PIL import Image

from services.access import OpenServices
from services.served import MapRequest
from services.tile_matrix import EDGE_M, WEB_MERCATOR, grid_of, tile_bounds

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).parents[1] / "qgis_render.py"
DATA = Path(os.environ.get("OPENEO_SHARED", Path(__file__).parents[3] / "shared")) / "data"
SIZE = 512
MAX_DIFFERENCE = 2  # grey levels


def has_qgis():
    if not Path(PYTHON).exists():
        return False
    return subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.skipif(not has_qgis(), reason="QGIS is not tested: python3-qgis is missing; tools/install_real_parts"),
    pytest.mark.skipif(
        not DATA.is_dir(), reason=f"QGIS is not tested: the real data is missing, {DATA}; OPENEO_SHARED"
    ),
]


def ndvi_on_demand():
    def node(process, **arguments):
        return {"process_id": process, "arguments": arguments}

    load = {"id": "sentinel-2-l2a-bolzano", "spatial_extent": None, "temporal_extent": None}
    median = {"m": {"process_id": "median", "arguments": {"data": {"from_parameter": "data"}}, "result": True}}
    reduced = {"data": {"from_node": "load"}, "dimension": "t", "reducer": {"process_graph": median}}
    nodes = {"load": node("load_collection", **load), "median": node("reduce_dimension", **reduced)}
    nodes["ndvi"] = {**node("ndvi", data={"from_node": "median"}, nir="B08", red="B04"), "result": True}
    return {"process_graph": nodes}


# name: process, configuration, zoom level, dates
LAYERS = {
    "bolzano": (
        graph("sentinel-2-l2a-bolzano"),
        {"bands": ["B04", "B03", "B02"], "rescale": [0, 3000]},
        14,
        [None],
    ),
    "slovenia": (
        graph("ndvi-slovenia"),
        {"bands": [0], "rescale": [-1000, 9000], "colormap": "rdylgn"},
        16,
        ["2015-07-11", "2016-07-01"],
    ),
    "on-demand": (ndvi_on_demand(), {"rescale": [-1, 1], "colormap": "rdylgn"}, 14, [None]),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folders = [DATA / name for name in ("sentinel-2-l2a-bolzano", "ndvi-slovenia")]
    with running_server(tmp_path_factory.mktemp("qgis"), *folders) as running:
        yield running


def dates_of(served, wanted):
    """The real dates nearest to those wanted, so that the test does not hang on one acquisition."""
    labels = served.dates.distinct
    return [
        None if day is None else min(labels, key=lambda label: abs(np.datetime64(label[:10]) - np.datetime64(day)))
        for day in wanted
    ]


def uris(base, service, date):
    """What a user of QGIS enters, by service type."""
    capabilities = f"{base}/ogc/{service}/wmts/1.0.0/WMTSCapabilities.xml"
    wmts = "crs=EPSG:3857&dpiMode=7&format=image/png&layers=map&styles=default&tileMatrixSet=WebMercatorQuad"
    # QGIS 3.22 asks for the default date by itself and takes another as a dimension of the layer
    dimension = f"&tileDimensions={quote(f'TIME={date}')}" if date else ""
    wms = f"{base}/ogc/{service}/wms" + (f"?TIME={date}" if date else "")
    xyz = f"{base}/tiles/{service}/{{z}}/{{x}}/{{y}}.png" + (f"?time={date}" if date else "")
    return {
        "WMTS": f"{wmts}{dimension}&url={quote(capabilities, safe='')}",
        "WMS": "IgnoreGetMapUrl=1&crs=EPSG:3857&dpiMode=7&format=image/png&layers=map&styles="
        f"&url={quote(wms, safe='')}",
        "XYZ": f"type=xyz&zmin=0&zmax=20&url={quote(xyz, safe='')}",
    }


def extent_at(served, zoom):
    """2 x 2 tiles around the middle of the data, so that nothing has to be resampled by QGIS."""
    west, south, east, north = served.bounds(WEB_MERCATOR)
    size = 2 * EDGE_M / 2**zoom
    column, row = round(((west + east) / 2 + EDGE_M) / size), round((EDGE_M - (south + north) / 2) / size)
    left, _, _, top = tile_bounds((zoom, column - 1, row - 1))
    _, bottom, right, _ = tile_bounds((zoom, column, row))
    return left, bottom, right, top


def run_qgis(tasks, folder):
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(folder),
    }
    done = subprocess.run(
        [PYTHON, str(SCRIPT)],
        input=json.dumps(tasks),
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def drawn(server, tmp_path_factory):
    """Every layer through every face, drawn by QGIS in one go: (layer, face, date) -> picture, direct picture."""
    folder = tmp_path_factory.mktemp("pictures")
    tasks, direct = [], {}
    for name, (process, configuration, zoom, wanted) in LAYERS.items():
        service = server.backend.services.create("ann", "WMTS", process, configuration=configuration).id
        served = OpenServices(server.backend).open(service)
        extent = extent_at(served, zoom)
        for number, date in enumerate(dates_of(served, wanted)):
            picture = served.picture(MapRequest(grid_of(extent, SIZE, SIZE, WEB_MERCATOR), date))
            for face, uri in uris(server.base, service, date).items():
                key = f"{name} {face} {number}"
                direct[key] = np.array(Image.open(io.BytesIO(picture)).convert("RGBA")).astype(int)
                out = str(folder / f"{key}.png")
                tasks.append(
                    {
                        "name": key,
                        "provider": "wms",
                        "uri": uri,
                        "crs": WEB_MERCATOR,
                        "extent": extent,
                        "size": [SIZE, SIZE],
                        "out": out,
                    }
                )
    found = run_qgis(tasks, folder)
    for task in tasks:
        assert found[task["name"]] == {"errors": []}, (task["uri"], found[task["name"]])
    shown = {task["name"]: np.array(Image.open(task["out"]).convert("RGBA")).astype(int) for task in tasks}
    return {key: (shown[key], direct[key]) for key in direct}


KEYS = [
    f"{name} {face} {number}"
    for name, layer in LAYERS.items()
    for face in ("WMTS", "WMS", "XYZ")
    for number in range(len(layer[3]))
]


@pytest.mark.parametrize("key", KEYS)
def test_qgis_draws_what_a_direct_render_draws(drawn, key):
    shown, direct = drawn[key]
    both = (shown[..., 3] == 255) & (direct[..., 3] == 255)
    assert both.mean() > 0.05, "there is something to compare"
    assert (shown[..., 3] == 255).sum() == pytest.approx((direct[..., 3] == 255).sum(), rel=0.02)
    assert abs(shown - direct)[both].mean() < MAX_DIFFERENCE


@pytest.mark.parametrize("face", ["WMTS", "WMS", "XYZ"])
def test_qgis_shows_another_picture_at_another_date(drawn, face):
    first, second = (drawn[f"slovenia {face} {number}"][0] for number in (0, 1))
    assert abs(first - second).mean() > MAX_DIFFERENCE


@pytest.mark.parametrize("name", ["sentinel-2-l2a-bolzano", "ndvi-slovenia"])
def test_qgis_reads_the_values_of_a_wcs(server, name, tmp_path):
    service = server.backend.services.create("ann", "WCS", graph(name), configuration={}).id
    served = OpenServices(server.backend).open(service)
    grid = served.description.grid[20:60, 30:70]
    date = served.dates.distinct[0]
    west, south, east, north = grid.boundingbox.bbox
    coverage = f"map_{''.join(c for c in date if c.isalnum())}" if len(served.dates.distinct) > 1 else "map"
    uri = f"WCS:{server.base}/wcs/{service}?version=2.0.1&coverage={coverage}"
    task = {
        "name": "wcs",
        "provider": "gdal",
        "uri": uri,
        "extent": [west, south, east, north],
        "size": [40, 40],
        "values": True,
    }
    found = run_qgis([task], tmp_path)["wcs"]
    assert "values" in found, found
    expected = np.nan_to_num(served.values(MapRequest(grid, date))[0], nan=-1)
    band = served.description.bands[0]
    read = np.array(found["values"])
    assert np.array_equal(np.where(read == band.nodata, -1, read), expected)
