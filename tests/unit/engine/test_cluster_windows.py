"""What comes of items that are handed to a cluster which fails: each comes back, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cubes
import pytest

from openeo_plugin.engine.ahead import FoldWork
from openeo_plugin.engine.cluster import Cluster, ClusterAway, Crew
from openeo_plugin.engine.cluster_windows import ClusterWindows
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.strips import Outcome

distributed = pytest.importorskip("distributed", reason="the package 'distributed' is not installed")


class Deadly:
    """A future whose worker has died too often."""

    status = "error"

    def exception(self) -> BaseException:
        return distributed.KilledWorker("strip", None, 4)

    def add_done_callback(self, call: Callable[[Any], None]) -> None:
        call(self)

    def release(self) -> None:
        pass


class Client:
    status = "running"

    def submit(self, *_: Any, **__: Any) -> Deadly:
        return Deadly()


@dataclass
class Vanishing(Cluster):
    """A cluster whose scheduler goes away once it has been given so many strips, for good."""

    strips: int
    clients: list[Client] = field(default_factory=list)

    def client(self) -> Any:
        if len(self.clients) == self.strips:
            raise ClusterAway("the scheduler is away")
        self.clients.append(Client())
        return self.clients[-1]

    def crew(self) -> Crew:
        return Crew(1, None)

    def answers(self) -> bool:
        return False


def never(folder: str, strip: object) -> Outcome:
    raise AssertionError("nothing is computed here")


@pytest.mark.parametrize("strips", range(2, 9))
def test_no_window_is_lost_when_the_cluster_goes_while_deadly_strips_are_tried_again(
    tmp_path: Path, strips: int
) -> None:
    places: Sequence[int] = range(24)  # strips of four
    work = FoldWork(0, len(places), cubes.nulls_and_nans(), places)
    found = ClusterWindows(Vanishing(strips), never, tmp_path).partials(work, RunContext())
    assert sorted(found) == list(places)
