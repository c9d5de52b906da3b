"""Real Chromium on a page of another origin: OpenLayers, Leaflet and MapLibre draw services of real data."""

from __future__ import annotations

import json

import pytest
from browser import CHROMIUM, MISSING, chromium
from foreign_pages import foreign_site, missing_library
from map_server import running_server
from rasterio.warp import transform
from real_maps import DATA, FOLDERS, LAYERS, MAX_DIFFERENCE, NO_DATA, SIZE, dates_of, direct, extent_at

from services.access import OpenServices
from services.registry import service_type
from services.tile_matrix import WEB_MERCATOR

FACES = ("XYZ", "WMTS", "WMS")

pytestmark = [
    pytest.mark.timeout(900),  # a loaded machine takes minutes
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.skipif(not DATA.is_dir(), reason=NO_DATA),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("maps"), *FOLDERS) as running:
        yield running


@pytest.fixture(scope="module")
def views(server):
    """By layer: (what a page needs to know, the direct picture) for each date."""
    found = {}
    for name, (process, configuration, zoom, wanted) in LAYERS.items():
        service = server.backend.services.create("ann", "WMTS", process, configuration=configuration).id
        served = OpenServices(server.backend).open(service)
        west, south, east, north = extent = extent_at(served, zoom)
        (lon,), (lat,) = transform(WEB_MERCATOR, "EPSG:4326", [(west + east) / 2], [(south + north) / 2])
        found[name] = [
            ({"id": service, "time": date, "lon": lon, "lat": lat, "zoom": zoom}, direct(served, extent, date))
            for date in dates_of(served, wanted)
        ]
    return found


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module", params=["openlayers", "leaflet", "maplibre"])
def page(request, browser):
    missing = missing_library(request.param)
    if missing:
        pytest.skip(missing)
    with foreign_site() as site:
        page = browser.open(f"{site}/pages/{request.param}.html", (SIZE, SIZE))
        page.wait_for("typeof show === 'function'")
        yield page
        page.close()


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", list(LAYERS))
def test_a_web_map_draws_what_a_direct_render_draws(server, views, page, name, face):
    pictures = []
    for view, expected in views[name]:
        url = service_type(face).url(view["id"], server.base)
        page.evaluate(f"show({json.dumps({**view, 'kind': face, 'url': url})})")
        shown = page.screenshot()
        data, nothing = expected[..., 3] == 255, expected[..., 3] == 0
        assert data.mean() > 0.05, "there is something to compare"
        assert abs(shown - expected[..., :3])[data].mean() < MAX_DIFFERENCE
        assert nothing.sum() == 0 or (shown[nothing] == 255).mean() > 0.98  # the page is white
        pictures.append(shown)
    assert len(pictures) == 1 or abs(pictures[0] - pictures[1]).mean() > MAX_DIFFERENCE
    assert (page.errors, page.failed) == ([], [])
