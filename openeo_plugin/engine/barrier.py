"""Barriers: operators that must have seen their whole input before they can answer for any window.

A run works them off first, stage by stage, window by window like everything else; a tile request computes them at its
first need. What remains of the input is small (a fold), or it is kept in a file that the system pages in and out.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from openeo_plugin.cube.grid import tiled
from openeo_plugin.cube.pixels import Block
from openeo_plugin.engine.operator import Operator, Request, RunContext, everything
from openeo_plugin.engine.schedule import compute_all


@runtime_checkable
class Barrier(Protocol):
    """An operator with a fold over the windows of an input.

    `fold_input` is the operator whose windows are folded (it need not be among `inputs`); `fold_windows` tells which;
    `partial` makes something small of one window; `finish` puts the partials together, in the order of the windows.
    """

    @property
    def node(self) -> str:
        """Id of the node."""
        ...

    @property
    def fold_input(self) -> Operator:
        """What is folded."""
        ...

    @property
    def state(self) -> Once:
        """Where the finished fold is kept."""
        ...

    def fold_requests(self) -> Sequence[Request]:
        """The windows, in the order in which their partials are combined."""
        ...

    def partial(self, request: Request, block: Block) -> Any:
        """What is kept of one window."""
        ...

    def finish(self, partials: Sequence[Any]) -> Any:
        """The whole fold."""
        ...


class Once:
    """A value that is computed once, by whichever thread needs it first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: Any = None
        self._done = False

    @property
    def done(self) -> bool:
        """Whether the value is there."""
        return self._done

    def put(self, value: Any) -> None:
        """Set the value."""
        self._value, self._done = value, True

    def get(self, compute: Any) -> Any:
        """The value, computed now if nobody has yet."""
        if not self._done:
            with self._lock:
                if not self._done:
                    self.put(compute())
        return self._value


def folded(barrier: Barrier, context: RunContext) -> Any:
    """The finished fold; computed in this thread if no stage of a run has done it before."""

    def compute() -> Any:
        return barrier.finish([partial_of(barrier, request, context) for request in barrier.fold_requests()])

    return barrier.state.get(compute)


def partial_of(barrier: Barrier, request: Request, context: RunContext) -> Any:
    """What a barrier keeps of one of its windows.

    Raises: OpenEOError with the node at fault; Canceled.
    """
    return barrier.partial(request, compute_all([(barrier.fold_input, request)], context)[0])


def barriers_below(operators: Sequence[Operator]) -> list[Barrier]:
    """Every barrier that the operators depend on, those first that others need."""
    found: list[Barrier] = []
    seen: set[int] = set()
    stack: list[tuple[Any, bool]] = [(o, False) for o in reversed(operators)]
    while stack:
        operator, expanded = stack.pop()
        if expanded:
            if isinstance(operator, Barrier):
                found.append(operator)
            continue
        if id(operator) in seen:
            continue
        seen.add(id(operator))
        stack.append((operator, True))
        below = list(operator.inputs)
        if isinstance(operator, Barrier):
            below.append(operator.fold_input)
        stack.extend((o, False) for o in reversed(below))
    return found


def window_requests(operator: Operator, shape: tuple[int, int], *, exact: bool = True) -> list[Request]:
    """All bands and labels of an operator's grid, cut into windows of at most `shape`, row by row."""
    return [everything(operator.description, w, exact=exact) for w in tiled(operator.description.grid, *shape)]
