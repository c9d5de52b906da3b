import jsonschema
import pytest

from openeo_plugin.errors import OpenEOError
from services.registry import attributes, parameter_defaults, service_types, validate


class Stored:
    def __init__(self, type):
        self.id, self.type = "s-1", type


def refused(type, configuration):
    with pytest.raises(OpenEOError) as caught:
        validate(type, configuration)
    return caught.value


def test_service_types_are_named_as_clients_show_them():
    assert list(service_types()) == ["XYZ", "WMTS", "WMS", "WCS"]


def test_every_type_has_what_the_specification_requires():
    for kind in service_types().values():
        assert {"title", "description", "configuration", "process_parameters", "links"} <= kind.keys()
        for setting in kind["configuration"].values():
            assert setting["description"]
            jsonschema.Draft7Validator.check_schema({k: v for k, v in setting.items() if k != "required"})
        for parameter in kind["process_parameters"]:
            assert {"name", "description", "schema"} <= parameter.keys()
            assert parameter["optional"] is True


def test_a_type_is_found_in_any_case_and_stored_in_one():
    assert validate("wMtS", None) == "WMTS"


def test_an_unknown_type_names_those_offered():
    error = refused("WFS", {})
    assert error.code == "ServiceUnsupported"
    assert "XYZ, WMTS, WMS" in error.message


def test_an_unknown_setting_is_refused_by_name():
    error = refused("xyz", {"colours": "viridis"})
    assert error.code == "ServiceConfigUnsupported"
    assert "colours" in error.message


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("bands", []),
        ("bands", ["a", "b"]),
        ("bands", "B04"),
        ("bands", [True]),
        ("rescale", [1, 0]),
        ("rescale", [0, float("nan")]),
        ("rescale", [[0, 1], [0, 1]]),
        ("colormap", "no-such-map"),
        ("colormap", ["viridis"]),
        ("categories", []),
        ("categories", [{"value": 1, "color": "red"}]),
        ("categories", [{"value": "1", "color": "#ff0000"}]),
        ("categories", [{"value": 1, "color": "#ff0000", "size": 3}]),
        ("tile_size", 333),
        ("title", 7),
        ("title", "x" * 201),
        ("time", 2020),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_by_name(setting, value):
    error = refused("xyz", {setting: value})
    assert error.code == "ServiceConfigInvalid"
    assert setting in error.message


def test_null_means_not_set():
    assert validate("xyz", {"bands": None, "rescale": None, "title": None}) == "XYZ"


def test_what_is_offered_is_accepted():
    configuration = {
        "bands": ["ndvi"],
        "rescale": [-1, 1],
        "colormap": "rdylgn",
        "tile_size": 512,
        "time": "2020-06-01",
        "title": "NDVI",
    }
    assert validate("xyz", configuration) == "XYZ"
    assert validate("wms", {"bands": ["r", "g", "b"], "rescale": [[0, 1], [0, 2], [0, 3]]}) == "WMS"
    assert validate("wmts", {"categories": [{"value": 1, "color": "#00ff0080", "label": "Wood"}]}) == "WMTS"


def test_the_url_of_an_xyz_service_holds_the_placeholders():
    url, found = attributes(Stored("xyz"), "https://maps.test/")
    assert url == "https://maps.test/tiles/s-1/{z}/{x}/{y}.png"
    assert found["crs"] == "EPSG:3857"


def test_a_wmts_names_its_layers_as_a_list():
    url, found = attributes(Stored("WMTS"), "https://maps.test")
    assert url == "https://maps.test/ogc/s-1/wmts/1.0.0/WMTSCapabilities.xml"
    assert found["layers"] == ["map"]


def test_process_parameters_are_bound_to_null_for_validation():
    assert parameter_defaults("xyz") == {"x": None, "y": None, "z": None, "spatial_extent": None, "time": None}
