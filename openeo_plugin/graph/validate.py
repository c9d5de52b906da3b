"""Does a graph fit the processes it calls? Every fault is found, none stops the search."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import jsonschema

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


@functools.lru_cache(maxsize=2048)
def _validator(schema: str) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads(schema))


def _checkable(schema: Any) -> Any:
    """The schema without what belongs to openEO (a `parameters` list is no JSON Schema keyword).

    And without `items` that may be anything, for which every element would be looked at.
    """
    if isinstance(schema, list):
        return [_checkable(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    left_out = ("parameters", "returns", "dimensions", "subtype")
    return {k: _checkable(v) for k, v in schema.items() if k not in left_out and (k, v) != ("items", {})}


@functools.lru_cache(maxsize=2048)
def _alternatives(schema: str) -> tuple[str, ...]:
    loaded = json.loads(schema)
    return tuple(json.dumps(_checkable(s)) for s in (loaded if isinstance(loaded, list) else [loaded]))


def is_schema(schema: Any) -> bool:
    """Whether something is a JSON Schema, or a list of them."""
    alternatives = schema if isinstance(schema, list) else [schema]
    try:
        for alternative in alternatives:
            if not isinstance(alternative, dict):
                return False
            jsonschema.Draft7Validator.check_schema(_checkable(alternative))
    except jsonschema.SchemaError:
        return False
    return bool(alternatives)


def mismatch(value: Any, schema: Any) -> str | None:
    """Why a JSON value does not fit a schema (or any of a list of schemas); None if it does."""
    reasons = []
    for alternative in _alternatives(json.dumps(schema, sort_keys=True)):
        error = next(_validator(alternative).iter_errors(value), None)
        if error is None:
            return None
        reasons.append(_sentence(error))
    return " Or: ".join(dict.fromkeys(reasons))


def _sentence(error: Any) -> str:
    where = "".join(f"[{p!r}]" for p in error.absolute_path)
    shown = json.dumps(error.instance, default=str)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    expected = {
        "type": lambda: f"expected {_either(error.validator_value)}, got {shown}.",
        "enum": lambda: _not_listed(shown, error.instance, error.validator_value),
        "required": lambda: f"{error.message}.",
        "minItems": lambda: f"at least {error.validator_value} element(s) are needed, got {len(error.instance)}.",
        "maxItems": lambda: f"at most {error.validator_value} element(s) are allowed, got {len(error.instance)}.",
    }.get(error.validator, lambda: f"{error.message[:200]}.")()
    return f"{where + ': ' if where else ''}{expected}"


def _not_listed(shown: str, value: Any, allowed: list[Any]) -> str:
    near = suggest(value, [word for word in allowed if isinstance(word, str)]) if isinstance(value, str) else ""
    return f"got {shown}; allowed are {', '.join(map(str, allowed))}.{near}"


def _either(types: str | list[str]) -> str:
    return types if isinstance(types, str) else " or ".join(types)
