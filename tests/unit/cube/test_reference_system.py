from __future__ import annotations

import json

import pytest
from pyproj import CRS
from pyproj.exceptions import CRSError

from openeo_plugin.cube.reference_system import reference_system

GRID = '["Latitude and longitude difference file","/x/y.gsb"]'
BOUND = (
    'BOUNDCRS[SOURCECRS[GEOGCRS["a",DATUM["a",ELLIPSOID["b",6377397,299]],CS[ellipsoidal,2],AXIS["lat",north],'
    'AXIS["lon",east],ANGLEUNIT["degree",0.0174532925199433]]],TARGETCRS[GEOGCRS["c",DATUM["c",ELLIPSOID["d",6378137,'
    '298]],CS[ellipsoidal,2],AXIS["lat",north],AXIS["lon",east],ANGLEUNIT["degree",0.0174532925199433]]],'
    f'ABRIDGEDTRANSFORMATION["n",METHOD["NTv2"],PARAMETERFILE{GRID}]]'
)


@pytest.mark.parametrize(
    "definition",
    [
        32633,
        "EPSG:32633",
        "urn:ogc:def:crs:EPSG::32633",
        "http://www.opengis.net/def/crs/EPSG/0/32633",
        "+proj=utm +zone=33 +datum=WGS84 +units=m +no_defs +type=crs",
        CRS.from_epsg(32633).to_wkt(),
        CRS.from_epsg(32633).to_wkt("WKT1_GDAL"),
        CRS.from_epsg(32633).to_json(),
    ],
)
def test_codes_wkt_projjson_and_proj_strings_are_read(definition: int | str) -> None:
    assert reference_system(definition).utm_zone == "33N"


def test_the_definition_of_web_mercator_is_read_in_its_old_form_too() -> None:
    assert reference_system(CRS.from_epsg(3857).to_wkt("WKT1_GDAL")).to_epsg() == 3857
    assert reference_system(CRS.from_epsg(3857).to_proj4()).is_projected


@pytest.mark.parametrize(
    "definition",
    [
        "+proj=longlat +ellps=bessel +nadgrids=/dev/zero +type=crs",
        "proj=longlat ellps=bessel nadgrids=@/dev/zero type=crs",
        "+proj=longlat +ellps=bessel +nadgrids=https://example.org/x.gsb",
        "+proj=utm +zone=33 +datum=WGS84 +geoidgrids=/dev/zero +vunits=m",
        "+proj=pipeline +step +proj=hgridshift +grids=/dev/zero",
        "+init=/dev/zero:1",
        "init=epsg:4326",
        BOUND,
        json.dumps({"type": "BoundCRS", "name": "n", "x": {"name": "Geoid (height correction) model file"}}),
        '{"type": "BoundCRS", "x": "+nad\\u0067rids=/dev/zero"}',
        "{",
        "/etc/passwd",
        "EPSG:99999",
        "x" * 60_000,
    ],
)
def test_definitions_that_name_files_and_what_is_none_are_refused(definition: str) -> None:
    with pytest.raises(CRSError):
        reference_system(definition)
