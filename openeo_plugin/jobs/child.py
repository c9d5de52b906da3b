"""What happens in the process of one job, from the fork to its end."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from config.settings import Settings
from db.jobs import Job, JobStore
from db.session import DATABASE_GONE, Database
from openeo_plugin.errors import OpenEOError
from openeo_plugin.jobs.status_board import StatusBoard

RunJob = Callable[[str, StatusBoard], None]

TRY_AGAIN = 75  # exit status: nothing was wrong with the job; its lease is to run out
_PR_SET_PDEATHSIG = 1
_LOG = logging.getLogger(__name__)


def run_in_child(job: Job, run_job: RunJob, board: StatusBoard, database_url: str, worker_pid: int) -> NoReturn:
    """Run a job in this freshly forked process, then end it; nothing of the worker's stack is unwound."""
    status = 70
    try:
        detach(worker_pid)
        status = _run(job, run_job, board, database_url)
    except BaseException:
        _LOG.exception("The process of job %s failed", job.id)
    finally:
        _flush()
        os._exit(status)


def courier_in_child(settings: Settings, database_url: str, worker_pid: int) -> NoReturn:
    """Deliver messages to webhooks in this freshly forked process, then end it."""
    from openeo_plugin.jobs.courier import deliver_all

    status = 70
    try:
        detach(worker_pid)
        deliver_all(settings, database_url)
        status = 0
    except BaseException:
        _LOG.exception("The courier failed")
    finally:
        _flush()
        os._exit(status)


def detach(worker_pid: int) -> None:
    """Make this process the head of a group of its own, with ordinary signals, that dies with its worker."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    _die_with_parent()
    if os.getppid() != worker_pid:  # it died before we asked to be told
        os._exit(70)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _run(job: Job, run_job: RunJob, board: StatusBoard, database_url: str) -> int:
    """The exit status: that of the job, unless the database goes away at any moment of it."""
    try:
        return _run_to_end(job, run_job, board, JobStore(Database(database_url)))
    except DATABASE_GONE as gone:
        _LOG.warning("Job %s stopped, as the database does not answer: %s", job.id, type(gone).__name__)
        return TRY_AGAIN


def _run_to_end(job: Job, run_job: RunJob, board: StatusBoard, jobs: JobStore) -> int:
    assert job.worker is not None
    if not jobs.held([job.worker]):
        return 0
    try:
        run_job(job.id, board)
    except DATABASE_GONE:
        raise
    except OpenEOError as error:
        jobs.fail(job.id, job.worker, {"code": error.code, "message": error.message})
        return 1
    except Exception as unexpected:
        internal = OpenEOError("Internal")
        _LOG.exception("Job %s failed unexpectedly (%s)", job.id, internal.id, exc_info=unexpected)
        jobs.fail(job.id, job.worker, {"code": internal.code, "message": internal.message})
        return 1
    return 0


def _flush() -> None:
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
