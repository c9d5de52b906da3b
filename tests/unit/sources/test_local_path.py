from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openeo_plugin.sources.local_path import RefusedHrefError, local_file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret.tif").write_bytes(b"other people's")
    (tmp_path / "in" / "scene").mkdir(parents=True)
    (tmp_path / "in" / "a.tif").write_bytes(b"a")
    (tmp_path / "in" / "scene" / "b 1.tif").write_bytes(b"b")
    (tmp_path / "in" / "100%41.tif").write_bytes(b"c")
    return tmp_path / "in"


def test_a_relative_href_is_resolved_against_its_document(root: Path) -> None:
    assert local_file("./b 1.tif", root / "scene", root) == root / "scene" / "b 1.tif"
    assert local_file("../a.tif", root / "scene", root) == root / "a.tif"


def test_a_percent_encoded_href_is_decoded_unless_the_file_is_called_so(root: Path) -> None:
    assert local_file("b%201.tif", root / "scene", root) == root / "scene" / "b 1.tif"
    assert local_file("100%41.tif", root, root) == root / "100%41.tif"


def test_absolute_paths_and_file_urls_inside_the_folder_are_read(root: Path) -> None:
    assert local_file(str(root / "a.tif"), root / "scene", root) == root / "a.tif"
    assert local_file(f"file://{root}/a.tif", root / "scene", root) == root / "a.tif"
    assert local_file(f"file://localhost{root}/scene/b%201.tif", root, root) == root / "scene" / "b 1.tif"


@pytest.mark.parametrize(
    "href",
    [
        "../secret.tif",
        "%2e%2e/secret.tif",
        "scene/../../secret.tif",
        "/etc/passwd",
        "file:///etc/passwd",
        "file://elsewhere/etc/passwd",
        "/vsicurl/http://127.0.0.1/a.tif",
        "/vsizip/a.zip/a.tif",
        "vsicurl/http://127.0.0.1/a.tif",
        "http://127.0.0.1/a.tif",
        "HTTPS://example.com/a.tif",
        "s3://bucket/a.tif",
        "NETCDF:a.nc:b",
        "GTIFF_DIR:1:a.tif",
        "a.tif\0.png",
        "..\\secret.tif",
        "scene",
        "missing.tif",
        "",
        "x" * 5000,
        "x" * 300,
        "http://[",
        None,
        5,
        ["a.tif"],
    ],
)
def test_hrefs_that_lead_elsewhere_are_refused(root: Path, href: object) -> None:
    with pytest.raises(RefusedHrefError):
        local_file(href, root, root)


def test_a_symbolic_link_out_of_the_folder_is_refused(root: Path) -> None:
    (root / "link.tif").symlink_to(root.parent / "secret.tif")
    (root / "up").symlink_to(root.parent)
    for href in ("link.tif", "up/secret.tif"):
        with pytest.raises(RefusedHrefError):
            local_file(href, root, root)


def test_a_folder_whose_name_begins_alike_is_outside(root: Path) -> None:
    (root.parent / "inside").mkdir()
    (root.parent / "inside" / "a.tif").write_bytes(b"")
    with pytest.raises(RefusedHrefError):
        local_file("../inside/a.tif", root, root)


PARTS = [
    "..",
    ".",
    "%2e%2e",
    "%2E.",
    "/",
    "%2f",
    "//",
    "secret.tif",
    "scene",
    "file:",
    "file://",
    "%00",
    "\\",
    "%5c",
    "~",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=8).map("".join))
def test_no_spelling_leads_out_of_the_folder(root: Path, href: str) -> None:
    try:
        found = local_file(href, root / "scene", root)
    except RefusedHrefError:
        return
    assert found.is_relative_to(root)
