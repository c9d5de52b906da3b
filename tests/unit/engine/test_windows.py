"""Coordinates of one grid on another are exact, whatever window asks; what is resampled by them is what GDAL makes."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.warp import Resampling, reproject

from openeo_plugin.cube.grid import Grid, Window, whole
from openeo_plugin.engine.kernels import resampling
from openeo_plugin.engine.kernels.mesh import interpolate
from openeo_plugin.engine.operators.resample import _whole, scale_between
from openeo_plugin.engine.windows import coordinates, offset, pixels_per_pixel, reach

SOURCE = GeoBox((400, 500), Affine(10, 0, 677_000, 0, -10, 5_155_000), "EPSG:32632")
LAEA = GeoBox((190, 230), Affine(30, 0, 4_420_500, 0, -30, 2_603_000), "EPSG:3035")


def exact(window: Window, source: Grid) -> tuple[np.ndarray, np.ndarray]:
    columns, rows = np.meshgrid(
        np.arange(window.x, window.x + window.width) + 0.5, np.arange(window.y, window.y + window.height) + 0.5
    )
    x, y = window.grid.affine @ (columns, rows)
    moved = Transformer.from_crs(str(window.grid.crs), str(source.crs), always_xy=True).transform(x, y)
    at_x, at_y = ~source.affine @ moved
    return np.asarray(at_x), np.asarray(at_y)


@pytest.mark.parametrize(
    "target",
    [
        LAEA,
        GeoBox((300, 200), Affine(1e-4, 0, 11.3, 0, -1e-4, 46.53), "EPSG:4326"),
        GeoBox((256, 256), Affine(38.2, 0, 1_258_000, 0, -38.2, 5_868_000), "EPSG:3857"),
    ],
    ids=["LAEA", "degrees", "Mercator"],
)
def test_coordinates_are_those_of_the_projection_to_a_millionth_of_a_pixel(target: Grid) -> None:
    window = Window(target, 3, 21, 170, 101)
    for own, true in zip(coordinates(window, SOURCE), exact(window, SOURCE), strict=True):
        assert np.abs(own - true).max() < 1e-6


def test_a_pixel_has_the_same_coordinates_in_every_window() -> None:
    whole = coordinates(Window(LAEA, 0, 0, 190, 230), SOURCE)
    part = coordinates(Window(LAEA, 15, 33, 50, 64), SOURCE)
    for all_, some in zip(whole, part, strict=True):
        assert np.array_equal(all_[15:65, 33:97], some)


def test_where_a_mesh_jumps_its_neighbours_stay_exact() -> None:
    nodes_x, nodes_y = np.meshgrid(np.arange(-1.0, 9.0) * 16, np.arange(-1.0, 4.0) * 16)
    nodes_x[:, 6:] -= 36_000  # the date line between the nodes at 64 and 80
    out_x, out_y = np.empty((32, 112)), np.empty((32, 112))
    interpolate(nodes_x, nodes_y, -1, -1, 16, 0, 0, out_x, out_y)
    assert np.allclose(out_x[:, :64], np.arange(64) + 0.5, rtol=0, atol=1e-9)
    assert np.allclose(out_x[:, 80:], np.arange(80, 112) + 0.5 - 36_000, rtol=0, atol=1e-9)
    assert np.allclose(out_y, np.arange(32)[:, None] + 0.5, rtol=0, atol=1e-9)


def test_where_a_mesh_breaks_off_what_is_left_stays_finite() -> None:
    nodes_x, nodes_y = np.meshgrid(np.arange(-1.0, 9.0) * 16, np.arange(-1.0, 4.0) * 16)
    nodes_x[:, 7:] = np.inf
    out_x, out_y = np.empty((32, 112)), np.empty((32, 112))
    interpolate(nodes_x, nodes_y, -1, -1, 16, 0, 0, out_x, out_y)
    assert np.allclose(out_x[:, :80], np.arange(80) + 0.5, rtol=0, atol=1e-9)
    assert not np.isfinite(out_x[:, 96:]).any()


@pytest.mark.parametrize("method", ["bilinear", "cubic"])
def test_resampled_values_are_those_of_gdal_with_exact_coordinates(method: str) -> None:
    values = np.random.default_rng(5).normal(1000, 200, SOURCE.shape)
    scale_x, scale_y = (_whole(s) for s in scale_between(LAEA, SOURCE))
    assert (scale_x, scale_y) == (1 / 3, 1 / 3)
    at = coordinates(Window(LAEA, 0, 0, *LAEA.shape), SOURCE)
    kind = {"bilinear": resampling.BILINEAR, "cubic": resampling.CUBIC}[method]
    own, gdal = np.empty(LAEA.shape), np.full(LAEA.shape, np.nan)
    resampling.convolution(values, 0, 0, at[0], at[1], scale_x, scale_y, kind, resampling.RADIUS[kind], 400, 500, own)
    reproject(
        values, gdal, src_transform=SOURCE.affine, src_crs="EPSG:32632", dst_transform=LAEA.affine,
        dst_crs="EPSG:3035", resampling=Resampling[method], dst_nodata=np.nan, tolerance=0, XSCALE=1 / 3, YSCALE=1 / 3,
    )  # fmt: skip
    both = ~np.isnan(own) & ~np.isnan(gdal)
    assert both.sum() > 10_000
    assert np.abs(own[both] / gdal[both] - 1).max() < 1e-9


def test_a_scale_near_one_to_a_whole_number_is_taken_for_it() -> None:
    assert _whole(1 / 2.96) == 1 / 3
    assert _whole(1 / 2.9) == 1 / 2.9
    assert _whole(0.98) == 1
    assert _whole(1.7) == 1.7
    assert _whole(0.0) == 0.0


@pytest.mark.parametrize("kind", [resampling.BILINEAR, resampling.CUBIC, resampling.LANCZOS])
def test_nulls_have_no_weight(kind: int) -> None:
    values = np.full((20, 20), 3.0, np.float32)
    values[5:9, 5:11] = np.nan
    y, x = np.meshgrid(np.arange(0.7, 19, 1.3), np.arange(0.4, 19, 1.3), indexing="ij")
    out = np.empty(x.shape, np.float32)
    resampling.convolution(values, 0, 0, x, y, 0.7, 0.7, kind, resampling.RADIUS[kind], 20, 20, out)
    assert np.isfinite(out).sum() > 0.9 * out.size
    assert np.allclose(out[np.isfinite(out)], 3, rtol=1e-5)


@pytest.mark.parametrize("origin", [(465_181.0522318204, 5_080_254.63349641), (677_000, 5_155_003.7), (0.1, 0.3)])
def test_a_centre_on_an_edge_belongs_to_the_pixel_behind_it(origin: tuple[float, float]) -> None:
    step = 10.00123
    fine = GeoBox((400, 400), Affine(step, 0, origin[0], 0, -step, origin[1]), "EPSG:32632")
    coarse = GeoBox((200, 200), Affine(2 * step, 0, origin[0], 0, -2 * step, origin[1]), "EPSG:32632")
    x, y = coordinates(Window(coarse, 0, 0, 200, 200), fine)
    assert np.array_equal(x, np.broadcast_to(np.arange(1.0, 400, 2), x.shape))
    assert np.array_equal(y, np.broadcast_to(np.arange(1.0, 400, 2)[:, None], y.shape))


def _world(west: float, step: float = 1.0, crs: str = "EPSG:4326") -> GeoBox:
    return GeoBox((round(180 / step), round(360 / step)), Affine(step, 0, west, 0, -step, 90), crs)


@pytest.mark.parametrize("west", [0.0, -180.0, -0.5, 180.0])
@pytest.mark.parametrize("target", ["EPSG:3857", "EPSG:4326", "EPSG:3995"])
def test_every_pixel_of_the_world_is_found_on_any_turn_of_degrees(west: float, target: str) -> None:
    source = _world(west)
    boxes = {
        "EPSG:3857": Affine(150_000, 0, -19_200_000, 0, -150_000, 19_200_000),
        "EPSG:4326": Affine(1.4, 0, -179.2, 0, -0.7, 89.6),
        "EPSG:3995": Affine(40_000, 0, -5_110_000, 0, -40_000, 5_130_000),
    }
    window = whole(GeoBox((256, 256), boxes[target], target))
    at_x, at_y = coordinates(window, source)
    rows, columns = np.mgrid[:256, :256] + 0.5
    x, y = boxes[target] * (columns, rows)
    longitude, latitude = Transformer.from_crs(target, "EPSG:4326", always_xy=True).transform(x, y)
    assert ((at_x >= 0) & (at_x <= 360)).all()
    away = (at_x + west - longitude + 180) % 360 - 180
    assert np.abs(away).max() < 0.05
    assert np.abs(90 - at_y - latitude).max() < 0.05


def test_grids_on_one_lattice_a_turn_apart_are_not_read_as_one() -> None:
    assert offset(_world(-180), _world(0)) is None
    assert offset(_world(0)[:, 10:20], _world(0)) == (0, 10)
    scene = GeoBox((10, 10), Affine(1, 0, 170, 0, -1, 10), "EPSG:4326")
    assert offset(_world(-180), scene) == (-80, -350)


def test_the_scale_of_degrees_is_that_beside_the_antimeridian() -> None:
    target = GeoBox((256, 256), Affine(156_543, 0, -20_037_508, 0, -156_543, 20_037_508), "EPSG:3857")
    assert pixels_per_pixel(target, _world(0, 0.1)) == pytest.approx(14.06, abs=0.01)
    assert pixels_per_pixel(target, _world(-180, 0.1)) == pytest.approx(14.06, abs=0.01)


def test_a_window_of_huge_pixels_lies_where_it_should() -> None:
    coarse = GeoBox((8, 16), Affine(2_500_000, 0, -20_000_000, 0, -2_500_000, 10_000_000), "EPSG:3857")
    at_x, _ = coordinates(whole(coarse), _world(0))
    longitude = np.degrees((np.arange(16) * 2_500_000 - 18_750_000) / 6_378_137)
    assert np.abs(at_x[3] - longitude % 360).max() < 1e-6


def test_what_a_huge_window_needs_is_told_without_its_coordinates() -> None:
    target = GeoBox((1 << 17, 1 << 17), Affine(0.03, 0, 4_420_500, 0, -0.03, 2_603_000), "EPSG:3035")
    corners = [exact(Window(target, y, x, 1, 1), SOURCE) for y in (0, (1 << 17) - 1) for x in (0, (1 << 17) - 1)]
    for own, true in zip(reach(Window(target, 0, 0, *target.shape), SOURCE), zip(*corners, strict=True), strict=True):
        assert own.size < 1e6
        assert own.min() <= np.min(true)
        assert own.max() >= np.max(true)
        assert own.max() - own.min() < 1.05 * (np.max(true) - np.min(true))
