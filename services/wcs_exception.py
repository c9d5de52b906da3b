"""Exception reports of WCS 2.0.1 (OWS Common 2.0)."""

from __future__ import annotations

from services.xml_text import xml_text

_STATUS = {
    "NoSuchCoverage": 404,
    "NoSuchField": 404,
    "InvalidAxisLabel": 404,
    "InvalidSubsetting": 404,
    "InvalidScaleFactor": 404,
    "InterpolationMethodNotSupported": 404,
    "SubsettingCrs-NotSupported": 404,
    "OutputCrs-NotSupported": 404,
    "OperationNotSupported": 501,
    "NoApplicableCode": 500,
}
_REPORT = """<?xml version="1.0" encoding="UTF-8"?>
<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/2.0" version="2.0.0" xml:lang="en">
  <ows:Exception exceptionCode="{code}"{locator}>
    <ows:ExceptionText>{message}</ows:ExceptionText>
  </ows:Exception>
</ows:ExceptionReport>
"""


class WcsError(Exception):
    """An error with one of the codes of WCS or OWS Common.

    Args:
        code: of the exception.
        message: for the user.
        locator: the parameter at fault.
    """

    def __init__(self, code: str, message: str, locator: str | None = None) -> None:
        self.code = code[:1].upper() + code[1:]
        self.message = message
        self.locator = locator
        super().__init__(message)

    @property
    def status(self) -> int:
        """Of HTTP."""
        return _STATUS.get(self.code, 400)

    def report(self) -> bytes:
        """The exception report."""
        locator = f' locator="{xml_text(self.locator)}"' if self.locator else ""
        return _REPORT.format(code=self.code, locator=locator, message=xml_text(self.message)).encode()
