"""The examples of the documentation: every process has one, every one runs, and every page says what the code says."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conformance.compare import difference
from conformance.runner import EmptyEnvironment, Lookup, argument
from integration.outside import USER, Outside
from unit.egress.canary import reply, serving

from openeo_plugin.engine.operator import RunContext
from openeo_plugin.graph.parse import parse
from openeo_plugin.graph.validate import validate
from openeo_plugin.processes.evaluate import Scope, invoke
from openeo_plugin.processes.example_graphs import RETURNS, example_graph, example_ids
from openeo_plugin.processes.examples import EXAMPLES
from openeo_plugin.processes.registry import predefined
from openeo_plugin.sources.importing import import_folder
from openeo_plugin.sources.synthetic import SENTINEL_2, make_collection

ROOT = Path(__file__).resolve().parents[3]
ELSEWHERE = "https://example.org"
ALIKE: dict[str, dict[str, str]] = {
    "FORCE_LEVEL2": {'"name": "SCL"': '"name": "QAI"'},
    "SENTINEL1_RTC": {
        '"name": "B04"': '"name": "VV", "description": "gamma0, terrain corrected"',
        '"name": "B08"': '"name": "local_incidence_angle"',
    },
    "TEMPERATURE": {'"name": "B04"': '"name": "t2m"', "2022-06-02": "2021-06-02", "2022-07-02": "2021-07-02"},
}
"""Collections that examples load besides the one of the demo: it, with words in its catalogue replaced."""


def _import(folder: Path, outside: Outside) -> None:
    for imported in import_folder(folder):
        outside.collections.put(imported.document, imported.items)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """A back-end with the collections of the examples, and a server that stands for example.org."""
    folder = tmp_path_factory.mktemp("examples")
    with serving() as server:
        made = Outside(server, folder)
        _import(make_collection(folder / "demo" / SENTINEL_2, size=128).parent, made)
        for name, words in ALIKE.items():
            _import(_alike(folder / "alike" / name, name, words), made)
        _publish(made, folder / "demo" / SENTINEL_2)
        yield made


def _alike(folder: Path, name: str, words: dict[str, str]) -> Path:
    make_collection(folder, size=128)
    for file in folder.rglob("*.json"):
        text = file.read_text()
        for old, new in {SENTINEL_2: name, **words}.items():
            text = text.replace(old, new)
        file.write_text(text)
    return folder


def _publish(outside: Outside, catalogue: Path) -> None:
    """What the examples reach at example.org: a static catalogue, a file and a process."""
    for file in catalogue.rglob("*.*"):
        outside.server.answers[f"/stac/{file.relative_to(catalogue).as_posix()}"] = file.read_bytes()
    outside.publish("/fields.geojson", {"type": "Feature", "properties": {}, "geometry": None})
    outside.publish("/oapi/processes/buffer", {"id": "buffer", "inputs": {"geometry": {}, "distance": {}}})
    outside.server.answers["/oapi/processes/buffer/execution"] = lambda handler: reply(handler, b'"buffered"')


def test_every_process_has_an_example() -> None:
    assert sorted({*EXAMPLES, *example_ids()}) == sorted(predefined())


@pytest.mark.parametrize("process_id", sorted(EXAMPLES))
def test_the_examples_of_a_process_give_what_they_say(process_id: str) -> None:
    for example in EXAMPLES[process_id]:
        arguments = {name: argument(value) for name, value in example["arguments"].items()}
        found = invoke(predefined()[process_id], arguments, Scope(Lookup(), EmptyEnvironment(), {}, "example"))
        plain = list(found) if isinstance(found, list) else found
        assert difference(example["returns"], plain) is None, example


@pytest.mark.parametrize("process_id", sorted(EXAMPLES))
def test_the_examples_of_a_process_are_shown_with_its_description(process_id: str) -> None:
    shown = predefined()[process_id].to_json()["examples"]
    assert json.loads(json.dumps(shown, allow_nan=False)) == list(EXAMPLES[process_id])


@pytest.mark.parametrize("process_id", sorted(example_ids()))
def test_an_example_graph_is_valid_and_calls_the_process(process_id: str) -> None:
    graph = example_graph(process_id)
    assert f'"process_id": "{process_id}"' in json.dumps(graph, allow_nan=False)
    assert [str(fault) for fault in validate(parse(graph), Lookup())] == []


@pytest.mark.parametrize("process_id", sorted(example_ids()))
def test_an_example_graph_runs(process_id: str, outside: Outside, tmp_path: Path) -> None:
    text = json.dumps({"process_graph": example_graph(process_id)}).replace(ELSEWHERE, outside.server.base)
    plan = outside.driver.plan(json.loads(text), USER)
    if process_id in RETURNS:
        assert plan.value == RETURNS[process_id]
    elif process_id == "run_ogcapi_externally":
        assert plan.value == "buffered"
    else:
        assert outside.driver.run(plan, tmp_path, _ignore, RunContext())


def _ignore(progress: Any) -> None:
    pass


def _make_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "tools" / "make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_of_the_processes_say_what_the_code_says() -> None:
    made = _make_docs().process_pages()
    found = {file.name: file.read_text() for file in (ROOT / "docs" / "processes").glob("*")}
    assert sorted(found) == sorted(made) == sorted(f"{name}.md" for name in predefined())
    assert [name for name in made if found[name] != made[name]] == []


def test_a_page_shows_every_parameter_and_an_example() -> None:
    pages = _make_docs().process_pages()
    for name, definition in predefined().items():
        page = pages[f"{name}.md"]
        assert all(f"\n| `{parameter.name}` |" in page for parameter in definition.parameters), name
        assert "\n```json\n" in page, name
