"""Exception reports of OWS requests that are refused before MapProxy sees them."""

from __future__ import annotations

from collections.abc import Mapping

from services.xml_text import xml_text

_WMS_130 = """<?xml version="1.0" encoding="UTF-8"?>
<ServiceExceptionReport version="1.3.0" xmlns="http://www.opengis.net/ogc">
  <ServiceException code="{code}">{message}</ServiceException>
</ServiceExceptionReport>
"""
_WMS_111 = """<?xml version="1.0" encoding="UTF-8"?>
<ServiceExceptionReport version="1.1.1">
  <ServiceException code="{code}">{message}</ServiceException>
</ServiceExceptionReport>
"""
_OWS = """<?xml version="1.0" encoding="UTF-8"?>
<ExceptionReport xmlns="http://www.opengis.net/ows/1.1" version="1.1.0" xml:lang="en">
  <Exception exceptionCode="{code}">
    <ExceptionText>{message}</ExceptionText>
  </Exception>
</ExceptionReport>
"""


class OwsRefusalError(ValueError):
    """A request that WMTS or WMS refuses.

    Args:
        code: of the exception, in the words of the standard.
        message: for the user.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def exception_report(code: str, message: str, given: Mapping[str, str]) -> tuple[bytes, str]:
    """The report in the form the request's service and version ask for, and its media type.

    Args:
        code: of the exception.
        message: for the user.
        given: parameters of the request by lower-case name.
    """
    template, media_type = _OWS, "application/xml"
    if is_wms(given):
        old = given.get("version") == "1.1.1"
        template, media_type = (_WMS_111, "application/vnd.ogc.se_xml") if old else (_WMS_130, "text/xml")
    return template.format(code=code, message=xml_text(message)).encode(), media_type


def is_wms(given: Mapping[str, str]) -> bool:
    """Whether a request, by its parameters, is for WMS."""
    return given.get("service", "").upper() == "WMS"
