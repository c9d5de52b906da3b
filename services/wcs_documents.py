"""Capabilities and coverage descriptions of WCS 2.0.1.

A service is the coverage `map`: a grid of two axes whose fields are the bands, at the default date unless a subset of
`time` names another; its dates are listed as GeoServer lists them (`TimeDomain`). Clients that show two axes and no
more, GDAL and with it QGIS among them, find each date as a coverage of its own beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from openeo_plugin.cube.bands import Band
from services.axes import Axes
from services.served import ServedService
from services.tile_matrix import GEOGRAPHIC
from services.wcs_request import COVERAGE, coverages, field_names
from services.xml_text import xml_text

_NAMESPACES = """xmlns:wcs="http://www.opengis.net/wcs/2.0" xmlns:ows="http://www.opengis.net/ows/2.0"
  xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:gmlcov="http://www.opengis.net/gmlcov/1.0"
  xmlns:swe="http://www.opengis.net/swe/2.0" xmlns:xlink="http://www.w3.org/1999/xlink"
  xmlns:crs="http://www.opengis.net/wcs/crs/1.0" xmlns:wcsgs="http://www.geoserver.org/wcsgs/2.0\""""
_PROFILES = (
    "http://www.opengis.net/spec/WCS/2.0/conf/core",
    "http://www.opengis.net/spec/WCS_protocol-binding_get-kvp/1.0/conf/get-kvp",
    "http://www.opengis.net/spec/WCS_service-extension_crs/1.0/conf/crs-gridded-coverage",
    "http://www.opengis.net/spec/WCS_service-extension_range-subsetting/1.0/conf/record-subsetting",
    "http://www.opengis.net/spec/WCS_service-extension_scaling/1.0/conf/scaling",
    "http://www.opengis.net/spec/GMLCOV/1.0/conf/gml-coverage",
    "http://www.opengis.net/spec/GMLCOV_geotiff-coverages/1.0/conf/geotiff-coverage",
)
_OPERATIONS = ("GetCapabilities", "DescribeCoverage", "GetCoverage")


def capabilities(served: ServedService, native: Axes, address: str, provider: str) -> bytes:
    """The capabilities document.

    Args:
        native: axes of the data's own CRS.
        address: of the service; parameters are appended to it.
        provider: who runs the server.
    """
    summaries = "".join(_summary(served, identifier, date) for identifier, date in coverages(served).items())
    profiles = "".join(f"\n    <ows:Profile>{profile}</ows:Profile>" for profile in _PROFILES)
    operations = "".join(_operation(name, address) for name in _OPERATIONS)
    supported = "".join(
        f"<crs:crsSupported>http://www.opengis.net/def/crs/EPSG/0/{code}</crs:crsSupported>"
        for code in dict.fromkeys((native.code, 4326, 3857))
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<wcs:Capabilities {_NAMESPACES} version="2.0.1">
  <ows:ServiceIdentification>
    <ows:Title>{xml_text(served.title)}</ows:Title>
    <ows:Abstract>{xml_text(served.abstract)}</ows:Abstract>
    <ows:ServiceType codeSpace="OGC">urn:ogc:service:wcs</ows:ServiceType>
    <ows:ServiceTypeVersion>2.0.1</ows:ServiceTypeVersion>{profiles}
    <ows:Fees>none</ows:Fees>
    <ows:AccessConstraints>{xml_text(served.attribution) or "none"}</ows:AccessConstraints>
  </ows:ServiceIdentification>
  <ows:ServiceProvider>
    <ows:ProviderName>{xml_text(provider)}</ows:ProviderName>
    <ows:ServiceContact/>
  </ows:ServiceProvider>
  <ows:OperationsMetadata>{operations}
  </ows:OperationsMetadata>
  <wcs:ServiceMetadata>
    <wcs:formatSupported>image/tiff</wcs:formatSupported>
    <wcs:Extension><crs:CrsMetadata>{supported}</crs:CrsMetadata></wcs:Extension>
  </wcs:ServiceMetadata>
  <wcs:Contents>
{summaries}
  </wcs:Contents>
</wcs:Capabilities>
""".encode()


def _summary(served: ServedService, identifier: str, date: str | None) -> str:
    west, south, east, north = served.bounds(GEOGRAPHIC)
    title = f"{served.title} {date}" if date else served.title
    return f"""
    <wcs:CoverageSummary>
      <ows:Title>{xml_text(title)}</ows:Title>
      <ows:Abstract>{xml_text(served.abstract)}</ows:Abstract>
      <ows:WGS84BoundingBox>
        <ows:LowerCorner>{west:.9g} {south:.9g}</ows:LowerCorner>
        <ows:UpperCorner>{east:.9g} {north:.9g}</ows:UpperCorner>
      </ows:WGS84BoundingBox>
      <wcs:CoverageId>{identifier}</wcs:CoverageId>
      <wcs:CoverageSubtype>RectifiedGridCoverage</wcs:CoverageSubtype>
    </wcs:CoverageSummary>"""


def _operation(name: str, address: str) -> str:
    return f"""
    <ows:Operation name="{name}">
      <ows:DCP><ows:HTTP><ows:Get xlink:type="simple" xlink:href="{xml_text(address)}?"/></ows:HTTP></ows:DCP>
    </ows:Operation>"""


def coverage_descriptions(served: ServedService, native: Axes, identifiers: Sequence[str]) -> bytes:
    """Some of the coverages of a service with their grid, fields and dates."""
    described = "".join(_description(served, native, identifier) for identifier in identifiers)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<wcs:CoverageDescriptions {_NAMESPACES}>{described}
</wcs:CoverageDescriptions>
""".encode()


def _description(served: ServedService, native: Axes, identifier: str) -> str:
    dates = served.dates.distinct if identifier == COVERAGE else ()
    grid = served.description.grid
    affine, (rows, columns) = grid.affine, grid.shape
    origin = native.ordered(*(affine @ (0.5, 0.5)))
    return f"""
  <wcs:CoverageDescription gml:id="{identifier}">
    <gml:description>{xml_text(served.abstract)}</gml:description>
    <gml:name>{xml_text(served.title)}</gml:name>
    <gml:boundedBy>{_envelope(served, native)}
    </gml:boundedBy>
    <wcs:CoverageId>{identifier}</wcs:CoverageId>{_time_domain(dates, served.dates.label(None))}
    <gml:domainSet>
      <gml:RectifiedGrid gml:id="{identifier}-grid" dimension="2">
        <gml:limits>
          <gml:GridEnvelope><gml:low>0 0</gml:low><gml:high>{columns - 1} {rows - 1}</gml:high></gml:GridEnvelope>
        </gml:limits>
        <gml:axisLabels>i j</gml:axisLabels>
        <gml:origin>
          <gml:Point gml:id="{identifier}-origin" srsName="{native.uri}"><gml:pos>{origin}</gml:pos></gml:Point>
        </gml:origin>
        <gml:offsetVector srsName="{native.uri}">{native.ordered(affine.a, affine.d)}</gml:offsetVector>
        <gml:offsetVector srsName="{native.uri}">{native.ordered(affine.b, affine.e)}</gml:offsetVector>
      </gml:RectifiedGrid>
    </gml:domainSet>
    <gmlcov:rangeType>
      <swe:DataRecord>{_fields(served)}
      </swe:DataRecord>
    </gmlcov:rangeType>
    <wcs:ServiceParameters>
      <wcs:CoverageSubtype>RectifiedGridCoverage</wcs:CoverageSubtype>
      <wcs:nativeFormat>image/tiff</wcs:nativeFormat>
    </wcs:ServiceParameters>
  </wcs:CoverageDescription>"""


def _envelope(served: ServedService, native: Axes) -> str:
    west, south, east, north = served.description.grid.boundingbox.bbox
    labels, units = " ".join(native.labels), f"{native.unit} {native.unit}"
    return f"""
      <gml:Envelope srsName="{native.uri}" axisLabels="{labels}" uomLabels="{units}" srsDimension="2">
        <gml:lowerCorner>{native.ordered(west, south)}</gml:lowerCorner>
        <gml:upperCorner>{native.ordered(east, north)}</gml:upperCorner>
      </gml:Envelope>"""


def _time_domain(dates: Sequence[str], default: str | None) -> str:
    if not dates:
        return ""
    instants = "".join(
        f"""
        <gml:TimeInstant gml:id="t{number}"><gml:timePosition>{xml_text(date)}</gml:timePosition></gml:TimeInstant>"""
        for number, date in enumerate(dates)
    )
    return f"""
    <gmlcov:metadata>
      <gmlcov:Extension>
        <wcsgs:TimeDomain default="{xml_text(default or "")}">{instants}
        </wcsgs:TimeDomain>
      </gmlcov:Extension>
    </gmlcov:metadata>"""


def _fields(served: ServedService) -> str:
    return "".join(_field(name, band) for name, band in zip(field_names(served), served.description.bands, strict=True))


def _field(name: str, band: Band) -> str:
    nil = ""
    if band.nodata is not None and not math.isnan(band.nodata):
        nil = f"""
            <swe:nilValues><swe:NilValues>
              <swe:nilValue reason="http://www.opengis.net/def/nil/OGC/0/missing">{band.nodata:.17g}</swe:nilValue>
            </swe:NilValues></swe:nilValues>"""
    return f"""
        <swe:field name="{name}">
          <swe:Quantity>
            <swe:description>{xml_text(band.description or band.common_name or name)}</swe:description>{nil}
            <swe:uom code="{xml_text(band.unit or "1")}"/>
          </swe:Quantity>
        </swe:field>"""
