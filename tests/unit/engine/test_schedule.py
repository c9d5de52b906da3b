"""The tasks of one window: each once, freed when nobody needs them, however deep the graph."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from openeo_plugin.cube.bands import Band
from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import SpatialDimension
from openeo_plugin.cube.grid import whole
from openeo_plugin.cube.pixels import Block, Pixels
from openeo_plugin.engine.estimate import peak_bytes
from openeo_plugin.engine.operator import Canceled, Operator, Request, RunContext
from openeo_plugin.engine.schedule import compute_all, schedule
from openeo_plugin.errors import OpenEOError

GRID = GeoBox((4, 5), Affine(10, 0, 0, 0, -10, 0), "EPSG:32632")
CUBE = CubeDescription(
    (SpatialDimension("y", "y"), SpatialDimension("x", "x")), GRID, (Band("b", np.dtype("float32")),)
)
REQUEST = Request(whole(GRID), (0,), ())


class Values(np.ndarray[Any, Any]):
    """An array that can be watched."""


@dataclass(eq=False)
class Sum:
    """One more than the sum of its inputs; remembers how often it was computed, and which of its results live."""

    node: str
    inputs: tuple[Operator, ...] = ()
    description: CubeDescription = CUBE
    needs: bool = True
    made: list[Any] = field(default_factory=list)
    alive_when_computed: int = 0
    watched: tuple[Any, ...] = ()
    error: Exception | None = None

    def request(self, request: Request) -> tuple[Request | None, ...]:
        return tuple(request if self.needs else None for _ in self.inputs)

    def compute(self, request: Request, inputs: tuple[Block | None, ...], context: RunContext) -> Block:
        if self.error is not None:
            raise self.error
        gc.collect()
        self.alive_when_computed = sum(made() is not None for other in self.watched for made in other.made)
        total = 1.0 + sum(float(block.bands[0].values.flat[0]) for block in inputs if block is not None)
        values = np.full(request.window.shape, total, "float32").view(Values)
        self.made.append(weakref.ref(values))
        return Block((Pixels(values),))


def value(block: Block) -> float:
    return float(block.bands[0].values.flat[0])


def test_a_branch_that_two_operators_share_is_computed_once() -> None:
    source = Sum("source")
    left, right = Sum("left", (source,)), Sum("right", (source,))
    (block,) = compute_all([(Sum("top", (left, right)), REQUEST)], RunContext())
    assert value(block) == 1 + 2 + 2
    assert len(source.made) == 1


def test_a_value_is_freed_when_the_last_task_that_needs_it_is_done() -> None:
    first = Sum("first")
    second = Sum("second", (first,))
    third = Sum("third", (second,), watched=(first,))
    compute_all([(third, REQUEST)], RunContext())
    assert third.alive_when_computed == 0


def test_an_input_that_is_not_needed_is_not_computed() -> None:
    source = Sum("source")
    (block,) = compute_all([(Sum("top", (source,), needs=False), REQUEST)], RunContext())
    assert (value(block), source.made) == (1, [])


def test_a_graph_may_be_deeper_than_python_s_stack() -> None:
    operator = Sum("0")
    for number in range(1, 3000):
        operator = Sum(str(number), (operator,))
    tasks, places = schedule([(operator, REQUEST)])
    assert (len(tasks), places) == (3000, [2999])


def test_an_error_gets_the_node_that_raised_it() -> None:
    broken = Sum("broken", error=OpenEOError("ProcessGraphInvalid", reason="it can't be"))
    with pytest.raises(OpenEOError) as failed:
        compute_all([(Sum("top", (broken,)), REQUEST)], RunContext())
    assert failed.value.node == "broken"


def test_a_cancel_is_heard_between_two_tasks() -> None:
    context = RunContext()
    source = Sum("source")
    context.entering = lambda node: context.cancel.set()
    with pytest.raises(Canceled):
        compute_all([(Sum("top", (source,)), REQUEST)], context)
    assert len(source.made) == 1


def test_the_peak_counts_what_lives_at_once_and_the_scratch_of_the_task_at_work() -> None:
    source = Sum("source")
    tasks, _ = schedule([(Sum("top", (Sum("left", (source,)), Sum("right", (source,)))), REQUEST)])
    # at the top, left and right live and it makes its own, with as much scratch: four blocks of 4 x 5 float32
    assert peak_bytes(tasks) == 4 * 4 * 5 * 4
