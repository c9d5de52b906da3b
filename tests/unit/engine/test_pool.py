"""Jobs on threads: none is under way any more when a run of them has ended, however it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from openeo_plugin.engine.pool import Progress, Tally, run_all


class Slow:
    """A job that ends some time after it may."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        self.may_end.wait(60)
        threading.Event().wait(0.2)  # whoever doesn't wait for this job is gone by then
        self.ended.set()


def ignore(_: Progress) -> None:
    pass


def test_jobs_under_way_are_waited_for_when_no_more_can_be_had() -> None:
    slow = Slow()

    def jobs() -> Iterator[Callable[[], None]]:
        yield slow
        slow.begun.wait(60)
        slow.may_end.set()
        raise ConnectionError("the cluster is away")

    with ThreadPoolExecutor(2) as pool:
        with pytest.raises(ConnectionError):
            run_all(pool, jobs(), 2, Tally(2, ignore))
        assert slow.ended.is_set()


def test_jobs_under_way_are_waited_for_when_progress_cannot_be_reported() -> None:
    slow = Slow()

    def quick() -> None:
        slow.begun.wait(60)

    def report(_: Progress) -> None:
        slow.may_end.set()
        raise ConnectionError("the database is away")

    with ThreadPoolExecutor(2) as pool:
        with pytest.raises(ConnectionError):
            run_all(pool, iter([slow, quick]), 2, Tally(2, report))
        assert slow.ended.is_set()


def test_what_is_done_is_counted_before_what_failed_is_raised() -> None:
    counted: list[int] = []

    def fail() -> None:
        raise ValueError("a window fails")

    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="a window fails"):
        run_all(pool, iter([lambda: None, lambda: None, fail]), 1, Tally(3, lambda p: counted.append(p.windows_done)))
    assert counted == [1, 2]
