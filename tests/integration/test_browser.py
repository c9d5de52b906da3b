"""Real Chromium opens the viewer page of a service, and a real mouse uses it: map, dates, values, links."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx
import numpy as np
import pytest
import rasterio
from browser import CHROMIUM, MISSING, chromium
from map_server import graph, running_server
from rasterio.warp import transform
from real_maps import DATA, MAX_DIFFERENCE, NO_DATA, direct

from services.access import OpenServices
from services.legend import legend_size
from services.registry import service_type
from services.tile_matrix import EDGE_M, WEB_MERCATOR

WINDOW = (1200, 800)
MAP = (900, 800)  # beside a column of 20 rem
BACKGROUND = (232, 236, 239)  # of the map, where there is nothing
ZOOM = 15
PIXEL = 2 * EDGE_M / 256 / 2**ZOOM
CONFIGURATION = {
    "bands": [0],
    "rescale": [-1000, 9000],
    "colormap": "rdylgn",
    "title": "NDVI <script>document.title=1</script>",
}

pytestmark = [
    pytest.mark.timeout(900),  # a loaded machine takes minutes
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.skipif(not DATA.is_dir(), reason=NO_DATA),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_server(tmp_path_factory.mktemp("browser"), DATA / "ndvi-slovenia") as running:
        yield running


@pytest.fixture(scope="module")
def service(server):
    return server.backend.services.create("ann", "XYZ", graph("ndvi-slovenia"), configuration=CONFIGURATION)


@pytest.fixture(scope="module")
def served(server, service):
    return OpenServices(server.backend).open(service.id)


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def open_viewer(server, service, browser):
    """Opens the page at a view; nothing may have gone wrong by the end, and nothing come from elsewhere."""
    pages = []

    def opened(view=""):
        page = browser.open(f"{server.base}/viewer/{service.id}{view}", WINDOW)
        pages.append(page)
        return page

    yield opened
    for page in pages:
        assert page.hosts() == {urlsplit(server.base).netloc}
        # a loaded machine may turn tiles away; the page then asks again
        assert [error for error in page.errors if "status of 429" not in error] == []
        assert [one for one in page.failed if one.status != 429] == []
        page.close()


def extent_of(served):
    """The extent of the map whose pixels are those of tiles, around the middle of the data."""
    west, south, east, north = served.bounds(WEB_MERCATOR)
    x, y = (round(v / PIXEL) * PIXEL for v in ((west + east) / 2, (south + north) / 2))
    half_width, half_height = MAP[0] / 2 * PIXEL, MAP[1] / 2 * PIXEL
    return x - half_width, y - half_height, x + half_width, y + half_height


def view_of(served, date, opacity=100):
    west, south, east, north = extent_of(served)
    (lon,), (lat,) = transform(WEB_MERCATOR, "EPSG:4326", [(west + east) / 2], [(south + north) / 2])
    return f"#{ZOOM}/{lon!r}/{lat!r}/{opacity}/{date}"


def shown(page):
    """The map, once it is drawn."""
    page.wait_for("['loaded', 'incomplete'].includes(document.documentElement.dataset.state)")
    assert page.evaluate("document.documentElement.dataset.state") == "loaded"
    return page.screenshot()[: MAP[1], : MAP[0]]


def text(page, selector):
    return page.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")


def values(page):
    """What the page tells of a place, once it has been told."""
    page.wait_for("document.querySelector('#values:not([aria-busy]) table')")
    rows = "[...document.querySelectorAll('#values tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
    return dict(page.evaluate(rows))


def in_clipboard(expected):
    return f"navigator.clipboard.readText().then((text) => text === {json.dumps(expected)})"


def agrees(picture, served, date, opacity=1.0):
    expected = direct(served, extent_of(served), date, MAP)
    data = expected[..., 3] == 255
    assert data.sum() > 20_000
    seen = opacity * expected[..., :3] + (1 - opacity) * np.array(BACKGROUND)
    difference = abs(picture - seen)[data]  # the lines of the graticule lie on top
    return np.median(difference) < MAX_DIFFERENCE and difference.mean() < MAX_DIFFERENCE


def band_files(server, date):
    """The file of each band at a date, as it was imported."""
    items = server.backend.collections.items("ndvi-slovenia", start=date, limit=1)
    assets = items[0]["assets"]
    return {name: Path(url2pathname(urlsplit(asset["href"]).path)) for name, asset in assets.items()}


def test_the_viewer_shows_what_a_direct_render_shows_at_each_date(served, open_viewer):
    dates = served.dates.distinct[0], served.dates.distinct[-1]
    pictures = [shown(open_viewer(view_of(served, date))) for date in dates]
    for date, picture in zip(dates, pictures, strict=True):
        assert agrees(picture, served, date)
    assert abs(pictures[0] - pictures[1]).mean() > 2


def test_the_viewer_starts_at_the_default_date_and_runs_no_foreign_script(served, open_viewer):
    page = open_viewer()
    shown(page)
    assert text(page, "#date") == served.dates.label(None)
    assert page.evaluate("document.title") == CONFIGURATION["title"]


def test_a_click_tells_the_values_of_the_pixel_and_another_date_those_of_that_date(server, served, open_viewer):
    first, second = served.dates.distinct[:2]
    page = open_viewer(view_of(served, first))
    shown(page)
    west, _, _, north = extent_of(served)
    with rasterio.open(band_files(server, first)["NDVI"]) as file:
        column, row = 60, 40
        expected = int(file.read(1)[row, column])
        (x,), (y,) = transform(file.crs, WEB_MERCATOR, *([v] for v in file.xy(row, column)))
    # a pixel of the data is three of the screen, so rounding does not leave it
    page.click(round((x - west) / PIXEL), round((north - y) / PIXEL))
    assert values(page)["NDVI"] == str(expected)
    assert values(page)["date"] == first

    page.click_on("#later")
    page.wait_for(f"document.querySelector('#values').textContent.includes({json.dumps(second)})")
    assert agrees(shown(page), served, second)
    with rasterio.open(band_files(server, second)["NDVI"]) as file:
        assert values(page)["NDVI"] == str(int(file.read(1)[row, column]))

    page.click(450, 30)  # above the data
    page.wait_for("document.querySelector('#values').textContent === 'There is nothing here.'")


def test_the_slider_and_the_buttons_move_through_the_dates(served, open_viewer):
    dates = served.dates.distinct
    page = open_viewer(view_of(served, dates[-1]))
    shown(page)
    left, middle = page.evaluate("(({left, top, height}) => [left, top + height / 2])(time.getBoundingClientRect())")
    right = left + page.evaluate("time.getBoundingClientRect().width")
    page.drag((right - 8, middle), ((left + right) / 2, middle), (left + 1, middle))
    assert text(page, "#date") == dates[0]
    assert agrees(shown(page), served, dates[0])
    assert page.evaluate("earlier.disabled && !later.disabled")

    page.click_on("#later")
    page.press("ArrowRight", 39)  # nothing: the button has the focus, not the slider
    assert text(page, "#date") == dates[1]
    page.evaluate("time.focus()")
    page.press("ArrowRight", 39)
    assert text(page, "#date") == dates[2]
    page.click_on("#earlier")
    assert text(page, "#date") == dates[1]
    assert agrees(shown(page), served, dates[1])
    assert page.evaluate("location.hash").endswith(f"/{dates[1]}")


def test_opacity_lets_the_background_through(served, open_viewer):
    date = served.dates.distinct[0]
    page = open_viewer(view_of(served, date))
    shown(page)
    page.click_on("#opacity")
    percent = page.evaluate("Number(opacity.value)")
    assert 40 <= percent <= 60
    assert text(page, "#percent") == f"{percent} %"
    assert agrees(shown(page), served, date, percent / 100)


def test_the_legend_is_that_of_the_style(served, open_viewer):
    page = open_viewer()
    page.wait_for("document.querySelector('img[alt=Legend]').complete")
    size = page.evaluate(
        "(({naturalWidth, naturalHeight}) => [naturalWidth, naturalHeight])(document.querySelector('img'))"
    )
    assert tuple(size) == legend_size(served.style)


def test_the_link_to_a_view_opens_that_view(served, open_viewer):
    date = served.dates.distinct[3]
    page = open_viewer(view_of(served, date, 65))
    before = page.evaluate("location.hash")
    page.drag((450, 400), (470, 420), (520, 460))
    page.wait_for(f"location.hash !== {json.dumps(before)}")
    page.call("Input.dispatchMouseEvent", type="mouseWheel", x=300, y=300, deltaX=0, deltaY=-100)
    page.wait_for("!location.hash.startsWith('#15.00/')")
    picture = shown(page)
    page.click_on("#link")
    link = page.evaluate("location.href")
    page.wait_for(in_clipboard(link))

    other = open_viewer(link[link.index("#") :])
    again = shown(other)
    assert (text(other, "#date"), text(other, "#percent")) == (date, "65 %")
    assert abs(picture - again).mean() < MAX_DIFFERENCE  # the link is exact to a tenth of a pixel or two


@pytest.mark.parametrize("face", ["WMTS", "WMS", "XYZ", "WCS"])
def test_a_copied_address_is_that_of_the_face_and_answers(server, service, open_viewer, face):
    page = open_viewer()
    button = f".copy[data-address*='{'/tiles/' if face == 'XYZ' else face.lower()}']"
    assert text(page, button) == f"Copy {face}"
    page.click_on(button)
    address = service_type(face).url(service.id, server.base)
    page.wait_for(in_clipboard(address))
    asked = {} if face in ("XYZ", "WMTS") else {"params": {"service": face, "request": "GetCapabilities"}}
    tile = address.replace("{z}", "1").replace("{x}", "1").replace("{y}", "0")
    assert httpx.get(tile, timeout=60, **asked).status_code == 200


def test_tiles_that_fail_are_told_and_can_be_asked_for_again(served, server, service, browser):
    date, next_date = served.dates.distinct[20:22]
    page = browser.open(f"{server.base}/viewer/{service.id}{view_of(served, date)}", WINDOW)
    shown(page)
    assert page.evaluate("trouble.hidden")
    page.call("Network.setCacheDisabled", cacheDisabled=True)
    page.call("Network.setBlockedURLs", urls=["*/tiles/*"])
    page.click_on("#later")
    page.wait_for("document.documentElement.dataset.state === 'incomplete'")
    assert not page.evaluate("trouble.hidden")
    left_out = page.screenshot()[100:700, 350:550]  # and no picture of another date
    assert np.median(abs(left_out - np.array(BACKGROUND))) == 0
    page.call("Network.setBlockedURLs", urls=[])
    page.click_on("#again")
    assert agrees(shown(page), served, next_date)
    assert page.evaluate("trouble.hidden")
    page.close()


def test_tiles_that_a_busy_server_turns_away_are_asked_for_again(served, open_viewer):
    date, next_date = served.dates.distinct[30:32]
    page = open_viewer(view_of(served, date))
    shown(page)
    page.evaluate("""(() => {
      const real = fetch, busy = { status: 429, headers: { "Retry-After": "1" } };
      globalThis.refused = new Set();
      globalThis.fetch = (address) => {
        if (refused.has(address)) return real(address);
        refused.add(address);
        return Promise.resolve(new Response("", busy));
      };
    })()""")
    page.click_on("#later")
    assert agrees(shown(page), served, next_date)
    assert page.evaluate("refused.size") > 0


def test_a_page_of_an_unknown_service_is_not_found(server, browser):
    page = browser.open(f"{server.base}/viewer/none")
    assert "ServiceNotFound" in page.evaluate("document.body.textContent")
    assert 404 in [one.status for one in page.failed]
    page.close()
