"""Run the official cases of processes in this process, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conformance import official
from conformance.compare import difference
from conformance.cubes import BlockOf, at_once, cube_argument, cube_value

from openeo_plugin.cube.labelled_array import LabelledArray
from openeo_plugin.engine.operator import Operator
from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.definition import ProcessDefinition
from openeo_plugin.graph.parse import parse
from openeo_plugin.processes.environment import SavedResult
from openeo_plugin.processes.evaluate import Callback, Scope, invoke
from openeo_plugin.processes.registry import predefined


@dataclass(frozen=True)
class Case:
    """One official case. `spec` holds arguments, returns and throws as they are written."""

    id: str
    process: str
    level: str
    experimental: bool
    spec: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a case went: `why` is None if it passed."""

    case: Case
    why: str | None


class Lookup:
    """The predefined processes alone."""

    def find(self, process_id: str, namespace: str | None) -> ProcessDefinition | None:
        return predefined().get(process_id)

    def known(self) -> list[str]:
        return list(predefined())


class EmptyEnvironment:
    """A back-end without collections that stores nothing."""

    def __init__(self, node: str = "case") -> None:
        self.node = node

    def at(self, node: str) -> EmptyEnvironment:
        return EmptyEnvironment(node)

    def collection(self, identifier: str) -> dict[str, Any]:
        raise OpenEOError("CollectionNotFound", identifier=identifier)

    def items(self, identifier: str, bbox: Any, start: Any, end: Any) -> list[dict[str, Any]]:
        raise OpenEOError("CollectionNotFound", identifier=identifier)

    def save(self, result: SavedResult) -> SavedResult:
        return result


def cases(process_id: str) -> Iterator[Case]:
    """The cases of one process; ids are `process#index`, counted from 0."""
    suite = official.suite(process_id)
    level = suite.get("level") or official.levels().get(process_id, "")
    for index, spec in enumerate(suite["tests"]):
        experimental = bool(suite.get("experimental") or spec.get("experimental"))
        yield Case(f"{process_id}#{index}", process_id, spec.get("level", level), experimental, spec)


def run(case: Case, block_of: BlockOf = at_once) -> Outcome:
    """Call the process with the case's arguments and compare. `block_of` computes a cube that comes out."""
    throws = case.spec.get("throws")
    try:
        expected = official.resolved(case.spec.get("returns"))
        value = called(case)
        found = cube_value(value, block_of) if isinstance(value, Operator) else value
    except OpenEOError as error:
        if throws is True or throws == error.code:
            return Outcome(case, None)
        wanted = f"expected {throws}, found " if throws else ""
        return Outcome(case, f"{wanted}{error.code}: {error.message}")
    except FileNotFoundError as error:
        return Outcome(case, f"the suite lacks the file {error.filename}")
    except ImportError as error:
        return Outcome(case, f"not implemented: {error}")
    except Exception as error:
        return Outcome(case, f"{type(error).__name__}: {error}")
    if "returns" not in case.spec:
        return Outcome(case, f"expected the error {throws}, found {str(found)[:200]}")
    return Outcome(case, difference(expected, found))


def called(case: Case) -> Any:
    """What the process gives; a cube as an operator.

    Raises: OpenEOError; FileNotFoundError if the suite lacks a file; ImportError if there is no such process.
    """
    definition = predefined().get(case.process)
    if definition is None:
        raise ImportError(case.process)
    arguments = {n: argument(official.resolved(v)) for n, v in case.spec["arguments"].items()}
    return invoke(definition, arguments, Scope(Lookup(), EmptyEnvironment(), {}, "case"))


def gives_cube(case: Case) -> bool:
    """Whether a cube comes out that is computed in windows."""
    try:
        value = called(case)
    except (OpenEOError, OSError, ImportError, ValueError, TypeError, KeyError, AttributeError):
        return False
    return isinstance(value, Operator) and 0 not in value.description.shape


def argument(value: Any) -> Any:
    """An argument as the process takes it: cubes as operators, process graphs as callbacks, no-data as null."""
    if isinstance(value, list):
        return [argument(v) for v in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    if kind == "nodata":
        return None
    if kind == "datetime":
        return value["value"]
    if kind == "datacube":
        return cube_argument(value)
    if kind == "labeled-array":
        elements = value["data"]
        return LabelledArray([argument(e["value"]) for e in elements], [e["key"] for e in elements])
    if "process_graph" in value:
        graph = parse(renamed(value["process_graph"]))
        return Callback(graph, Scope(Lookup(), EmptyEnvironment(), {}, "case"))
    return {k: argument(v) for k, v in value.items()}


def renamed(value: Any) -> Any:
    """A process graph in which `from_argument`, the old word, reads `from_parameter`."""
    if isinstance(value, list):
        return [renamed(v) for v in value]
    if isinstance(value, dict):
        return {"from_parameter" if k == "from_argument" else k: renamed(v) for k, v in value.items()}
    return value
