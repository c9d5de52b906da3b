"""The task graph of one window: equal requests are computed once, values are freed at their last use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openeo_plugin.cube.pixels import Block
from openeo_plugin.engine.operator import Operator, Request, RunContext
from openeo_plugin.errors import OpenEOError


@dataclass(slots=True)
class Task:
    """One operator asked for one request."""

    operator: Operator
    request: Request
    inputs: tuple[int | None, ...]
    uses: int = 0


def schedule(roots: Sequence[tuple[Operator, Request]]) -> tuple[list[Task], list[int]]:
    """Tasks in an order in which each stands behind its inputs, and the places of the roots."""
    tasks: list[Task] = []
    places: dict[tuple[int, Request], int] = {}
    for root in roots:
        _visit(root, tasks, places)
    found = [places[id(operator), request] for operator, request in roots]
    for place in found:
        tasks[place].uses += 1
    return tasks, found


def _visit(root: tuple[Operator, Request], tasks: list[Task], places: dict[tuple[int, Request], int]) -> None:
    """Add the tasks of a root, inputs first. A stack of its own, since graphs may be deeper than Python's."""
    stack: list[tuple[Operator, Request, list[tuple[Operator, Request] | None] | None]] = [(*root, None)]
    while stack:
        operator, request, parts = stack.pop()
        if (id(operator), request) in places:
            continue
        if parts is None:
            wanted = operator.request(request) if operator.inputs else ()
            parts = [None if w is None else (i, w) for i, w in zip(operator.inputs, wanted, strict=True)]
            stack.append((operator, request, parts))
            stack.extend((*part, None) for part in reversed(parts) if part is not None)
            continue
        inputs = tuple(None if part is None else places[id(part[0]), part[1]] for part in parts)
        for i in inputs:
            if i is not None:
                tasks[i].uses += 1
        places[id(operator), request] = len(tasks)
        tasks.append(Task(operator, request, inputs))


def compute_all(roots: Sequence[tuple[Operator, Request]], context: RunContext) -> list[Block]:
    """The blocks of the roots.

    Raises: OpenEOError with the node at fault; Canceled between two tasks.
    """
    tasks, places = schedule(roots)
    values: list[Block | None] = [None] * len(tasks)
    left = [task.uses for task in tasks]
    for place, task in enumerate(tasks):
        context.check()
        given = tuple(None if i is None else values[i] for i in task.inputs)
        if context.entering is not None:
            context.entering(task.operator.node)
        try:
            values[place] = task.operator.compute(task.request, given, context)
        except OpenEOError as error:
            raise error if error.node else error.at(task.operator.node) from None
        del given
        for i in task.inputs:
            if i is not None:
                left[i] -= 1
                if left[i] == 0:
                    values[i] = None
    blocks = [values[place] for place in places]
    assert all(block is not None for block in blocks)
    return [block for block in blocks if block is not None]
