"""Runs: every window once, in bounded memory, until one fails or someone says stop."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import SpatialDimension
from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Block, Pixels
from openeo_plugin.engine.ahead import AheadWork
from openeo_plugin.engine.operator import Canceled, Operator, Request, RunContext
from openeo_plugin.engine.run import Progress, RunOptions, run, window_sizes
from openeo_plugin.engine.window import window_key
from openeo_plugin.errors import OpenEOError

SPATIAL = (SpatialDimension("y", "y"), SpatialDimension("x", "x"))


def grid(rows: int = 40, columns: int = 50) -> Grid:
    return GeoBox((rows, columns), Affine(10, 0, 500_000, 0, -10, 5_000_000), "EPSG:32632")


@dataclass(eq=False)
class Numbered:
    """Pixels that tell where they lie: 1000 times the row plus the column. Remembers its requests."""

    description: CubeDescription
    node: str = "numbers"
    inputs: tuple[Operator, ...] = ()
    asked: list[Window] = field(default_factory=list)
    fails_at: tuple[int, int] | None = None

    def request(self, request: Request) -> tuple[Request | None, ...]:
        return ()

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        window = request.window
        self.asked.append(window)
        if (window.y, window.x) == self.fails_at:
            raise OpenEOError("SourceUnreadable", file="B04.tif", window=str(window), reason="a block is damaged")
        rows, columns = np.arange(window.y, window.y + window.height), np.arange(window.x, window.x + window.width)
        return Block((Pixels((1000 * rows[:, None] + columns).astype("int32")),))


def numbers(place: Grid | None = None, **options: Any) -> Numbered:
    block = options.pop("block", (16, 16))
    band = Band("b", np.dtype("int32"))
    return Numbered(CubeDescription(SPATIAL, place or grid(), (band,), block=block), **options)


@dataclass
class Collected:
    """A sink in memory; -1 where nothing was written yet."""

    place: Grid
    align: tuple[int, int] = (16, 16)
    windows: list[Window] = field(default_factory=list)
    values: Any = None

    def __post_init__(self) -> None:
        self.values = np.full(self.place.shape, -1)

    def write(self, window: Window, block: Block) -> None:
        rows, columns = slice(window.y, window.y + window.height), slice(window.x, window.x + window.width)
        assert (self.values[rows, columns] == -1).all(), "written twice"
        self.values[rows, columns] = block.bands[0].values
        self.windows.append(window)

    @property
    def is_right(self) -> bool:
        rows, columns = np.indices(self.place.shape)
        return bool((self.values == 1000 * rows + columns).all())


def ignore(_: Progress) -> None:
    pass


def test_every_window_is_written_once_and_progress_goes_from_none_to_all() -> None:
    cube, told = numbers(), list[Progress]()
    sink = Collected(cube.description.grid)
    run([(cube, sink)], RunOptions(threads=2), RunContext(), told.append)
    assert sink.is_right
    assert [p.windows_done for p in told] == list(range(13))  # 3 rows and 4 columns of windows
    assert {p.windows_total for p in told} == {12}
    assert (told[0].eta_s, told[0].percent, told[-1].percent) == (None, 0, 100)


def test_windows_start_at_multiples_of_what_the_sink_wants() -> None:
    cube = numbers(block=(10, 10))
    sink = Collected(cube.description.grid, align=(16, 8))
    run([(cube, sink)], RunOptions(), RunContext(), ignore)
    assert sink.is_right
    assert all(w.y % 16 == 0 and w.x % 8 == 0 for w in sink.windows)


def test_results_on_one_grid_share_what_they_have_in_common() -> None:
    cube = numbers()
    sinks = [Collected(cube.description.grid), Collected(cube.description.grid)]
    run([(cube, sink) for sink in sinks], RunOptions(), RunContext(), ignore)
    assert all(sink.is_right for sink in sinks)
    assert len(cube.asked) == 12


def test_results_on_two_grids_are_both_computed() -> None:
    first, second = numbers(grid()), numbers(grid(20, 20))
    sinks = [Collected(first.description.grid), Collected(second.description.grid)]
    told: list[Progress] = []
    run(list(zip((first, second), sinks, strict=True)), RunOptions(), RunContext(), told.append)
    assert all(sink.is_right for sink in sinks)
    assert told[-1].windows_total == 12 + 4


def test_a_window_too_large_to_be_computed_at_once_is_computed_in_parts() -> None:
    cube = numbers()
    sink = Collected(cube.description.grid, align=(64, 64))
    run([(cube, sink)], RunOptions(window_px=(7, 9)), RunContext(), ignore)
    assert sink.is_right
    assert len(sink.windows) == 1
    assert max(w.height for w in cube.asked) == 7


@pytest.mark.parametrize("threads", [1, 2])
def test_a_cancel_takes_effect_within_two_windows(threads: int) -> None:
    cube, context = numbers(grid(400, 400)), RunContext()
    sink = Collected(cube.description.grid)

    def cancel(progress: Progress) -> None:
        if progress.windows_done == 3:
            context.cancel.set()

    with pytest.raises(Canceled):
        run([(cube, sink)], RunOptions(threads), context, cancel)
    # a thread has at most the window that it is at and the one handed out ahead of time
    assert len(cube.asked) <= 3 + threads + 1 + threads


def test_a_window_that_fails_ends_the_run_with_its_node_file_and_place() -> None:
    cube = numbers(grid(400, 400), fails_at=(16, 32))
    sink = Collected(cube.description.grid)
    with pytest.raises(OpenEOError) as failed:
        run([(cube, sink)], RunOptions(threads=1), RunContext(), ignore)
    assert (failed.value.code, failed.value.node) == ("SourceUnreadable", "numbers")
    assert "B04.tif" in failed.value.message
    assert "y=16, x=32" in failed.value.message
    assert len(cube.asked) <= 25 + 3 + 2  # the 28th window fails; few are started before that is noticed


@dataclass
class Keep:
    """Windows of an earlier attempt, in memory."""

    blocks: dict[str, list[Block]] = field(default_factory=dict)

    def has(self, key: str) -> bool:
        return key in self.blocks

    def load(self, key: str) -> list[Block] | None:
        return self.blocks.get(key)

    def store(self, key: str, blocks: list[Block]) -> None:
        self.blocks[key] = blocks


def test_a_run_takes_the_windows_of_an_earlier_attempt() -> None:
    cube, keep = numbers(), Keep()
    run([(cube, Collected(cube.description.grid))], RunOptions(), RunContext(kept=keep), ignore)
    for key in list(keep.blocks)[:5]:
        del keep.blocks[key]
    cube.asked.clear()
    sink = Collected(cube.description.grid)
    run([(cube, sink)], RunOptions(), RunContext(kept=keep), ignore)
    assert sink.is_right
    assert len(cube.asked) == 5


@dataclass
class Elsewhere:
    """Gives windows in the wrong order; of every third one the blocks got lost on the way."""

    own: Numbered
    taken: list[str] = field(default_factory=list)
    closed: bool = False
    _ready: dict[str, list[Block]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def windows(self, work: AheadWork, windows: Iterator[Window], context: RunContext) -> Generator[Window]:
        try:
            for number, window in enumerate(reversed(list(windows))):
                if number % 3:
                    request = Request(window, (0,), ())
                    self._ready[window_key(work.group, window)] = [self.own.compute(request, (), context)]
                yield window
        finally:
            self.closed = True

    def take(self, key: str) -> list[Block] | None:
        with self._lock:
            self.taken.append(key)
            return self._ready.pop(key, None)


def test_windows_computed_elsewhere_are_written_here_and_lost_ones_computed_again() -> None:
    cube = numbers()
    elsewhere = Elsewhere(numbers(cube.description.grid))
    sink = Collected(cube.description.grid)
    run([(cube, sink)], RunOptions(ahead=elsewhere), RunContext(), ignore)
    assert sink.is_right
    assert len(cube.asked) == 4
    assert (len(elsewhere.taken), elsewhere._ready, elsewhere.closed) == (12, {}, True)


def test_work_elsewhere_is_called_off_when_a_window_fails() -> None:
    cube = numbers(grid(400, 400), fails_at=(384, 384))
    elsewhere = Elsewhere(numbers(cube.description.grid))
    with pytest.raises(OpenEOError):
        run([(cube, Collected(cube.description.grid))], RunOptions(ahead=elsewhere), RunContext(), ignore)
    assert elsewhere.closed
    assert len(elsewhere.taken) < 20


def test_windows_shrink_to_the_memory_and_never_below_what_the_file_needs() -> None:
    cube = numbers(grid(4096, 4096), block=(512, 512))
    # a block of 512 x 512 int32 is 1 MiB, and scratch counts once more
    assert window_sizes([cube], (16, 16), 2 << 20) == ((512, 512), (512, 512))
    assert window_sizes([cube], (16, 16), 1 << 20) == ((256, 512), (256, 512))
    assert window_sizes([cube], (512, 512), 1 << 20) == ((512, 512), (256, 512))


def test_a_graph_that_does_not_fit_is_refused_with_its_node_and_what_to_change() -> None:
    with pytest.raises(OpenEOError) as refused:
        window_sizes([numbers()], (16, 16), 1000)
    assert (refused.value.code, refused.value.node) == ("ProcessGraphComplexity", "numbers")
    assert "Load fewer dates or bands" in refused.value.message
