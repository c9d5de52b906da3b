"""Names and options of formats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.cut import file_label
from openeo_plugin.formats.options import FILENAME_PREFIX, checked
from openeo_plugin.formats.registry import FORMATS, format_named

PARAMETERS = {
    "compress": {"type": "string", "description": "", "enum": ["DEFLATE", "NONE"], "default": "DEFLATE"},
    "level": {"type": "integer", "description": "", "minimum": 1, "maximum": 9},
    "filename_prefix": FILENAME_PREFIX,
}


@pytest.mark.parametrize("name", ["GTiff", "gtiff", "GTIFF", "COG", "cog", "netcdf", "NetCDF", "png", "json"])
def test_names_are_found_in_any_case(name):
    assert format_named(name).name.lower() == name.lower()


def test_an_unknown_format_names_those_that_exist():
    with pytest.raises(OpenEOError) as caught:
        format_named("GTif")
    assert (caught.value.code, caught.value.details["parameter"]) == ("ProcessParameterInvalid", "format")
    assert "Did you mean 'GTiff'?" in caught.value.message
    assert all(name in caught.value.message for name in FORMATS)


def test_defaults_are_filled_in_and_null_counts_as_not_given():
    assert checked(PARAMETERS, {"level": None}) == {"compress": "DEFLATE"}
    assert checked(PARAMETERS, {"compress": "none", "level": 9}) == {"compress": "NONE", "level": 9}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"compres": "NONE"}, "Did you mean 'compress'?"),
        ({"compress": "JPEG"}, "one of: DEFLATE, NONE"),
        ({"compress": 8}, "of type string"),
        ({"level": 10}, "between 1 and 9"),
        ({"level": True}, "of type integer"),
        ({"level": "9"}, "of type integer"),
    ],
)
def test_a_wrong_option_says_what_is_allowed(options, words):
    with pytest.raises(OpenEOError) as caught:
        checked(PARAMETERS, options)
    assert caught.value.code == "ProcessParameterInvalid"
    assert words in caught.value.message


@given(st.text(alphabet=st.sampled_from("ab1/\\.%~\0\n :é-_"), max_size=8))
def test_a_prefix_is_never_a_path(prefix):
    try:
        accepted = checked(PARAMETERS, {"filename_prefix": prefix})["filename_prefix"]
    except OpenEOError:
        return
    assert accepted.isascii()
    assert not set(accepted) & set("/\\%~\0\n :")
    assert ".." not in accepted
    assert accepted[0] not in ".-"


@given(st.text())
def test_a_label_in_a_file_name_is_never_a_path(label):
    name = file_label(label)
    assert name
    assert name.isascii()
    assert not set(name) & set("/\\%~\0\n :")
    assert name[0] not in ".-"
