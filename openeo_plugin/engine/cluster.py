"""A Dask cluster: how it is reached, and reached again after its scheduler was away.

Only in these rooms is `distributed` imported, and only if an instance is told to use a cluster.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

LOCAL = "local"
_LOG = logging.getLogger(__name__)
_CONNECT_TIMEOUT_S = 20
_WORKERS_TIMEOUT_S = 60
_LOOK_TIMEOUT_S = 5
_PAUSE_BETWEEN_ATTEMPTS_S = 15
_PROCESS_BYTES = 400 << 20
_USABLE_SHARE = 0.6
"""Of a worker's memory limit, windows get this share of what its process leaves; Dask pauses a worker at 80 %."""


class ClusterAway(Exception):  # noqa: N818 - a state, which ends with the next attempt
    """The cluster does not answer, or has no workers. What it was to compute has to be computed elsewhere."""


@dataclass(frozen=True)
class Crew:
    """The workers that a scheduler has.

    window_bytes: what a window may take in the smallest; None: no limit. is_busy: whether any of them computes.
    """

    threads: int
    window_bytes: int | None
    is_busy: bool = True


class Cluster:
    """A Dask cluster, reached when it is first needed. Safe to use from many threads.

    Args:
        address: of a scheduler, or "local" for worker processes of this process's own.
        workers: how many of these.
    """

    def __init__(self, address: str, workers: int) -> None:
        self._address = address
        self._workers = workers
        self._lock = threading.Lock()
        self._client: Any = None
        self._local: Any = None
        self._attempted_s = -float(_PAUSE_BETWEEN_ATTEMPTS_S)

    def client(self) -> Any:
        """The client, with at least one worker behind it.

        Raises: ClusterAway; at once, if the last attempt was only just made.
        """
        with self._lock:
            if self._client is not None and self._client.status not in ("running", "connecting"):
                self._let_go()
            if self._client is None:
                if time.monotonic() - self._attempted_s < _PAUSE_BETWEEN_ATTEMPTS_S:
                    raise ClusterAway(f"the Dask cluster {self._address} did not answer a moment ago")
                try:
                    self._client = self._connected()
                except ClusterAway:
                    self._attempted_s = time.monotonic()
                    raise
            return self._client

    def _connected(self) -> Any:
        try:
            from distributed import Client, LocalCluster
        except ImportError as missing:
            raise ClusterAway("the package 'distributed' is not installed") from missing
        address: Any = self._address
        client = None
        try:
            if address == LOCAL:
                address = self._local = LocalCluster(
                    n_workers=self._workers,
                    threads_per_worker=1,
                    memory_limit=0,  # windows are cut to the memory budget; Dask must not kill on a guess
                    host="127.0.0.1",
                    dashboard_address=None,
                    silence_logs=logging.ERROR,
                )
            client = Client(address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False)
            client.wait_for_workers(1, timeout=_WORKERS_TIMEOUT_S)
        except (OSError, TimeoutError, ValueError, RuntimeError) as error:
            self._client = client
            self._let_go()
            raise ClusterAway(f"the Dask cluster {self._address} can't be used: {error}") from error
        for fault in _differences(client):
            _LOG.warning("Dask cluster %s: %s", self._address, fault)
        return client

    def crew(self) -> Crew:
        """The workers at this moment.

        Raises: ClusterAway if the scheduler does not answer, or has none.
        """
        client = self.client()
        try:
            info = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=_LOOK_TIMEOUT_S)
        except (OSError, TimeoutError, RuntimeError) as error:
            raise ClusterAway(f"the scheduler of the Dask cluster {self._address} does not answer: {error}") from error
        workers = [worker for worker in info["workers"].values() if worker["status"] == "running"]
        if not workers:
            raise ClusterAway(f"the Dask cluster {self._address} has no workers")
        shares = [_window_bytes(w["memory_limit"], w["nthreads"]) for w in workers if w["memory_limit"]]
        is_busy = any(w["metrics"].get("task_counts", {}).get("executing") for w in workers)
        return Crew(sum(w["nthreads"] for w in workers), min(shares, default=None), is_busy)

    def answers(self) -> bool:
        """Whether somebody listens at the scheduler's address: a quick look, for who has been told that it is away."""
        found = urlsplit(self._address)
        try:
            with socket.create_connection((found.hostname or "", found.port or 8786), timeout=1):
                return True
        except (OSError, ValueError):
            return False

    def worker_pids(self) -> list[int]:
        """Process ids of the workers, on whatever machines."""
        return [int(pid) for pid in self.client().run(_own_pid).values()]

    def close(self) -> None:
        """Let go of the cluster; workers of one's own end."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        for part in (self._client, self._local):
            if part is not None:
                try:
                    part.close(timeout=_LOOK_TIMEOUT_S)
                except (OSError, TimeoutError, RuntimeError) as error:
                    _LOG.warning("The connection to the Dask cluster %s broke: %s", self._address, error)
        self._client = self._local = None


def _window_bytes(memory_limit: int, threads: int) -> int:
    return max(0, int((memory_limit - _PROCESS_BYTES) * _USABLE_SHARE)) // max(1, threads)


def _differences(client: Any) -> list[str]:
    """Packages of which workers or scheduler have another version than this process, as sentences."""
    from distributed.versions import get_versions

    question = {"op": "versions", "packages": []}
    ask = client.scheduler.broadcast
    try:
        scheduler = client.sync(client.scheduler.versions, packages=[], callback_timeout=_LOOK_TIMEOUT_S)
        workers = client.sync(ask, msg=question, on_error="ignore", callback_timeout=_LOOK_TIMEOUT_S)
    except (OSError, TimeoutError, RuntimeError):
        return []
    own, found = _versions(get_versions()), []
    for who, answer in {"the scheduler": scheduler, **workers}.items():
        theirs = _versions(answer) if answer else {}
        for package, version in own.items():
            if package in theirs and theirs[package] != version:
                found.append(f"{who} has {package} {theirs[package]}, this process has {version}.")
    return found


def _versions(answer: Any) -> dict[str, str]:
    """Year and month, or major and minor, of what two ends of a connection should agree in."""
    given = answer["packages"]
    return {
        package: ".".join(str(given[package]).split(".")[:2])
        for package in ("python", "dask", "distributed", "msgpack", "numpy")
        if given.get(package)
    }


def runs_for_somebody() -> bool:
    """In a task: whether its result is still waited for. It is not once the run has called it off, or has died."""
    from distributed.worker import get_worker, thread_state

    try:
        task = get_worker().state.tasks.get(thread_state.key)
    except (ValueError, AttributeError):  # no worker of Dask
        return True
    return task is not None and task.state == "executing"


def _own_pid() -> int:
    import os

    return os.getpid()
