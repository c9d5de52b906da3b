"""Real Chromium opens the viewer page of a service: its map is what a direct render shows at that date."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from map_server import graph, running_server
from PIL import Image
from rasterio.warp import transform

from services.access import OpenServices
from services.served import MapRequest
from services.tile_matrix import EDGE_M, WEB_MERCATOR, grid_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DATA = Path(os.environ.get("OPENEO_SHARED", Path(__file__).parents[3] / "shared")) / "data"
WINDOW = (1200, 800)
MAP = (900, 800)  # beside a column of 20 rem
ZOOM = 15
OPTIONS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --hide-scrollbars --force-device-scale-factor=1""".split()

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="No browser is tested: chromium is missing; tools/install_real_parts"),
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


def chromium(address, folder, *more):
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={folder / 'profile'}", f"--window-size={WINDOW[0]},{WINDOW[1]}"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=20000", *more, address],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


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


def screenshot(address, folder):
    """The map, when two pictures in a row are the same: a headless browser does not say when all tiles are there."""
    out, last = folder / "page.png", None
    for _ in range(6):
        chromium(address, folder, f"--screenshot={out}")
        picture = np.array(Image.open(out).convert("RGB")).astype(int)[: MAP[1], : MAP[0]]
        if last is not None and np.array_equal(picture, last):
            return picture
        last = picture
    raise AssertionError("the page never came to rest")


def test_the_viewer_shows_what_a_direct_render_shows_at_each_date(server, service, tmp_path):
    served = OpenServices(server.backend).open(service.id)
    shown = []
    for number, date in enumerate((served.dates.distinct[0], served.dates.distinct[-1])):
        view, direct = view_of(served, date)
        folder = tmp_path / str(number)
        folder.mkdir()
        picture = screenshot(f"{server.base}/viewer/{service.id}{view}", folder)
        data = direct[..., 3] == 255
        assert data.sum() > 20_000
        # the lines of the graticule lie on top
        assert np.median(abs(picture - direct[..., :3])[data]) < 2
        assert abs(picture - direct[..., :3])[data].mean() < 2
        shown.append(picture)
    assert abs(shown[0] - shown[1]).mean() > 2


def test_the_viewer_starts_at_the_default_date_and_runs_no_foreign_script(server, service, tmp_path):
    page = chromium(f"{server.base}/viewer/{service.id}", tmp_path, "--dump-dom")
    served = OpenServices(server.backend).open(service.id)
    assert "ol-viewport" in page
    assert re.search(r'<output id="date">([^<]*)', page)[1] == served.dates.label(None)
    assert "<title>NDVI &lt;script&gt;" in page


def test_a_page_of_an_unknown_service_is_not_found(server, tmp_path):
    assert "ServiceNotFound" in chromium(f"{server.base}/viewer/none", tmp_path, "--dump-dom")
