"""Does a graph fit the processes it calls? Every fault is found, none stops the search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openeo_plugin.errors import OpenEOError, suggest
from openeo_plugin.graph.definition import Parameter, ProcessDefinition, ProcessLookup
from openeo_plugin.graph.process_graph import (
    FromParameter,
    Node,
    ProcessGraph,
    callbacks,
    is_literal,
    references,
)
from openeo_plugin.graph.schema import mismatch


def validate(graph: ProcessGraph, lookup: ProcessLookup, parameters: frozenset[str] = frozenset()) -> list[OpenEOError]:
    """Every fault of a parsed graph.

    Args:
        graph: to be checked, callbacks included.
        lookup: the processes that may be called.
        parameters: names that `from_parameter` may use in the graph.
    """
    return list(_faults(graph, lookup, parameters, path=""))


def _faults(graph: ProcessGraph, lookup: ProcessLookup, parameters: frozenset[str], path: str) -> Iterator[OpenEOError]:
    for node in graph.nodes.values():
        here = f"{path}/{node.id}" if path else node.id
        yield from _undeclared(node, parameters, here)
        try:
            definition = lookup.find(node.process_id, node.namespace)
        except OpenEOError as error:
            yield error.at(here)
            continue
        if definition is None:
            yield OpenEOError(
                "ProcessUnsupported",
                node=here,
                process=node.process_id,
                namespace=node.namespace or "backend",
                suggestion=suggest(node.process_id, lookup.known()),
            )
            for inner in callbacks(node.arguments):
                yield from _faults(inner, lookup, parameters | _names_used(inner), here)
            continue
        yield from _argument_faults(node, definition, lookup, parameters, here)


def _names_used(graph: ProcessGraph) -> frozenset[str]:
    return frozenset(
        r.name for n in graph.nodes.values() for r in references(n.arguments) if isinstance(r, FromParameter)
    )


def _undeclared(node: Node, parameters: frozenset[str], here: str) -> Iterator[OpenEOError]:
    for reference in references(node.arguments):
        if isinstance(reference, FromParameter) and reference.name not in parameters:
            known = ", ".join(sorted(parameters)) or "none"
            yield OpenEOError(
                "ProcessGraphInvalid",
                node=here,
                reason=f"it refers to the parameter '{reference.name}', which is not defined here. Defined: {known}",
            )


def _argument_faults(
    node: Node, definition: ProcessDefinition, lookup: ProcessLookup, parameters: frozenset[str], here: str
) -> Iterator[OpenEOError]:
    names = [p.name for p in definition.parameters]
    for name in node.arguments:
        if name not in names:
            yield OpenEOError(
                "ProcessParameterUnsupported",
                node=here,
                process=node.process_id,
                parameter=name,
                suggestion=suggest(name, names) or f" It has: {', '.join(names) or 'none'}",
            )
    for parameter in definition.parameters:
        if parameter.name not in node.arguments:
            if not parameter.optional:
                yield OpenEOError(
                    "ProcessParameterRequired", node=here, process=node.process_id, parameter=parameter.name
                )
            continue
        value = node.arguments[parameter.name]
        yield from _value_faults(node, parameter, value, here)
        for inner in callbacks(value):
            yield from _faults(inner, lookup, parameters | callback_parameters(parameter), here)


def callback_parameters(parameter: Parameter) -> frozenset[str]:
    """Names of what a process gives to its callback; also of callbacks inside an object (metadata filters)."""
    found: set[str] = set()

    def search(schema: Any) -> None:
        if isinstance(schema, list):
            for s in schema:
                search(s)
        elif isinstance(schema, dict):
            if schema.get("subtype") == "process-graph":
                found.update(p["name"] for p in schema.get("parameters", []))
            search(schema.get("additionalProperties"))
            search(schema.get("items"))

    search(parameter.schema)
    search(parameter.accepts)
    return frozenset(found)


def _value_faults(node: Node, parameter: Parameter, value: Any, here: str) -> Iterator[OpenEOError]:
    reason: str | None = None
    if isinstance(value, ProcessGraph):
        if not callback_parameters(parameter) and not any(s in ({}, True) for s in parameter.schemas()):
            reason = "a process graph was given, but none is expected."
    elif is_literal(value) and not (value is None and parameter.optional):
        reason = mismatch(value, parameter.accepted)
    if reason:
        yield OpenEOError(
            "ProcessParameterInvalid", node=here, process=node.process_id, parameter=parameter.name, reason=reason
        )
