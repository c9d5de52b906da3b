"""docs/conformance.md says which test proves each numbered requirement of the openEO API profiles."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def make_conformance():
    spec = importlib.util.spec_from_file_location("make_conformance", ROOT / "tools" / "make_conformance.py")
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_marks_of_the_tests_say(make_conformance):
    if not make_conformance.profiles_file().exists():
        pytest.skip(
            f"{make_conformance.profiles_file()} is missing: set OPENEO_SHARED to the folder with spec/profiles"
        )

    assert make_conformance.PAGE.read_text(encoding="utf-8") == make_conformance.page()


def test_every_test_that_the_page_names_exists(make_conformance):
    named = {test for tests in make_conformance.proofs().values() for test in tests}
    page = make_conformance.PAGE.read_text(encoding="utf-8")

    assert named
    assert all(f"`{test}`" in page for test in named)
    assert page.count("::") == sum(len(tests) for tests in make_conformance.proofs().values())
