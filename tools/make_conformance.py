"""Writes docs/conformance.md: every numbered requirement of the openEO API profiles, and the test that proves it.

python tools/make_conformance.py            write it
python tools/make_conformance.py --check    status 1 if it is out of date

The requirements come from OPENEO_SHARED (default: ../shared). A test names the requirements it proves with
`@pytest.mark.requirement(30, 31)`; what has no test stands in `REASONS`.
"""

from __future__ import annotations

import argparse
import ast
import csv
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "conformance.md"

_UDF = "not yet: there is no UDF runtime, and the endpoint is off"
_FILES = "not yet: user files come with their own work"
REASONS: dict[int, str] = {
    22: "does not apply: an instance is either for production or for development, and says which",
    **dict.fromkeys(range(71, 76), _UDF),
    **dict.fromkeys((*range(500, 507), *range(510, 514), 520, 521, 530, 531), _FILES),
}


@dataclass(frozen=True)
class Requirement:
    """A numbered requirement: the profiles that have it, and what of the API it is about."""

    number: int
    profiles: tuple[str, ...]
    about: str


def profiles_file() -> Path:
    """The table of the profiles, whether it is there or not."""
    shared = Path(os.environ.get("OPENEO_SHARED") or ROOT.parent / "shared")
    return shared / "spec" / "profiles" / "api-profiles.tsv"


def requirements() -> list[Requirement]:
    """All requirements in the order of their numbers. Raises: OSError."""
    found: dict[int, Requirement] = {}
    with profiles_file().open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            number = int(row["number"])
            before = found.get(number)
            profiles = (*(before.profiles if before else ()), row["profile"])
            found[number] = Requirement(number, profiles, row["functionality"] or row["category"])
    return [found[number] for number in sorted(found)]


def proofs() -> dict[int, list[str]]:
    """Tests by the number of what they prove, as `file::function`."""
    found: dict[int, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, number in _marks(ast.parse(file.read_text(encoding="utf-8"))):
            found.setdefault(number, []).append(f"{file.relative_to(ROOT).as_posix()}::{name}")
    return found


def _marks(module: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(module):
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.requirement":
                for argument in decorator.args:
                    yield node.name, int(ast.literal_eval(argument))


def page() -> str:
    """The page. Raises: SystemExit, if a requirement has neither test nor reason, or both, or is unknown."""
    wanted, tests = requirements(), proofs()
    numbers = {requirement.number for requirement in wanted}
    open_ones = sorted(numbers - tests.keys() - REASONS.keys())
    doubtful = sorted((tests.keys() & REASONS.keys()) | (tests.keys() | REASONS.keys()) - numbers)
    if open_ones or doubtful:
        raise SystemExit(f"without test or reason: {open_ones}; with both, or unknown: {doubtful}")
    rows = [_row(requirement, tests) for requirement in wanted]
    proven = len(numbers & tests.keys())
    return (
        "<!-- Written by `tools/make_conformance.py`; the marks stand in the tests. -->\n\n"
        "# Conformance to the openEO API profiles\n\n"
        f"{proven} of {len(numbers)} numbered requirements are proven by a test. Numbers and profiles are those of\n"
        "the openEO API profiles (L1 to L4); each requirement is told by the part of the API it belongs to.\n\n"
        "| number | profile | requirement | test |\n| --- | --- | --- | --- |\n" + "".join(rows) + _official_suite()
    )


def _official_suite() -> str:
    """What passes of the official test suite, and what does not."""
    file = ROOT / "tests" / "official_suite.py"
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[file.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return (
        "\n## The official test suite\n\n"
        "The [openeo-test-suite](https://github.com/Open-EO/openeo-test-suite) against a running server, signed in\n"
        "through OpenID Connect (`tests/acceptance/test_official_suite.py`; it is no part of this project, and is run\n"
        "where `OPENEO_TEST_SUITE` names a checkout). Of the metadata of processes these are the functional tests.\n\n"
        + str(module.table())
    )


def _row(requirement: Requirement, tests: dict[int, list[str]]) -> str:
    shown = "<br>".join(f"`{test}`" for test in tests.get(requirement.number, ())) or REASONS[requirement.number]
    profiles = ", ".join(dict.fromkeys(requirement.profiles))
    return f"| {requirement.number} | {profiles} | {requirement.about} | {shown} |\n"


def main() -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether the page is up to date")
    if parser.parse_args().check:
        if PAGE.read_text(encoding="utf-8") == page():
            return 0
        sys.stderr.write("docs/conformance.md is out of date; tools/make_conformance.py writes it\n")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
