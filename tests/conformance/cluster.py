"""Cubes of the official cases and of the project's own, computed by the workers of a Dask cluster, window by window.

Operators can't be sent to a worker, which so builds them once more: from a recipe, a function of this module's
`RECIPES` and its arguments.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import shutil
import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.cubes import BlockOf
from conformance.runner import Case, called, cases

from openeo_plugin.cube.grid import Window, whole
from openeo_plugin.cube.pixels import Block
from openeo_plugin.engine import strips
from openeo_plugin.engine.ahead import AheadWork, FoldWork
from openeo_plugin.engine.cluster import LOCAL, Cluster
from openeo_plugin.engine.cluster_windows import ClusterWindows
from openeo_plugin.engine.operator import Operator, RunContext
from openeo_plugin.engine.run import RunOptions, run
from openeo_plugin.engine.strips import Outcome, Strip
from openeo_plugin.engine.window import assemble
from openeo_plugin.errors import OpenEOError

WINDOW_PX = (2, 3)
TESTS = Path(__file__).resolve().parents[1]
_RECIPE = "recipe.json"


@dataclass
class Collected:
    """A sink that keeps the windows."""

    align: tuple[int, int] = WINDOW_PX
    parts: list[tuple[Window, Block]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, window: Window, block: Block) -> None:
        with self._lock:
            self.parts.append((window, block))


@dataclass(frozen=True)
class AllFromWorkers:
    """Windows of a cluster, none of which may be left to this process."""

    ahead: ClusterWindows

    def windows(self, work: AheadWork, windows: Iterator[Window], context: RunContext) -> Generator[Window]:
        return self.ahead.windows(work, windows, context)

    def take(self, key: str) -> list[Block] | None:
        return _not_left(self.ahead.take(key))

    def partials(self, work: FoldWork, context: RunContext) -> Generator[int]:
        return self.ahead.partials(work, context)

    def take_partial(self, number: int, place: int) -> Any | None:
        return _not_left(self.ahead.take_partial(number, place))

    def put_fold(self, number: int, value: Any) -> None:
        self.ahead.put_fold(number, value)


def _not_left(value: Any) -> Any:
    if value is None:
        raise AssertionError("the cluster has left a window to this process")
    return value


def of_case(process_id: str, place: int) -> Operator:
    """The cube that an official case gives."""
    value = called(list(cases(process_id))[place])
    assert isinstance(value, Operator)
    return value


@functools.cache
def no_seams() -> Any:
    """The module with the project's own cubes and steps."""
    spec = importlib.util.spec_from_file_location("no_seams", TESTS / "unit" / "engine" / "test_no_seams.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def of_step(factory: int, place: int) -> Operator | None:
    """One of the project's own cubes after a step; None if the step does not fit it."""
    own = no_seams()
    made: Operator | None = own.applied(own.STEPS[place], own.cubes.FACTORIES[factory]())
    return made


RECIPES = {"case": of_case, "step": of_step}
Recipe = tuple[str, str | int, int]


@functools.lru_cache(maxsize=4)
def _cooked(name: str, *arguments: Any) -> Operator:
    made = RECIPES[name](*arguments)
    assert made is not None
    return made


def compute_strip(folder: str, strip: Strip) -> Outcome:
    """In a worker: build the cube once more, and compute a strip of it."""
    where, context = Path(folder), RunContext()
    try:
        operator = _cooked(*json.loads((where / _RECIPE).read_text()))
        strips.compute_strip([operator], strip, where, context, where.is_dir)
    except OpenEOError as error:
        return Outcome(fault=(error.code, error.node, error.plain_message))
    return Outcome()


class CubeCluster:
    """Two worker processes."""

    def __init__(self, workers: int = 2) -> None:
        self._cluster = Cluster(LOCAL, workers)
        self._root = Path(tempfile.mkdtemp(prefix="openeo-cases-"))

    def of(self, case: Case) -> BlockOf:
        """What computes the cube of a case."""
        return functools.partial(self.block, ("case", case.process, int(case.id.split("#")[1])))

    def block(self, recipe: Recipe, operator: Operator, window_px: tuple[int, int] = WINDOW_PX) -> Block:
        """The whole cube of an operator, given what it was made by."""
        with self._folder(recipe) as folder:
            ahead = AllFromWorkers(ClusterWindows(self._cluster, compute_strip, folder))
            options, sink = RunOptions(threads=1, window_px=window_px, ahead=ahead), Collected(window_px)
            run([(operator, sink)], options, RunContext(), lambda _: None)
        if len(sink.parts) == 1:
            return sink.parts[0][1]
        return assemble(
            whole(operator.description.grid), [window for window, _ in sink.parts], [block for _, block in sink.parts]
        )

    @contextmanager
    def _folder(self, recipe: Recipe) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(dir=self._root))
        (folder / _RECIPE).write_text(json.dumps(recipe))
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def close(self) -> None:
        self._cluster.close()
        shutil.rmtree(self._root, ignore_errors=True)
