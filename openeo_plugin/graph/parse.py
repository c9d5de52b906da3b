"""JSON -> ProcessGraph. Every fault of form is reported, with the node it stands in; limits are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.process_graph import PLAIN, FromNode, FromParameter, Node, ProcessGraph, references


@dataclass(frozen=True)
class GraphLimits:
    """How large a graph may be: nodes in all, callbacks within callbacks, depth of arrays and objects."""

    nodes: int = 10_000
    callbacks: int = 20
    depth: int = 100


def parse(graph: Any, limits: GraphLimits | None = None) -> ProcessGraph:
    """The graph of a JSON object.

    Raises: OpenEOError, the first fault that `parse_all` finds.
    """
    parsed, faults = parse_all(graph, limits)
    if faults:
        raise faults[0]
    assert parsed is not None
    return parsed


def parse_all(graph: Any, limits: GraphLimits | None = None) -> tuple[ProcessGraph | None, list[OpenEOError]]:
    """The graph of a JSON object and every fault of its form; no graph if it has no form at all."""
    parser = _Parser(limits or GraphLimits())
    parsed = parser.graph(graph, path="", level=0)
    return parsed, parser.faults


class _Parser:
    def __init__(self, limits: GraphLimits) -> None:
        self.limits = limits
        self.faults: list[OpenEOError] = []
        self.count = 0

    def fault(self, reason: str, path: str) -> None:
        self.faults.append(OpenEOError("ProcessGraphInvalid", node=path or None, reason=reason))

    def graph(self, graph: Any, path: str, level: int) -> ProcessGraph | None:
        if not isinstance(graph, dict) or not graph:
            self.fault("a process graph is an object with at least one node.", path)
            return None
        if level > self.limits.callbacks:
            self._too_large(f"callbacks are nested deeper than {self.limits.callbacks} levels.", path)
            return None
        self.count += len(graph)
        if self.count > self.limits.nodes:
            self._too_large(f"it has more than {self.limits.nodes} nodes.", path)
            return None
        nodes = {}
        for key, value in graph.items():
            node = self.node(key, value, f"{path}/{key}" if path else key, level)
            if node is not None:
                nodes[key] = node
        return self._ordered(nodes, graph, path)

    def _too_large(self, reason: str, path: str) -> None:
        self.faults.append(OpenEOError("ProcessGraphComplexity", node=path or None, reason=reason))

    def node(self, key: str, value: Any, path: str, level: int) -> Node | None:
        if not isinstance(value, dict):
            self.fault("a node is an object with `process_id` and `arguments`.", path)
            return None
        process_id = value.get("process_id")
        arguments = value.get("arguments", {})
        arguments = {} if arguments == [] else arguments  # R has one empty list for both
        namespace = value.get("namespace")
        if not isinstance(process_id, str) or not process_id:
            self.fault("the node lacks a `process_id`.", path)
            return None
        if not isinstance(arguments, dict):
            self.fault("`arguments` is not an object.", path)
            return None
        if namespace is not None and not isinstance(namespace, str):
            self.fault("`namespace` is not a string.", path)
            return None
        if not isinstance(value.get("result", False), bool):
            self.fault("`result` is not a boolean.", path)
        parsed = {name: self.argument(argument, path, level, 0) for name, argument in arguments.items()}
        return Node(key, process_id, namespace, parsed, value.get("result") is True)

    def argument(self, value: Any, path: str, level: int, depth: int) -> Any:
        if depth > self.limits.depth:
            self._too_large(f"an argument is nested deeper than {self.limits.depth} levels.", path)
            return None
        if isinstance(value, list):
            return [v if type(v) in PLAIN else self.argument(v, path, level, depth + 1) for v in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, inner),) = value.items()
            if key in ("from_node", "from_parameter"):
                if not isinstance(inner, str):
                    self.fault(f"`{key}` is not a string.", path)
                    return None
                return FromNode(inner) if key == "from_node" else FromParameter(inner)
        if "process_graph" in value:
            return self.graph(value["process_graph"], path, level + 1)
        return {k: self.argument(v, path, level, depth + 1) for k, v in value.items()}

    def _ordered(self, nodes: dict[str, Node], given: dict[str, Any], path: str) -> ProcessGraph | None:
        waits: dict[str, set[str]] = {}
        for key, node in nodes.items():
            wanted = {r.node for r in references(node.arguments) if isinstance(r, FromNode)}
            for missing in sorted(wanted - set(given)):
                self.fault(
                    f"it refers to the node '{missing}', which does not exist.", f"{path}/{key}" if path else key
                )
            waits[key] = wanted & set(nodes)
        order = _topological(waits)
        for key in sorted(set(nodes) - set(order)):
            self.fault("it takes part in a cycle, or depends on one.", f"{path}/{key}" if path else key)
        results = [key for key in nodes if nodes[key].is_result]
        if not results:
            if nodes:
                self.fault("no node is marked with `result: true`.", path)
            return None
        for further in results[1:]:
            reason = f"it is marked with `result: true`, but so is the node '{results[0]}'."
            self.fault(reason, f"{path}/{further}" if path else further)
        return ProcessGraph({key: nodes[key] for key in order}, results[-1])


def _topological(waits: dict[str, set[str]]) -> list[str]:
    """Keys in an order in which each stands behind those it waits for; what is in a cycle is left out."""
    followers: dict[str, list[str]] = {key: [] for key in waits}
    open_count = {key: len(wanted) for key, wanted in waits.items()}
    for key, wanted in waits.items():
        for other in wanted:
            followers[other].append(key)
    order = [key for key, count in open_count.items() if count == 0]
    for key in order:
        for follower in followers[key]:
            open_count[follower] -= 1
            if open_count[follower] == 0:
                order.append(follower)
    return order
