"""The worker: claims jobs and runs each in a process group of its own.

One thread, so that forking is safe. Killing a worker, even with SIGKILL, loses nothing: the processes of its jobs die
with it, the leases run out, and another worker goes on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import select
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from config.settings import Settings
from db.jobs import Job, JobStore, QueueRules
from db.session import Database, DatabaseError, DatabaseUnusableError, reason_of
from db.webhooks import WebhookStore
from openeo_plugin.jobs.child import TRY_AGAIN, RunJob, courier_in_child, run_in_child
from openeo_plugin.jobs.death import error_of, placed
from openeo_plugin.jobs.folders import KEEPS_WINDOWS, ResultFolders
from openeo_plugin.jobs.limits import limits_of
from openeo_plugin.jobs.status_board import StatusBoard

KILL_GRACE_S = 1.0  # between SIGTERM and SIGKILL; a canceled job must be gone within 2 s
_POLL_WHILE_KILLING_S = 0.05
_PAUSE_WITHOUT_DATABASE_S = 1.0
_PAUSE_WITHOUT_MEANS_S = 1.0  # of which the system has none left: processes, memory
_LOOK_FOR_MESSAGES_S = 1.0
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_LOG = logging.getLogger(__name__)


@dataclass
class _Running:
    """A job's process. `killing_since` is set once it was told to stop; times are of the monotonic clock, in s.

    `fault`: the error that the job is to end with, if it was stopped for going over a limit.
    """

    job: Job
    pid: int
    board: StatusBoard
    beaten: float
    started: float = field(default_factory=time.monotonic)
    fault: dict[str, Any] | None = None
    killing_since: float | None = None
    was_killed: bool = False

    @property
    def lease(self) -> str:
        return self.job.worker or ""


class Worker:
    """Runs the jobs of a database until it is told to stop.

    Args:
        settings: those of workers and batch jobs matter here, and `results_dir`.
        database_url: where the jobs are.
        run_job: runs the job of that id and calls `JobStore.finish` or `fail`. It is called in a forked process, whose
            SIGTERM ends it at once, and must open its own connections (`Database` does so by itself).
        slots: how many jobs run at once.
        parent_pid: the process that must live for this worker to go on; None for a worker of its own.
    """

    def __init__(
        self,
        settings: Settings,
        database_url: str,
        run_job: RunJob,
        *,
        slots: int = 1,
        parent_pid: int | None = None,
    ) -> None:
        self._settings = settings
        self._run_job = run_job
        self._slots = slots
        self._parent_pid = parent_pid
        self._folders = ResultFolders(settings.results_dir)
        self._database = Database(database_url)
        self._database_url = database_url
        rules = QueueRules(settings.job_attempts_max, settings.running_jobs_per_user)
        self._jobs = JobStore(self._database, rules=rules)
        self._limits = limits_of(settings)
        self._messages = WebhookStore(self._database)
        self._courier: int | None = None
        self._looked_for_messages = 0.0
        self._is_swept = False
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._running: list[_Running] = []
        self._stopping = False
        self._wake_fd = -1

    def run(self) -> None:
        """Work until SIGTERM, SIGINT, SIGHUP or the death of the parent; then stop what runs and give it back.

        Raises: DatabaseUnusableError, if a newer version has changed the database. Then too all is given back.
        """
        with self._signals():
            try:
                while not self._stopping and self._parent_lives():
                    self._turn_or_wait()
            finally:
                self._stop()

    def _turn_or_wait(self) -> None:
        try:
            self._turn()
            self._wait(self._pause_s())
        except DatabaseError as error:
            _LOG.warning("The database does not answer, it is tried again: %s", reason_of(error))
            self._fence()
            self._wait(_PAUSE_WITHOUT_DATABASE_S)

    def _turn(self) -> None:
        if not self._is_swept:
            self._folders.sweep(self._jobs.states)
            self._is_swept = True
        self._reap()
        self._notice_lost_leases()
        self._notice_excess()
        self._send_courier()
        self._beat()
        while len(self._running) < self._slots and not self._stopping and self._take():
            pass

    # starting

    def _take(self) -> bool:
        job = self._jobs.claim(f"{self._name}-{secrets.token_hex(4)}", self._settings.lease_s)
        if job is None:
            return False
        try:
            self._database.is_current()  # another version may have come meanwhile; this one would fail the job
            pid, board = self._fork(job)
        except DatabaseUnusableError:
            self._jobs.release(job.id, job.worker or "")
            raise
        except OSError as error:
            self._jobs.release(job.id, job.worker or "")
            _LOG.warning("Job %s waits, as its process can't be started: %s", job.id, error.strerror)
            self._wait(_PAUSE_WITHOUT_MEANS_S)
            return False
        self._running.append(_Running(job, pid, board, time.monotonic()))
        _LOG.info("Job %s runs as process %d", job.id, pid)
        return True

    def _fork(self, job: Job) -> tuple[int, StatusBoard]:
        """Raises: OSError, if the system has no memory or no process left."""
        self._database.dispose()  # no connection may cross the fork
        board, worker_pid = StatusBoard(), os.getpid()
        pid = os.fork()
        if pid == 0:
            run_in_child(job, self._run_job, board, self._database_url, worker_pid)
        return pid, board

    # watching

    def _notice_lost_leases(self) -> None:
        alive = [running for running in self._running if running.killing_since is None]
        if alive:
            held = self._jobs.held(running.lease for running in alive)
            for running in alive:
                if running.lease not in held:
                    self._kill(running)

    def _send_courier(self) -> None:
        """Messages to webhooks are delivered in a process of its own, as receivers may be slow to answer."""
        if self._courier is not None and _has_ended(self._courier):
            os.waitpid(self._courier, 0)
            self._courier = None
        now = time.monotonic()
        if self._courier is None and now - self._looked_for_messages >= _LOOK_FOR_MESSAGES_S:
            self._looked_for_messages = now
            if self._messages.anything_due():
                self._database.dispose()
                worker_pid = os.getpid()
                try:
                    self._courier = os.fork()
                except OSError as error:
                    _LOG.warning("Messages to webhooks wait: %s", error.strerror)
                if self._courier == 0:
                    courier_in_child(self._settings, self._database_url, worker_pid)

    def _notice_excess(self) -> None:
        now = time.monotonic()
        for running in self._running:
            if running.killing_since is None:
                error = self._limits.fault(now - running.started, running.pid)
                if error is not None:
                    running.fault = placed({"code": error.code, "message": error.message}, running.board.read())
                    self._kill(running)

    def _beat(self) -> None:
        now = time.monotonic()
        for running in self._running:
            if running.killing_since is None and now - running.beaten >= self._settings.heartbeat_s:
                if self._jobs.heartbeat(running.job.id, running.lease, self._settings.lease_s):
                    running.beaten = now
                else:
                    self._kill(running)

    def _fence(self) -> None:
        """Without a database: stop jobs whose lease has run out, as another worker may have them."""
        for running in self._running:
            if time.monotonic() - running.beaten >= self._settings.lease_s:
                self._kill(running)
        self._press()

    # ending

    def _kill(self, running: _Running) -> None:
        if running.killing_since is None:
            _LOG.info("Job %s is stopped", running.job.id)
            running.killing_since, running.was_killed = time.monotonic(), True
            _signal_group(running.pid, signal.SIGTERM)

    def _press(self) -> None:
        """SIGKILL for those that did not go by themselves."""
        for running in self._running:
            since = running.killing_since
            if since is not None and time.monotonic() - since >= KILL_GRACE_S:
                _signal_group(running.pid, signal.SIGKILL)

    def _reap(self) -> None:
        self._press()
        for running in [running for running in self._running if _has_ended(running.pid)]:
            _signal_group(
                running.pid, signal.SIGKILL
            )  # what it left behind; the zombie still keeps the group's id ours
            self._settle(running)

    def _settle(self, running: _Running) -> None:
        """Bring the job of an ended process into an honest state; tried again if the database can't be reached."""
        error, status = running.fault, _peek_status(running.pid)
        if error is None and not running.was_killed:
            error = error_of(status, running.board.read())
        is_to_wait = running.fault is None and os.WIFEXITED(status) and os.WEXITSTATUS(status) == TRY_AGAIN
        # A job that has finished refuses `fail`, as its lease is over.
        if not is_to_wait and (error is None or not self._jobs.fail(running.job.id, running.lease, error)):
            self._jobs.release(running.job.id, running.lease)
        self._clear(running)
        os.waitpid(running.pid, 0)
        self._running.remove(running)

    def _clear(self, running: _Running) -> None:
        """Remove what the ended process left half made, and all of a job that was deleted meanwhile."""
        state = self._jobs.states([running.job.id]).get(running.job.id)
        if state is None:
            self._folders.discard(running.job.id)
            return
        self._folders.clear_attempt(running.job.id, running.lease)
        if state[0] not in KEEPS_WINDOWS:
            self._folders.clear_windows(running.job.id)

    def _stop(self) -> None:
        for running in self._running:
            self._kill(running)
        if self._courier is not None:
            _signal_group(self._courier, signal.SIGKILL)
            os.waitpid(self._courier, 0)
        deadline = time.monotonic() + 2 * KILL_GRACE_S
        while self._running and time.monotonic() < deadline:
            try:
                self._reap()
            except DatabaseError:
                _LOG.exception("A job could not be given back; its lease will run out")
            self._wait(_POLL_WHILE_KILLING_S)
        self._database.dispose()

    # waiting

    def _pause_s(self) -> float:
        killing = any(running.killing_since is not None for running in self._running)
        return min(_POLL_WHILE_KILLING_S, self._settings.job_poll_s) if killing else self._settings.job_poll_s

    def _wait(self, pause_s: float) -> None:
        """Sleep, unless a signal arrives: a child that ended, or the wish to stop."""
        readable, _, _ = select.select([self._wake_fd], [], [], pause_s)
        if readable:
            os.read(self._wake_fd, 4096)

    def _parent_lives(self) -> bool:
        return self._parent_pid is None or os.getppid() == self._parent_pid

    def _ask_to_stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        self._wake_fd, write_fd = os.pipe()
        os.set_blocking(self._wake_fd, False)
        os.set_blocking(write_fd, False)
        before = {number: signal.getsignal(number) for number in (*_ENDING, signal.SIGCHLD)}
        for number in _ENDING:
            if before[number] is not signal.SIG_IGN:  # as SIGHUP is under nohup
                signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        woken = signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(woken)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._wake_fd)
            os.close(write_fd)


def _signal_group(pid: int, number: signal.Signals) -> None:
    """Signal a job's process group; the process alone, if it has not yet made its group."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    except PermissionError:  # macOS says so of a group of zombies
        pass


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _peek_status(pid: int) -> int:
    """The wait status of an ended process, which stays a zombie."""
    info = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert info is not None
    return info.si_status << 8 if info.si_code == os.CLD_EXITED else info.si_status
