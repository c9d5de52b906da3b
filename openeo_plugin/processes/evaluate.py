"""Evaluate a process graph: every node calls the function of its process.

The same evaluation serves the whole graph (cubes are operators, so calling a process builds the plan) and callbacks
(parameters are pixels, so calling a process computes).
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shapely.errors import ShapelyError

from openeo_plugin.cube.labelled_array import LabelledArray
from openeo_plugin.cube.pixels import Lanes, Pixels
from openeo_plugin.engine.operator import Operator
from openeo_plugin.engine.operators.vector import LazyVectorCube
from openeo_plugin.errors import OpenEOError, suggest
from openeo_plugin.graph.definition import Parameter, ProcessDefinition, ProcessLookup
from openeo_plugin.graph.process_graph import PLAIN, FromNode, FromParameter, Node, ProcessGraph, callbacks, references
from openeo_plugin.graph.schema import mismatch
from openeo_plugin.processes.effort import look
from openeo_plugin.processes.environment import Environment, Postponed
from openeo_plugin.processes.lanes import refuse_large
from openeo_plugin.processes.vector_lift import call_with_vectors, vector_fault

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a graph is evaluated: what it may call, and the values of parameters, nearest first.

    trusted: the graph was evaluated before with values of the same kinds, so arguments need not be checked again.
    """

    lookup: ProcessLookup
    environment: Environment
    parameters: Mapping[str, Any]
    path: str = ""
    trusted: bool = False

    def inside(self, node: str) -> str:
        """The path of a node."""
        return f"{self.path}/{node}" if self.path else node


class Callback:
    """A process graph given as an argument: call it with the parameters that the process promises.

    Parameters of the graphs around it are seen as well, nearest first. Its first call, with pixels of no extent, checks
    every argument; later calls, window by window, trust it.
    """

    def __init__(self, graph: ProcessGraph, scope: Scope) -> None:
        self.graph = graph
        self._scope = scope
        self._kinds: dict[str, type] | None = None

    @property
    def tells_null(self) -> bool:
        """Whether some process in the graph may treat null and NaN differently."""
        return not _calls(self.graph) <= KEEP_NAN

    def __call__(self, **parameters: Any) -> Any:
        """The value of the result node."""
        kinds = {name: type(value) for name, value in parameters.items()}
        scope = replace(self._scope, parameters={**self._scope.parameters, **parameters}, trusted=kinds == self._kinds)
        value = _evaluated(self.graph, scope)
        self._kinds = kinds
        return value


KEEP_NAN = frozenset(
    "add subtract multiply divide absolute sgn sqrt exp ln log sin cos tan arcsin arccos arctan sinh cosh tanh arsinh "
    "arcosh artanh arctan2 ceil floor int round array_element normalized_difference linear_scale_range clip".split()
)
"""Processes that give NaN for NaN and null for null, so that the two need not be told apart before them."""


def _calls(graph: ProcessGraph) -> set[str]:
    found = set()
    for node in graph.nodes.values():
        found.add(node.process_id)
        for inner in callbacks(node.arguments):
            found |= _calls(inner)
    return found


def evaluate(
    graph: ProcessGraph,
    lookup: ProcessLookup,
    environment: Environment,
    parameters: Mapping[str, Any],
    path: str = "",
) -> Any:
    """The value of the graph's result node; every node is evaluated once.

    Raises: OpenEOError with the id of the node at fault.
    """
    return _evaluated(graph, Scope(lookup, environment, parameters, path))


def _evaluated(graph: ProcessGraph, scope: Scope) -> Any:
    values: dict[str, Any] = {}
    for node in graph.nodes.values():
        values[node.id] = call(node, values, scope)
        for unused in graph.last_uses.get(node.id, ()):
            del values[unused]
    return values[graph.result]


def evaluate_all(
    graph: ProcessGraph,
    lookup: ProcessLookup,
    environment: Environment,
    parameters: Mapping[str, Any],
    faults: list[OpenEOError],
) -> None:
    """Evaluate every node that can be; add the fault of every node that can't.

    Nodes that `faults` names already, and those behind a node at fault, are left out.
    """
    scope = Scope(lookup, environment, parameters)
    values: dict[str, Any] = {}
    known = {fault.node.split("/")[0] for fault in faults if fault.node}
    for node in graph.nodes.values():
        if node.id in known or any(
            isinstance(r, FromNode) and r.node not in values for r in references(node.arguments)
        ):
            continue
        try:
            values[node.id] = call(node, values, scope)
        except Postponed:
            continue
        except OpenEOError as error:
            faults.append(error)


def call(node: Node, values: Mapping[str, Any], scope: Scope) -> Any:
    """The value of one node, given the values of those before it."""
    definition = scope.lookup.find(node.process_id, node.namespace)
    path = scope.inside(node.id)
    if definition is None:
        raise OpenEOError(
            "ProcessUnsupported",
            node=path,
            process=node.process_id,
            namespace=node.namespace or "backend",
            suggestion=suggest(node.process_id, scope.lookup.known()),
        )
    try:
        look()
        inner = replace(scope, path=path)
        arguments = {name: _resolved(value, values, inner) for name, value in node.arguments.items()}
        return invoke(definition, arguments, inner)
    except OpenEOError as error:
        if error.node is None:
            raise error.at(path) from None
        raise
    except OverflowError as error:
        reason = f"a number is larger than the process '{node.process_id}' can work with."
        raise OpenEOError("ProcessGraphInvalid", node=path, reason=reason) from error
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, ShapelyError) as error:
        log.warning("process %s failed at node %s", node.process_id, path, exc_info=error)
        reason = f"the process '{node.process_id}' can't work with these values."
        raise OpenEOError("ProcessGraphInvalid", node=path, reason=reason) from error


def _resolved(value: Any, values: Mapping[str, Any], scope: Scope) -> Any:
    """An argument with its references replaced. No closure: a cycle would keep windows of pixels alive."""
    if isinstance(value, FromNode):
        return values[value.node]
    if isinstance(value, FromParameter):
        return _parameter(scope.parameters, value.name)
    if isinstance(value, ProcessGraph):
        return Callback(value, scope)
    if isinstance(value, list):
        return [v if type(v) in PLAIN else _resolved(v, values, scope) for v in value]
    if isinstance(value, dict):
        return {k: _resolved(v, values, scope) for k, v in value.items()}
    return value


def _parameter(parameters: Mapping[str, Any], name: str) -> Any:
    if name not in parameters:
        known = ", ".join(sorted(parameters)) or "none"
        raise OpenEOError("ProcessGraphInvalid", reason=f"the parameter '{name}' is not defined. Defined: {known}")
    return parameters[name]


def invoke(definition: ProcessDefinition, arguments: dict[str, Any], scope: Scope) -> Any:
    """Call a process with resolved arguments; `scope.path` is that of the node.

    Raises: ProcessParameterUnsupported, ProcessParameterRequired, ProcessParameterInvalid, and what the process raises.
    """
    names = [p.name for p in definition.parameters]
    for name in arguments:
        if name not in names:
            raise OpenEOError(
                "ProcessParameterUnsupported", process=definition.id, parameter=name, suggestion=suggest(name, names)
            )
    given: dict[str, Any] = {}
    for parameter in definition.parameters:
        value = arguments.get(parameter.name, _MISSING)
        if value is _MISSING or (value is None and parameter.optional and _null_is_default(parameter)):
            if not parameter.optional:
                raise OpenEOError("ProcessParameterRequired", process=definition.id, parameter=parameter.name)
            given[parameter.name] = copy.copy(parameter.default)
            continue
        if not scope.trusted:
            check(definition, parameter, value)
        given[parameter.name] = _whole(parameter, value)
    if definition.function is None:
        return _user_defined(definition, given, scope)
    keywords = {_python_name(definition, name): value for name, value in given.items()}
    if definition.needs_environment:
        keywords["environment"] = scope.environment.at(scope.path)
    result = call_with_vectors(definition, keywords)
    if isinstance(result, list) and not scope.trusted:
        _plain_json(result)
    return result


_MISSING = object()


def _null_is_default(parameter: Parameter) -> bool:
    """Whether null stands for the default; not so where null has a meaning of its own."""
    return parameter.default is None or mismatch(None, parameter.accepted) is not None


def _python_name(definition: ProcessDefinition, name: str) -> str:
    reserved = {"from": "from_", "in": "in_", "is": "is_", "lambda": "lambda_", "return": "return_", "if": "if_"}
    return reserved.get(name, name)


def _user_defined(definition: ProcessDefinition, given: dict[str, Any], scope: Scope) -> Any:
    from openeo_plugin.graph.parse import parse

    return evaluate(parse(definition.process_graph), scope.lookup, scope.environment, given, scope.path)


_COMPUTED = (Pixels, Lanes, Callback)


def _whole(parameter: Parameter, value: Any) -> Any:
    """A value as the function takes it: to JSON, 1.0 is an integer like 1."""
    if type(value) is not float or not value.is_integer():
        return value
    kinds = [s.get("type") for s in parameter.accepted_schemas()]
    names = {name for kind in kinds for name in ([kind] if isinstance(kind, str) else kind or ["number"])}
    return int(value) if "integer" in names and "number" not in names else value


def _plain_json(value: Any) -> bool:
    """Whether a value is JSON and nothing else; parts that stand in it several times count as often.

    Raises: ProcessGraphComplexity.
    """
    waiting, count, plain = [value], 0, True
    while waiting:
        part = waiting.pop()
        if isinstance(part, list | dict):
            plain = plain and (type(part) is list or isinstance(part, dict))
            count += len(part)
            refuse_large(count)
            waiting += [v for v in (part.values() if isinstance(part, dict) else part) if type(v) not in PLAIN]
        elif part is not None and not isinstance(part, bool | int | float | str):
            plain = False
    return plain


def check(definition: ProcessDefinition, parameter: Parameter, value: Any) -> None:
    """Refuse a value that the parameter does not take.

    Raises: ProcessParameterInvalid.
    """
    reason: str | None = None
    schemas = parameter.schemas()
    if isinstance(value, LabelledArray):  # JSON Schema knows no labels, and null is no data in arrays of every type
        value = [cell for cell in value if cell is not None]
    if isinstance(value, LazyVectorCube):
        reason = vector_fault(schemas)
    elif isinstance(value, Operator):
        if not any(not s or s.get("subtype") in ("datacube", "raster-cube") for s in schemas):
            reason = f"expected {_kinds(schemas)}, got a data cube."
    elif isinstance(value, Callback):
        if not any(not s or s.get("subtype") == "process-graph" for s in schemas):
            reason = f"expected {_kinds(schemas)}, got a process graph."
    elif _plain_json(value):
        if all(s.get("subtype") in ("datacube", "process-graph") for s in parameter.accepted_schemas()):
            reason = f"expected {_kinds(schemas)}, got {json.dumps(value)[:80]}."
        else:
            reason = mismatch(value, parameter.accepted)
    if reason:
        raise OpenEOError("ProcessParameterInvalid", process=definition.id, parameter=parameter.name, reason=reason)


def _kinds(schemas: list[dict[str, Any]]) -> str:
    kinds = []
    for schema in schemas:
        kind = schema.get("subtype") or schema.get("type") or "any value"
        kinds.append(kind if isinstance(kind, str) else " or ".join(kind))
    return " or ".join(kinds)
