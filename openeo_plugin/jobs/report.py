"""Tells the owner of a job how far it is, and learns of a cancel in return."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from db.jobs import Job, JobStore
from db.session import DATABASE_GONE
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.run import Progress
from openeo_plugin.errors import OpenEOError
from openeo_plugin.jobs.status_board import StatusBoard

REPORT_EVERY_S = 0.4
LOG_EVERY_S = 5.0
_PAUSE_WITHOUT_DATABASE_S = 0.5


def error_entry(error: OpenEOError) -> dict[str, Any]:
    """An error as a log entry and `JobStore.fail` have it, with the path to the node at fault."""
    entry: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.node:
        entry["path"] = [{"node_id": node} for node in error.node.split("/")]
    return entry


@dataclass
class Report:
    """What a run says of itself, under its lease. Safe to use from many threads.

    Args:
        jobs: where it is written down.
        job: as it was claimed.
        lease_s: seconds that each sign of life renews the lease for.
        board: gets the phase and the node under way, for the worker to quote if this process dies.
        checks: called with each report; may raise, which ends the run.
    """

    jobs: JobStore
    job: Job
    lease_s: float
    board: StatusBoard | None = None
    checks: Callable[[], None] = lambda: None
    context: RunContext = field(default_factory=RunContext)
    stored_bytes: int = 0
    _phase: str = ""
    _started: float = field(default_factory=time.monotonic)
    _told: float = 0.0
    _beaten: float = field(default_factory=time.monotonic)
    _logged: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.context.entering = self._enter
        self.context.on_unreadable = self._unreadable
        self.context.tell = self.log

    def log(self, level: str, message: str, **fields: Any) -> None:
        """An entry in the job's log."""
        with suppress(*DATABASE_GONE):  # an entry of the log is not worth a job
            self.jobs.log(self.job.id, level, message, worker_id=self.job.worker, **fields)

    def begin(self, phase: str, message: str) -> None:
        """A new phase: planning, computing or storing."""
        self._phase = phase
        self._enter("")
        with self._lock:
            self._beat(None, None)
        self.log("info", message)

    def progress(self, progress: Progress) -> None:
        """Called after each window: the lease is renewed, a lost one cancels the run."""
        now = time.monotonic()
        last = progress.windows_done == progress.windows_total
        if now - self._told < REPORT_EVERY_S and not last:
            return
        self.checks()
        with self._lock:
            self._told = now
            if not self._beat(min(progress.percent, 99.0), progress.eta_s):
                self.context.cancel.set()
            elif now - self._logged >= LOG_EVERY_S and not last:
                self._logged = now
                eta = "" if progress.eta_s is None else f", about {progress.eta_s:.0f} s to go"
                self.log("info", f"{progress.windows_done} of {progress.windows_total} windows computed{eta}.")

    def usage(self) -> dict[str, Any]:
        """What the run has used so far, as the API shows it."""
        own, helpers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = own.ru_utime + own.ru_stime + helpers.ru_utime + helpers.ru_stime + self.context.cpu_elsewhere_s
        used = {
            "cpu": {"value": round(cpu_s, 3), "unit": "cpu-seconds"},
            "duration": {"value": round(time.monotonic() - self._started, 3), "unit": "seconds"},
            "memory": {"value": round((own.ru_maxrss + helpers.ru_maxrss) / 1024, 1), "unit": "mb-peak"},
            "input": {"value": round(self.context.bytes_read / 1e6, 3), "unit": "mb"},
        }
        if self.stored_bytes:
            used["storage"] = {"value": round(self.stored_bytes / 1e6, 6), "unit": "mb"}
        return used

    def insist[T](self, write: Callable[[], T]) -> T:
        """Write, again and again while the database does not answer, for as long as the lease lasts."""
        while True:
            try:
                return write()
            except DATABASE_GONE:
                if time.monotonic() - self._beaten > self.lease_s:
                    raise
                time.sleep(_PAUSE_WITHOUT_DATABASE_S)

    def _beat(self, percent: float | None, eta_s: float | None) -> bool:
        """Whether the lease holds. A database that does not answer is waited for: the work goes on meanwhile."""
        now = time.monotonic()
        eta_s = None if eta_s is None else round(eta_s, 1)
        lease = self.job.worker or ""
        try:
            held = self.jobs.heartbeat(
                self.job.id, lease, self.lease_s, percent, self.usage(), phase=self._phase, eta_s=eta_s
            )
        except DATABASE_GONE:
            if now - self._beaten > self.lease_s:
                raise
            return True
        self._beaten = now
        return held

    def _unreadable(self, fault: OpenEOError) -> None:
        self.log("error", **error_entry(fault))

    def _enter(self, node: str) -> None:
        if self.board is not None:
            self.board.write(f"{self._phase}\n{node}")
