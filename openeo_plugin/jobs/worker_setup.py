"""What a worker runs, and how it is made ready before the first job, so that small jobs start at once."""

from __future__ import annotations

from typing import Any

from config.settings import Settings
from openeo_plugin.jobs.child import RunJob
from openeo_plugin.jobs.status_board import StatusBoard


def running(settings: Settings) -> RunJob:
    """The function that runs a job by id; it opens connections of its own, in the job's process."""

    def run(job_id: str, board: StatusBoard) -> None:
        from openeo_plugin.backend import open_backend
        from openeo_plugin.jobs.run import run_job

        run_job(open_backend(settings), job_id, board)

    return run


def warm_up() -> None:
    """Import what jobs need and load compiled kernels, before the first fork. Opens no file and starts no thread."""
    import numpy as np

    import openeo_plugin.backend
    import openeo_plugin.driver.windowed
    import openeo_plugin.jobs.run
    from openeo_plugin.cube.pixels import Lanes, Mask, Pixels
    from openeo_plugin.processes import statistics
    from openeo_plugin.processes.registry import predefined

    assert openeo_plugin.backend is not None
    predefined()
    for dtype in (np.uint16, np.float32):
        values = np.ones((2, 4, 4), dtype)
        mask = Mask(np.zeros((2, 4, 4), np.uint8), np.zeros(256, bool))
        for reducer in (statistics.median, statistics.mean):
            lanes: Any = Lanes(None, stacked=Pixels(values, 0, mask))
            reducer(lanes)
