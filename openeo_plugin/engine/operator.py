"""The seam of the engine: an operator answers three questions, in three passes.

describe  sources -> result   what cube comes out: `Operator.description`, set when the operator is built
request   result -> sources   to give this window, what is needed of each input
compute   sources -> result   here are the inputs in memory: the output for this window

A result never depends on how the extent was cut into windows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.grid import Window
from openeo_plugin.cube.pixels import Block
from openeo_plugin.errors import OpenEOError


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of an operator.

    Args:
        window: the pixels.
        bands: indices into the bands of the operator's description; never empty.
        labels: per labelled dimension (bands left out) the indices wanted; never empty.
        exact: whether null and NaN must be told apart. If not, a real-valued result may hold NaN for both.
    """

    window: Window
    bands: tuple[int, ...]
    labels: tuple[tuple[int, ...], ...]
    exact: bool = False


class Canceled(Exception):  # noqa: N818 - the word of the standard
    """The run was asked to stop."""


class WindowKeep(Protocol):
    """Keeps the blocks of windows from one attempt of a run to the next. Safe to use from many threads.

    reused: how many windows of an earlier attempt were of use.
    """

    reused: int

    def has(self, key: str) -> bool:
        """Whether blocks were kept."""
        ...

    def load(self, key: str) -> list[Block] | None:
        """The blocks that were kept; None if there are none."""
        ...

    def store(self, key: str, blocks: list[Block]) -> None:
        """Keep blocks, or don't bother."""
        ...

    def put_aside(self, name: str, data: bytes) -> None:
        """Keep bytes of another kind, or don't bother."""
        ...

    def set_aside(self, prefix: str) -> Iterator[bytes]:
        """The bytes whose names begin so, in the order of their names."""
        ...

    def keep_from_now_on(self) -> None:
        """Don't ask whether it is worth it."""
        ...

    @property
    def is_worth_it(self) -> bool:
        """Whether blocks are kept by now."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether no more blocks are kept."""
        ...


@dataclass
class RunContext:
    """What a run shares with its operators: the wish to stop, and counters.

    Safe to use from many threads. `entering` is told the node that is about to be computed, `kept` holds windows of
    an earlier attempt; with it, a source that can't be read does not stop the rest, and `on_unreadable` is told each
    fault. `cpu_elsewhere_s` is processor time of other machines, `tell` takes what the owner of the run should know, as
    level and message.
    """

    cancel: threading.Event = field(default_factory=threading.Event)
    bytes_read: int = 0
    cpu_elsewhere_s: float = 0.0
    entering: Callable[[str], None] | None = None
    kept: WindowKeep | None = None
    on_unreadable: Callable[[OpenEOError], None] | None = None
    tell: Callable[[str, str], None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        """Raises: Canceled, if the run was asked to stop."""
        if self.cancel.is_set():
            raise Canceled

    def count_read(self, size_bytes: int) -> None:
        """Add to the bytes decoded from sources."""
        with self._lock:
            self.bytes_read += size_bytes

    def count_cpu(self, seconds: float) -> None:
        """Add to the processor time spent on other machines."""
        with self._lock:
            self.cpu_elsewhere_s += seconds


@runtime_checkable
class Operator(Protocol):
    """One step of a plan. Stateless but for caches; used from many threads."""

    @property
    def node(self) -> str:
        """Id of the process-graph node that it stands for."""
        ...

    @property
    def inputs(self) -> tuple[Operator, ...]:
        """The operators whose pixels it needs; empty for a source."""
        ...

    @property
    def description(self) -> CubeDescription:
        """The cube that comes out."""
        ...

    def request(self, request: Request) -> tuple[Request | None, ...]:
        """For each input what is needed of it; None if nothing is."""
        ...

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        """The block asked for. Inputs must not be written to.

        Bands come in the order of `request.bands`, leading axes in the order of `request.labels`.
        """
        ...


def everything(description: CubeDescription, window: Window, *, exact: bool = False) -> Request:
    """Ask for all bands and labels of a window."""
    return Request(
        window,
        tuple(range(len(description.bands))),
        tuple(tuple(range(len(d.labels))) for d in description.labelled),
        exact,
    )
