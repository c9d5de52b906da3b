"""What a run works out about a cluster without one."""

from __future__ import annotations

import cubes
import pytest

from openeo_plugin.cube.grid import whole
from openeo_plugin.engine.ahead import AheadWork
from openeo_plugin.engine.cluster import Cluster, ClusterAway, Crew, _window_bytes
from openeo_plugin.engine.cluster_windows import _part_px, _strip_size
from openeo_plugin.engine.estimate import peak_bytes
from openeo_plugin.engine.operator import everything
from openeo_plugin.engine.schedule import schedule


def test_windows_may_take_a_share_of_what_a_worker_s_process_leaves_of_its_memory_limit() -> None:
    # 1024 MB less 400 MB of libraries, of which 60 % go to two threads
    assert _window_bytes(1 << 30, 2) == pytest.approx(0.6 * (1024 - 400) / 2 * 2**20, abs=1)
    assert _window_bytes(1 << 28, 1) == 0


def work() -> AheadWork:
    cube = cubes.nulls_and_nans()
    return AheadWork(0, (cube,), (0,), tuple(cube.description.grid.shape), 1)


def test_workers_without_a_limit_compute_what_this_process_would_at_once() -> None:
    own = work()
    assert _part_px(own, whole(own.operators[0].description.grid), Crew(2, None)) == own.part_px


def test_workers_with_less_memory_compute_smaller_parts() -> None:
    own = work()
    (cube,) = own.operators
    window = whole(cube.description.grid)
    needed = peak_bytes(schedule([(cube, everything(cube.description, window))])[0])
    rows, columns = _part_px(own, window, Crew(2, needed - 1))
    assert rows * columns == pytest.approx(window.height * window.width / 2, rel=0.1)
    assert max(_part_px(own, window, Crew(2, 0))) <= 16


def test_a_strip_has_few_windows_so_that_every_thread_gets_several() -> None:
    assert _strip_size(10_000, 1000, 2) == 64
    assert _strip_size(48, 1000, 2) == 4  # six for each of two threads
    assert _strip_size(10_000, 64 << 20, 2) == 2  # no more than 128 MB
    assert _strip_size(3, 1 << 30, 8) == 1


def test_a_cluster_that_did_not_answer_is_not_waited_for_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openeo_plugin.engine.cluster._CONNECT_TIMEOUT_S", 0.2)
    cluster = Cluster("tcp://127.0.0.1:9", 1)
    with pytest.raises(ClusterAway, match="can't be used"):
        cluster.client()
    with pytest.raises(ClusterAway, match="a moment ago"):
        cluster.client()
    assert not cluster.answers()
