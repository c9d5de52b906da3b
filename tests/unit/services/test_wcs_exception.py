from xml.etree import ElementTree

from services.wcs_exception import WcsError


def test_a_report_is_xml_whatever_the_client_has_written():
    report = ElementTree.fromstring(WcsError("NoSuchCoverage", "no coverage '\0<a>\x1b'", "\0&").report())
    assert report.findtext(".//{*}ExceptionText") == "no coverage '<a>'"
    assert report.find("{*}Exception").get("locator") == "&"
