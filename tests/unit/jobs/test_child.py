from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from db.job import Job
from db.jobs import JobStore
from openeo_plugin.errors import OpenEOError
from openeo_plugin.jobs import child
from openeo_plugin.jobs.status_board import StatusBoard

NOBODY_THERE = "postgresql://u@127.0.0.1:1/openeo?connect_timeout=2"
JOB = cast("Job", SimpleNamespace(id="j", worker="w"))


def run(run_job: child.RunJob) -> int:
    return child._run(JOB, run_job, StatusBoard(), NOBODY_THERE)


def test_a_job_is_tried_again_if_the_database_is_away_before_it_begins() -> None:
    assert run(lambda id, board: pytest.fail("it has begun")) == child.TRY_AGAIN


@pytest.mark.parametrize("error", [OpenEOError("NoDataAvailable"), ValueError("a slip")])
def test_a_job_is_tried_again_if_the_database_is_away_when_its_fault_is_to_be_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: Any) -> None:
        raise error

    monkeypatch.setattr(JobStore, "held", lambda self, workers: set(workers))
    assert run(fails) == child.TRY_AGAIN
