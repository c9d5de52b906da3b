"""From a process (JSON) to a plan: parse, validate, call every node's process once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from openeo_plugin.driver.expansion import check_expansion
from openeo_plugin.driver.lookup import declared_parameters
from openeo_plugin.egress.client import Egress
from openeo_plugin.egress.documents import Documents
from openeo_plugin.egress.policy import EgressPolicy
from openeo_plugin.engine.exports import EXPORTED, Export
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.engine.plan import Plan, SavedCube, SavedValue, SavedVector
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.registry import format_named, vector_format_named
from openeo_plugin.graph.definition import ProcessLookup
from openeo_plugin.graph.parse import GraphLimits, parse_all
from openeo_plugin.graph.process_graph import ProcessGraph
from openeo_plugin.graph.validate import validate
from openeo_plugin.processes.effort import limited
from openeo_plugin.processes.environment import Postponed, SavedResult
from openeo_plugin.processes.evaluate import evaluate, evaluate_all

Items = Callable[[str, tuple[float, float, float, float] | None, str | None, str | None], list[dict[str, Any]]]


DEFAULT_VECTOR_FORMAT = "GeoJSON"
CHECKED_MAX_S = 30.0
"""Processor time for values while a process is validated, as anybody may ask; what takes longer is not checked."""


@dataclass
class _Found:
    """What the processes of one graph asked for while it was compiled."""

    results: list[SavedResult] = field(default_factory=list)
    collections: dict[str, None] = field(default_factory=dict)
    changes: list[Mapping[str, Any]] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)


@dataclass(frozen=True)
class CompileEnvironment:
    """What the driver lends to processes while a graph is compiled."""

    node: str
    load: Callable[[str], dict[str, Any]]
    search: Items
    found: _Found = field(default_factory=_Found)
    outside: Documents = field(default_factory=lambda: Documents(Egress(EgressPolicy(enabled=False))))
    public_base: str = ""
    only_checking: bool = False

    def at(self, node: str) -> CompileEnvironment:
        """The same for a node."""
        return replace(self, node=node)

    def collection(self, identifier: str) -> dict[str, Any]:
        """The stored collection."""
        document = self.load(identifier)
        self.found.collections[identifier] = None
        return document

    def items(
        self, identifier: str, bbox: tuple[float, float, float, float] | None, start: str | None, end: str | None
    ) -> list[dict[str, Any]]:
        """Items of a collection."""
        return self.search(identifier, bbox, start, end)

    def save(self, result: SavedResult) -> SavedResult:
        """Remember a result; its format and options are checked now."""
        format_ = format_named(result.format)
        if isinstance(result.data, Operator):
            format_.writer(result.data.description, Path(), "check", result.options).abort()
        elif isinstance(result.data, LazyVectorCube):
            vector_format_named(result.format).check_vector(result.data.described, result.options)
        self.found.results.append(result)
        return result

    def modify(self, result: SavedResult, changes: Mapping[str, Any]) -> SavedResult:
        """Remember a change of the results' STAC."""
        self.found.changes.append(changes)
        return result

    def export(
        self, result: SavedResult, kind: Literal["collection", "workspace"], target: str, merge: str | None = None
    ) -> None:
        """Remember a copy; whether the user may make it is checked now."""
        if kind == "collection" and not self._may_add_to(target):
            message = f"There is already a collection '{target}' that you can't add to."
            raise OpenEOError("PermissionsInsufficient", message=message)
        place = [saved.node for saved in self.found.results].index(result.node)
        self.found.exports.append(Export(self.node, place, kind, target, merge, result.changes))

    def _may_add_to(self, identifier: str) -> bool:
        try:
            return bool(self.load(identifier).get(EXPORTED))
        except OpenEOError:
            return True


@dataclass(frozen=True)
class Compiler:
    """Compiles the processes of one user."""

    lookup: ProcessLookup
    environment: CompileEnvironment
    limits: GraphLimits
    limit_s: float = 300

    def faults(self, process: Mapping[str, Any]) -> list[OpenEOError]:
        """Every fault: of form, of arguments, and of what the nodes that have none of these describe."""
        try:
            graph, scope, required = self._opened(process, {})
        except OpenEOError as error:
            return [error]
        parsed, found = parse_all(graph, self.limits)
        if parsed is None:
            return found
        found += validate(parsed, self.lookup, frozenset(scope) | required)
        if required or any(fault.code == "ProcessGraphComplexity" for fault in found):
            return found
        try:
            check_expansion(parsed, self.lookup, self.limits)
        except OpenEOError as error:
            return found if any(fault.node == error.node for fault in found) else [*found, error]
        with limited(min(self.limit_s, CHECKED_MAX_S), Postponed):
            evaluate_all(parsed, self.lookup, replace(self.environment, only_checking=True), scope, found)
        return found

    def plan(self, process: Mapping[str, Any], parameters: Mapping[str, Any]) -> Plan:
        """The plan of a process.

        Raises: OpenEOError, the first fault.
        """
        graph, scope, required = self._opened(process, parameters)
        if required:
            name = process.get("id") or "process"
            raise OpenEOError("ProcessParameterRequired", process=name, parameter=min(required))
        parsed, found = parse_all(graph, self.limits)
        if parsed is not None and not found:
            found = validate(parsed, self.lookup, frozenset(scope))
        if found:
            raise found[0]
        assert parsed is not None
        check_expansion(parsed, self.lookup, self.limits)
        plan, asked = self._compiled(parsed, scope), self.environment.found
        return replace(plan, changes=tuple(asked.changes), exports=tuple(asked.exports))

    def _opened(
        self, process: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> tuple[Any, dict[str, Any], frozenset[str]]:
        """(graph, values of parameters, names of those that have no value)."""
        if not isinstance(process, Mapping):
            raise OpenEOError("ProcessInvalid", reason="a process is an object with a `process_graph`.")
        if process.get("process_graph") is None:
            raise OpenEOError("ProcessGraphMissing")
        scope, required = {}, set()
        for parameter in declared_parameters(dict(process)):
            if parameter.name in parameters:
                scope[parameter.name] = parameters[parameter.name]
            elif parameter.optional:
                scope[parameter.name] = parameter.default
            else:
                required.add(parameter.name)
        return process["process_graph"], {**parameters, **scope}, frozenset(required)

    def _compiled(self, graph: ProcessGraph, scope: Mapping[str, Any]) -> Plan:
        with limited(self.limit_s):
            value = evaluate(graph, self.lookup, self.environment, scope)
        found = self.environment.found
        results = tuple(_saved(result) for result in found.results)
        if isinstance(value, SavedResult):
            value = value.data
        collections = tuple(found.collections)
        if isinstance(value, Operator):
            return Plan(value, None, results, collections)
        if isinstance(value, LazyVectorCube):
            saved = results or (SavedVector(value.node, DEFAULT_VECTOR_FORMAT, {}, value),)
            return Plan(None, None, saved, collections)
        return Plan(None, value, results, collections)


def _saved(result: SavedResult) -> SavedCube | SavedValue | SavedVector:
    if isinstance(result.data, LazyVectorCube):
        return SavedVector(result.node, result.format, result.options, result.data)
    if isinstance(result.data, Operator):
        return SavedCube(result.node, result.format, result.options, result.data)
    return SavedValue(result.node, result.format, result.options, result.data)
