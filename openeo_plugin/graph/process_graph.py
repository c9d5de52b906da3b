"""A process graph after parsing: nodes in an order in which they can be evaluated, references made explicit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True)
class FromNode:
    """The result of another node of the same graph."""

    node: str


@dataclass(frozen=True, slots=True)
class FromParameter:
    """The value of a parameter of this graph or of one around it."""

    name: str


@dataclass(frozen=True, slots=True)
class Node:
    """One call of a process. Arguments hold `FromNode`, `FromParameter` and `ProcessGraph` at any depth."""

    id: str
    process_id: str
    namespace: str | None
    arguments: dict[str, Any]
    is_result: bool = False


@dataclass(frozen=True)
class ProcessGraph:
    """Nodes by id.

    Args:
        nodes: every node stands behind those that it refers to.
        result: id of the node whose result is the graph's.
    """

    nodes: dict[str, Node]
    result: str

    @cached_property
    def last_uses(self) -> dict[str, tuple[str, ...]]:
        """For every node the nodes that nobody refers to after it."""
        last: dict[str, str] = {}
        for node in self.nodes.values():
            for reference in references(node.arguments):
                if isinstance(reference, FromNode):
                    last[reference.node] = node.id
        found: dict[str, list[str]] = {}
        for name, user in last.items():
            if name != self.result:
                found.setdefault(user, []).append(name)
        return {user: tuple(names) for user, names in found.items()}


PLAIN = frozenset((bool, int, float, str, type(None)))
"""Types that hold nothing: a GeoJSON argument is mostly numbers, and they are passed over quickly."""


def references(value: Any) -> Iterator[FromNode | FromParameter]:
    """The references in an argument, callbacks left out."""
    if isinstance(value, FromNode | FromParameter):
        yield value
    elif isinstance(value, list):
        for element in value:
            if type(element) not in PLAIN:
                yield from references(element)
    elif isinstance(value, dict):
        for element in value.values():
            if type(element) not in PLAIN:
                yield from references(element)


def callbacks(value: Any) -> Iterator[ProcessGraph]:
    """The process graphs in an argument, not those inside them."""
    if isinstance(value, ProcessGraph):
        yield value
    elif isinstance(value, list):
        for element in value:
            if type(element) not in PLAIN:
                yield from callbacks(element)
    elif isinstance(value, dict):
        for element in value.values():
            if type(element) not in PLAIN:
                yield from callbacks(element)


def is_literal(value: Any) -> bool:
    """Whether an argument is plain JSON, without any reference or callback."""
    return next(references(value), None) is None and next(callbacks(value), None) is None
