"""What becomes of a run that comes upon a source it can't read: the windows that can be computed are computed and kept.

The run fails all the same, with its first error. But what took hours need not be lost for one damaged block: the kept
windows are what partial results are made of. Windows that were written before are computed once more, unless they were
kept; windows that hold the damaged block are cut up, so that no more is missing than need be.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from openeo_plugin.cube.grid import Window
from openeo_plugin.engine.barrier import barriers_below
from openeo_plugin.engine.operator import Operator, RunContext, WindowKeep
from openeo_plugin.engine.window import compute_window, cut, window_key
from openeo_plugin.errors import OpenEOError

UNREADABLE = "SourceUnreadable"

MOST_UNREADABLE = 20
"""After so many windows that can't be read the rest is given up: the file is missing, or the disk is broken."""

_PART_PX = 256


class SharedWindows(Protocol):
    """Cubes on one grid, and the windows in which they are computed."""

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The cubes."""
        ...

    @property
    def number(self) -> int:
        """Among the grids of the run."""
        ...

    @property
    def compute_px(self) -> tuple[int, int]:
        """At most so many rows and columns are computed at once."""
        ...

    @property
    def align(self) -> tuple[int, int]:
        """Windows begin at multiples of this."""
        ...

    def windows(self) -> Iterator[Window]:
        """All of them."""
        ...


@dataclass
class Salvage:
    """Computes and keeps what can be read.

    Args:
        context: is told of each place that can't be read.
    """

    context: RunContext
    kept: WindowKeep
    unreadable: int = 0
    _told: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def jobs(self, groups: Sequence[SharedWindows]) -> list[Callable[[], None]]:
        """What is to be done, a job for each window that is not kept. They raise nothing but Canceled."""
        self.kept.keep_from_now_on()
        return [
            functools.partial(self._window, group, window)
            for group in groups
            if all(barrier.state.done for barrier in barriers_below(group.operators))
            for window in group.windows()
            if not self.kept.has(window_key(group.number, window))
        ]

    def _window(self, group: SharedWindows, window: Window) -> None:
        if self.unreadable >= MOST_UNREADABLE or self.kept.is_full:
            return
        fault = self._fault(group, window)
        if fault is None:
            return
        with self._lock:
            self.unreadable += 1
        parts = list(cut(window, (_at_least(group.align[0]), _at_least(group.align[1]))))
        faults = [fault] if len(parts) == 1 else [self._fault(group, part) for part in parts]
        for fault in faults:
            if fault is not None:
                self._tell(fault)

    def _fault(self, group: SharedWindows, window: Window) -> OpenEOError | None:
        """Compute and keep a window; what was wrong, if that is not possible."""
        self.context.check()
        try:
            blocks = compute_window(group.operators, window, group.compute_px, self.context)
        except OpenEOError as error:
            return error
        self.kept.store(window_key(group.number, window), blocks)
        return None

    def _tell(self, fault: OpenEOError) -> None:
        with self._lock:
            is_new = fault.message not in self._told and len(self._told) < MOST_UNREADABLE
            self._told.add(fault.message)
        if is_new and self.context.on_unreadable is not None:
            self.context.on_unreadable(fault)


def _at_least(align: int) -> int:
    """The smallest multiple that makes parts worth their while."""
    return -(-_PART_PX // align) * align
