"""How large a graph becomes once the user-defined processes that it calls are put in their places.

Worked out before anything is evaluated, each definition once: 2^30 nodes are counted as fast as thirty.
"""

from __future__ import annotations

from collections.abc import Iterator

from openeo_plugin.errors import OpenEOError
from openeo_plugin.graph.definition import ProcessDefinition, ProcessLookup
from openeo_plugin.graph.parse import GraphLimits, parse
from openeo_plugin.graph.process_graph import Node, ProcessGraph, callbacks

MAX_CALLS_DEEP = 32
"""User-defined processes that call one another, one within the other."""


def check_expansion(graph: ProcessGraph, lookup: ProcessLookup, limits: GraphLimits) -> None:
    """Refuse a graph that is too large, too deep or endless once it is expanded.

    Raises: ProcessGraphComplexity with the node; faults of form in a user-defined process.
    """
    budget = _Budget(lookup, limits)
    count = 0
    for node in _calls(graph):
        try:
            count += 1 + budget.size_of_call(node)
        except OpenEOError as error:
            raise error if error.node else error.at(node.id) from None
        if count > limits.nodes:
            raise _too_large(limits).at(node.id)


class _Budget:
    def __init__(self, lookup: ProcessLookup, limits: GraphLimits) -> None:
        self._lookup = lookup
        self._limits = limits
        self._known: dict[int, int] = {}
        self._definitions: list[ProcessDefinition] = []  # kept, so that an id stays one object's
        self._open: dict[int, str] = {}

    def size_of_call(self, node: Node) -> int:
        """The nodes that the process of a node brings with it; 0 for a predefined one and for one that is unknown."""
        definition = self._lookup.find(node.process_id, node.namespace)
        if definition is None or definition.process_graph is None or definition.function is not None:
            return 0
        key = id(definition)
        if key not in self._known:
            self._definitions.append(definition)
            self._known[key] = self._size(key, definition)
        return self._known[key]

    def _size(self, key: int, definition: ProcessDefinition) -> int:
        if key in self._open:
            names = " -> ".join([*list(self._open.values())[list(self._open).index(key) :], definition.id])
            raise OpenEOError("ProcessGraphComplexity", reason=f"user-defined processes call each other: {names}.")
        if len(self._open) >= MAX_CALLS_DEEP:
            reason = f"user-defined processes call one another more than {MAX_CALLS_DEEP} levels deep."
            raise OpenEOError("ProcessGraphComplexity", reason=reason)
        self._open[key] = definition.id
        try:
            return self._counted(definition)
        finally:
            del self._open[key]

    def _counted(self, definition: ProcessDefinition) -> int:
        count = 0
        for node in _calls(parse(definition.process_graph, self._limits)):
            count += 1 + self.size_of_call(node)
            if count > self._limits.nodes:
                raise _too_large(self._limits)
        return count


def _calls(graph: ProcessGraph) -> Iterator[Node]:
    """Every node, those of callbacks included."""
    for node in graph.nodes.values():
        yield node
        for inner in callbacks(node.arguments):
            yield from _calls(inner)


def _too_large(limits: GraphLimits) -> OpenEOError:
    reason = f"with its user-defined processes it has more than {limits.nodes} nodes."
    return OpenEOError("ProcessGraphComplexity", reason=reason)
