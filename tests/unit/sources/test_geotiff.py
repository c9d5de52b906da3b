from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.errors import CRSError
from unit.egress.canary import serving

from openeo_plugin.sources.geotiff import UnreadableFileError, crs_text, read_header

from .rasters import write_tif


def test_a_header_tells_grid_blocks_overviews_and_bands(tmp_path: Path) -> None:
    values = np.ones((2, 64, 48))
    path = write_tif(
        tmp_path / "a.tif",
        values=values,
        dtype="int16",
        nodata=-1,
        descriptions=("one", "two"),
        scales=(0.5, 1.0),
        overviews=(2, 4),
        tiled=True,
        blockxsize=32,
        blockysize=16,
    )
    header = read_header(path)
    assert (header.shape, header.crs, header.block, header.overviews) == ((64, 48), "EPSG:32632", (16, 32), (2, 4))
    assert header.transform == (10, 0, 600_000, 0, -10, 5_100_000)
    one, two = header.bands
    assert (one.dtype, one.nodata, one.scale, one.offset, one.description) == ("int16", -1, 0.5, 0, "one")
    assert (two.scale, two.offset, two.description) == (None, None, "two")


def test_a_file_without_georeference_says_so(tmp_path: Path) -> None:
    header = read_header(write_tif(tmp_path / "a.tif", crs=None, transform=Affine.identity()))
    assert (header.crs, header.transform) == (None, None)


def test_rubbish_and_an_empty_file_are_unreadable(tmp_path: Path) -> None:
    for name, content in (("a.tif", b"no picture at all"), ("b.tif", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableFileError):
            read_header(tmp_path / name)


def test_a_file_cut_short_is_unreadable(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 9999, (1, 200, 200))
    path = write_tif(tmp_path / "a.tif", values=values, compress="deflate")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableFileError):
        read_header(path)


def test_a_vrt_called_tif_is_not_opened(tmp_path: Path) -> None:
    real = write_tif(tmp_path / "real.tif")
    source = f'<SimpleSource><SourceFilename relativeToVRT="0">{real}</SourceFilename></SimpleSource>'
    band = f'<VRTRasterBand dataType="UInt16" band="1">{source}</VRTRasterBand>'
    fake = tmp_path / "fake.tif"
    fake.write_text(f'<VRTDataset rasterXSize="5" rasterYSize="4">{band}</VRTDataset>')
    with rasterio.open(fake) as dataset:
        assert dataset.driver == "VRT"  # GDAL would
    with pytest.raises(UnreadableFileError):
        read_header(fake)


def test_a_picture_of_another_format_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", driver="PNG", width=5, height=4, count=1, dtype="uint8") as dataset:
        dataset.write(np.ones((1, 4, 5), "uint8"))
    with pytest.raises(UnreadableFileError):
        read_header(path)


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="complex"):
        read_header(write_tif(tmp_path / "a.tif", dtype="complex64", nodata=None))


def test_side_car_files_change_nothing(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif")
    Path(f"{path}.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><NoDataValue>5</NoDataValue></PAMRasterBand></PAMDataset>'
    )
    assert read_header(path).bands[0].nodata == 0


def test_a_crs_is_no_address_that_gdal_fetches_and_no_file_that_it_opens(tmp_path: Path) -> None:
    definition = rasterio.crs.CRS.from_epsg(3035).to_wkt()
    (tmp_path / "crs.wkt").write_text(definition)
    with serving() as server:
        server.answers["/crs.wkt"] = definition.encode()
        address = f"{server.base}/crs.wkt"
        for wanted in (address, f"/vsicurl/{address}", str(tmp_path / "crs.wkt"), f"file://{tmp_path}/crs.wkt"):
            with pytest.raises(CRSError):
                crs_text(wanted)
        assert server.hits == []


def test_a_file_whose_crs_points_to_another_file_is_unreadable(tmp_path: Path) -> None:
    values = {"crs": "+proj=longlat +ellps=bessel +nadgrids=some.gsb", "transform": Affine(1, 0, 5, 0, -1, 50)}
    with pytest.raises(UnreadableFileError, match="reference system"):
        read_header(write_tif(tmp_path / "a.tif", **values, geotiff_version="1.1"))


def test_a_crs_is_a_code_where_it_has_one() -> None:
    assert crs_text("epsg:32633") == "EPSG:32633"
    assert crs_text(rasterio.crs.CRS.from_epsg(3035).to_wkt()) == "EPSG:3035"
    assert crs_text("+proj=laea +lat_0=47 +lon_0=11 +ellps=GRS80").startswith("PROJCRS[")
