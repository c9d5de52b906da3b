"""Real Chromium opens the viewer page of a service: its map is what a direct render shows at that date."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, MISSING, chromium
from map_server import graph, running_server
from PIL import Image
from rasterio.warp import transform

from services.access import OpenServices
from services.served import MapRequest
from services.tile_matrix import EDGE_M, WEB_MERCATOR, grid_of

DATA = Path(os.environ.get("OPENEO_SHARED", Path(__file__).parents[3] / "shared")) / "data"
WINDOW = (1200, 800)
MAP = (900, 800)  # beside a column of 20 rem
ZOOM = 15

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.skipif(
        not DATA.is_dir(), reason=f"No browser is tested: the real data is missing, {DATA}; OPENEO_SHARED"
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("browser"), DATA / "ndvi-slovenia") as running:
        yield running


@pytest.fixture(scope="module")
def service(server):
    configuration = {
        "bands": [0],
        "rescale": [-1000, 9000],
        "colormap": "rdylgn",
        "title": "NDVI <script>document.title=1</script>",
    }
    return server.backend.services.create("ann", "XYZ", graph("ndvi-slovenia"), configuration=configuration)


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


def view_of(served, date):
    """The address of a view whose pixels are those of tiles, and what lies there."""
    west, south, east, north = served.bounds(WEB_MERCATOR)
    pixel = 2 * EDGE_M / 256 / 2**ZOOM
    x, y = (round(v / pixel) * pixel for v in ((west + east) / 2, (south + north) / 2))
    half_width, half_height = MAP[0] / 2 * pixel, MAP[1] / 2 * pixel
    grid = grid_of((x - half_width, y - half_height, x + half_width, y + half_height), *MAP, WEB_MERCATOR)
    (lon,), (lat,) = transform(WEB_MERCATOR, "EPSG:4326", [x], [y])
    direct = Image.open(io.BytesIO(served.picture(MapRequest(grid, date)))).convert("RGBA")
    return f"#{ZOOM}/{lon!r}/{lat!r}/100/{date}", np.array(direct).astype(int)


def shown(page):
    """The map as it is drawn now."""
    page.wait_for("document.documentElement.dataset.state !== 'loading'")
    assert page.evaluate("document.documentElement.dataset.state") == "loaded"
    return page.screenshot()[: MAP[1], : MAP[0]]


def test_the_viewer_shows_what_a_direct_render_shows_at_each_date(server, service, browser):
    served = OpenServices(server.backend).open(service.id)
    pictures = []
    for date in (served.dates.distinct[0], served.dates.distinct[-1]):
        view, direct = view_of(served, date)
        page = browser.open(f"{server.base}/viewer/{service.id}{view}", WINDOW)
        picture = shown(page)
        data = direct[..., 3] == 255
        assert data.sum() > 20_000
        # the lines of the graticule lie on top
        assert np.median(abs(picture - direct[..., :3])[data]) < 2
        assert abs(picture - direct[..., :3])[data].mean() < 2
        pictures.append(picture)
    assert abs(pictures[0] - pictures[1]).mean() > 2


def test_the_viewer_starts_at_the_default_date_and_runs_no_foreign_script(server, service, browser):
    page = browser.open(f"{server.base}/viewer/{service.id}")
    shown(page)
    served = OpenServices(server.backend).open(service.id)
    assert page.evaluate("document.getElementById('date').textContent") == served.dates.label(None)
    assert page.evaluate("document.title") == "NDVI <script>document.title=1</script>"
    assert (page.errors, page.failed, page.hosts()) == ([], [], {server.base.removeprefix("http://")})


def test_a_page_of_an_unknown_service_is_not_found(server, browser):
    page = browser.open(f"{server.base}/viewer/none")
    assert "ServiceNotFound" in page.evaluate("document.body.textContent")
    assert [one.status for one in page.failed] == [404]
