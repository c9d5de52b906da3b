"""Real QGIS opens WMTS, WMS, XYZ and WCS of real data and of a graph on demand, and draws what is there."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from map_server import graph, running_server
from PIL import Image
from real_maps import DATA, FOLDERS, LAYERS, MAX_DIFFERENCE, NO_DATA, SIZE, dates_of, direct, extent_at

from services.access import OpenServices
from services.served import MapRequest
from services.tile_matrix import WEB_MERCATOR

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).parents[1] / "qgis_render.py"
LIMIT_S = 900  # a loaded machine takes minutes


def has_qgis():
    if not Path(PYTHON).exists():
        return False
    return subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.timeout(LIMIT_S + 60),
    pytest.mark.skipif(not has_qgis(), reason="QGIS is not tested: python3-qgis is missing; tools/install_real_parts"),
    pytest.mark.skipif(not DATA.is_dir(), reason=NO_DATA),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("qgis"), *FOLDERS) as running:
        yield running


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
        timeout=LIMIT_S,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def drawn(server, tmp_path_factory):
    """Every layer through every face, drawn by QGIS in one go: (layer, face, date) -> picture, direct picture."""
    folder = tmp_path_factory.mktemp("pictures")
    tasks, expected = [], {}
    for name, (process, configuration, zoom, wanted) in LAYERS.items():
        service = server.backend.services.create("ann", "WMTS", process, configuration=configuration).id
        served = OpenServices(server.backend).open(service)
        extent = extent_at(served, zoom)
        for number, date in enumerate(dates_of(served, wanted)):
            picture = direct(served, extent, date)
            for face, uri in uris(server.base, service, date).items():
                key = f"{name} {face} {number}"
                expected[key] = picture
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
    return {key: (shown[key], expected[key]) for key in expected}


KEYS = [
    f"{name} {face} {number}"
    for name, layer in LAYERS.items()
    for face in ("WMTS", "WMS", "XYZ")
    for number in range(len(layer[3]))
]


@pytest.mark.parametrize("key", KEYS)
def test_qgis_draws_what_a_direct_render_draws(drawn, key):
    shown, expected = drawn[key]
    both = (shown[..., 3] == 255) & (expected[..., 3] == 255)
    assert both.mean() > 0.05, "there is something to compare"
    assert (shown[..., 3] == 255).sum() == pytest.approx((expected[..., 3] == 255).sum(), rel=0.02)
    assert abs(shown - expected)[both].mean() < MAX_DIFFERENCE


@pytest.mark.parametrize("face", ["WMTS", "WMS", "XYZ"])
@pytest.mark.parametrize("name", [name for name, layer in LAYERS.items() if len(layer[3]) > 1])
def test_qgis_shows_another_picture_at_another_date(drawn, name, face):
    first, second = (drawn[f"{name} {face} {number}"][0] for number in (0, 1))
    assert abs(first - second).mean() > MAX_DIFFERENCE


def test_the_temporal_controller_of_qgis_moves_a_wms_from_its_browser(server, tmp_path):
    process, configuration, zoom, _ = LAYERS["slovenia"]
    service = server.backend.services.create("ann", "WMS", process, configuration=configuration).id
    served = OpenServices(server.backend).open(service)
    extent = extent_at(served, zoom)
    # 68 dates, among them 2015-07-11T10:00:08Z, 2015-08-20T10:07:28Z and 2015-09-09T10:00:17Z
    frames = {
        "a source timestamp": (
            "2015-07-11T10:00:08Z",
            "2015-07-31T10:00:09Z",
            "MatchExactUsingStartOfRange",
            "2015-07-11",
        ),
        "a month": ("2015-08-01T00:00:00Z", "2015-08-31T00:00:00Z", "MatchUsingWholeRange", "2015-08-30"),
        "the nearest": ("2015-09-10T00:00:00Z", "2015-09-11T00:00:00Z", "FindClosestMatchToStartOfRange", "2015-09-09"),
    }
    drawing = {"provider": "wms", "browse": f"{server.base}/ogc/{service}/wms", "crs": WEB_MERCATOR}
    tasks = [
        {
            **drawing,
            "name": name,
            "extent": extent,
            "size": [SIZE, SIZE],
            "out": f"{tmp_path}/{name}.png",
            "frame": frame,
        }
        for name, (*frame, _) in frames.items()
    ]
    found = run_qgis(tasks, tmp_path)
    for task in tasks:
        (date,) = dates_of(served, [frames[task["name"]][-1]])
        assert found[task["name"]] == {"errors": [], "dates": served.dates.distinct, "follows": True}
        shown = np.array(Image.open(task["out"]).convert("RGBA")).astype(int)
        expected = direct(served, extent, date)
        both = (shown[..., 3] == 255) & (expected[..., 3] == 255)
        assert both.mean() > 0.05
        assert abs(shown - expected)[both].mean() < MAX_DIFFERENCE, task["name"]


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
