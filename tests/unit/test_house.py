"""The rules of the house, read off the files: who imports whom, where a library lives, what must be documented."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("config", "db", "openeo_plugin", "services")

# From the roof down. A room imports from its own floor and from those below.
FLOORS = (
    {"app", "cli", "commands"},
    {"api", "ogcapi", "services"},
    {"jobs", "results"},
    {"backend"},
    {"driver"},
    {"processes", "sources", "formats"},
    {"engine"},
    {"graph", "cube", "auth", "egress"},
    {"db", "config", "errors"},
)
FLOOR_OF = {room: len(FLOORS) - number for number, floor in enumerate(FLOORS) for room in floor}

# Where a library may be imported. pygeoapi's own HTML and process pages are Flask's, so `ogcapi` has it too.
LIBRARY_ROOMS = {
    "flask": {"api", "ogcapi", "app"},
    "pygeoapi": {"ogcapi"},
    "sqlalchemy": {"db"},
    "geoalchemy2": {"db"},
    "alembic": {"db"},
    "rasterio": {"sources", "formats", "services"},
    "mapproxy": {"services"},
    "titiler": {"services"},
    "rio_tiler": {"services"},
    "redis": {"services"},
    "distributed": {"engine"},
    "dask": {"engine"},
}

VAGUE = re.compile(r"(^|_)(utils?|helpers?|common|misc|managers?)(_|$)")
VAGUE_ALLOWED = {
    "openeo_plugin.ogcapi.process_manager",
    "openeo_plugin.sources.common_grid",
}  # terms of pygeoapi, of grids


@dataclass(frozen=True)
class Import:
    """One import: the module that has it, the module it asks for, its line, and whether only type checkers run it."""

    by: str
    of: str
    line: int
    for_types: bool

    def __str__(self) -> str:
        return f"{self.by}:{self.line} imports {self.of}"


def modules() -> dict[str, Path]:
    """Every module of the project, by name."""
    found = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = file
    return found


MODULES = modules()


def room_of(module: str) -> str:
    """The part of the house that a module lies in: `api`, `db`, ..."""
    parts = module.split(".")
    return parts[1] if parts[0] == "openeo_plugin" and len(parts) > 1 else parts[0]


def imports_in(module: str) -> Iterator[Import]:
    """All imports of a module, those inside functions included."""
    tree = ast.parse(MODULES[module].read_text())
    typing_lines = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for line in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} has a relative import"
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            own = [name for name in submodules if name in MODULES]
            names = own if len(own) == len(submodules) else [*own, str(node.module)]
        else:
            continue
        for name in names:
            yield Import(module, name, node.lineno, node.lineno in typing_lines)


IMPORTS = [found for module in MODULES for found in imports_in(module)]
OWN_IMPORTS = [found for found in IMPORTS if found.of.split(".")[0] in PACKAGES]


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph.get(name, ())
    return seen


def circles(graph: dict[str, set[str]]) -> list[str]:
    return sorted(name for name in graph if name in reachable(graph, name))


def test_every_room_has_a_floor():
    rooms = {room_of(module) for module in MODULES} - {"openeo_plugin"}
    assert rooms <= set(FLOOR_OF)


def test_imports_go_down_or_stay_on_their_floor():
    upward = [
        str(found)
        for found in OWN_IMPORTS
        if room_of(found.by) != "openeo_plugin" and FLOOR_OF[room_of(found.by)] < FLOOR_OF[room_of(found.of)]
    ]
    assert upward == []


def test_no_modules_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for found in OWN_IMPORTS:
        if not found.for_types and found.by != found.of:
            graph.setdefault(found.by, set()).add(found.of)
    assert circles(graph) == []


def test_no_rooms_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for found in OWN_IMPORTS:
        if not found.for_types and room_of(found.by) != room_of(found.of):
            graph.setdefault(room_of(found.by), set()).add(room_of(found.of))
    assert circles(graph) == []


def test_a_circle_is_found_where_there_is_one():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


@pytest.mark.parametrize("library", LIBRARY_ROOMS)
def test_a_library_stays_in_its_rooms(library):
    elsewhere = [
        str(found)
        for found in IMPORTS
        if found.of.split(".")[0] == library and room_of(found.by) not in LIBRARY_ROOMS[library]
    ]
    assert elsewhere == []


def test_no_module_has_a_vague_name():
    vague = {name for name in MODULES if any(VAGUE.search(part) for part in name.split("."))}
    assert vague <= VAGUE_ALLOWED


def test_every_module_says_what_its_job_is():
    silent = [
        name
        for name, file in MODULES.items()
        if file.read_text().strip() and not ast.get_docstring(ast.parse(file.read_text()))
    ]
    assert silent == []


def _make_docs():
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "tools" / "make_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["configuration.md", "command-line.md", "processes.md", "formats-and-services.md"])
def test_a_generated_page_says_what_the_code_says(page):
    """Settings, commands, processes, file formats and service types are all in these; `make docs` writes them."""
    assert (ROOT / "docs" / page).read_text() == _make_docs().PAGES[page]()


def test_every_setting_is_documented_with_its_default():
    from config.settings import Settings

    page = (ROOT / "docs" / "configuration.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| `([^`]*)` \|", page, re.MULTILINE))
    assert set(rows) == set(Settings.model_fields) - {"microservices"}
    for name, field in Settings.model_fields.items():
        if name in rows and field.default_factory is None:
            shown = yaml.safe_load(rows[name])
            assert shown == (str(field.default) if isinstance(field.default, Path) else field.default), name


def test_every_process_format_and_service_type_is_documented():
    from openeo_plugin.formats.registry import FORMATS
    from openeo_plugin.processes.registry import predefined
    from services.registry import TYPES

    processes = (ROOT / "docs" / "processes.md").read_text()
    others = (ROOT / "docs" / "formats-and-services.md").read_text()
    assert [name for name in predefined() if f"| `{name}` |" not in processes] == []
    assert [name for name in [*FORMATS, *TYPES] if f"\n### {name}\n" not in others] == []


def test_every_decision_is_in_the_index():
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()
    assert [
        page.name for page in sorted(folder.glob("*.md")) if page.name != "README.md" and page.name not in index
    ] == []


@pytest.mark.parametrize("page", sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]), ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_lock_file_fits_the_requirements():
    found = subprocess.run(
        [sys.executable, ROOT / "tools" / "check_lock.py"], capture_output=True, text=True, check=False
    )
    assert found.stderr == ""


def test_no_tracked_file_names_a_package_registry_or_a_folder_of_one_machine():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("the files are not checked for foreign names: this is no git checkout")
    # Reversed, so that this file does not hold what it looks for.
    reversed_words = ["gro.ipyp", "gro.detsohnohtyp", "gro.sjmpn", "moc.sjmpn", "gro.naibed.bed", "/krow/", "/toor/"]
    words = [word[::-1] for word in reversed_words]
    options = [option for word in words for option in ("-e", word)]
    command = ["git", "grep", "-n", "-I", "-F", *options, "--", ".", ":!requirements.lock"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 1, found.stdout + found.stderr


def test_only_an_endpoint_that_is_off_is_an_unsupported_feature() -> None:
    """It has the status 501, which no operation that is on may answer."""
    raising = [name for name, file in MODULES.items() if 'OpenEOError("FeatureUnsupported"' in file.read_text()]
    assert raising == ["openeo_plugin.api.errors"]
