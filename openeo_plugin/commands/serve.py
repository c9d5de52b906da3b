"""`serve` and `worker`: what runs on."""

from __future__ import annotations

import argparse
import logging
import os
import resource
import socket
import subprocess
import sys
import threading
import time

from config.settings import Settings
from openeo_plugin.commands.error import CommandError

_LOG = logging.getLogger(__name__)
_RESTART_AFTER_S = 1.0
_RESTART_LATER_S = 20.0  # of workers that end soon after they were started


def serve(settings: Settings, given: argparse.Namespace) -> int:
    """Start the server and, unless switched off, its workers."""
    from openeo_plugin.commands.ending import ended_by_signals

    with ended_by_signals():
        return _serve(settings, given)


def _serve(settings: Settings, given: argparse.Namespace) -> int:
    import uvicorn

    from openeo_plugin.app import create_app_of, end_streams, faces
    from openeo_plugin.backend import open_backend
    from openeo_plugin.commands.ending import Server

    listening = listen(settings.host, settings.port)
    allow_open_files()
    try:
        backend = open_backend(settings)
        refuse_public_demo(settings, [u.name for u in backend.users.list() if u.is_demo])
        app = create_app_of(backend, faces(backend))
        workers = WorkerProcesses(worker_command(given), settings.worker_processes if settings.embedded_worker else 0)

        def at_end() -> None:
            workers.tell_to_stop()
            end_streams(app)

        with workers:
            print(f"pygeoapi-openeo listens on {settings.public_base}", flush=True)
            config = uvicorn.Config(
                app, log_level="warning", access_log=False, timeout_graceful_shutdown=5, server_header=False
            )
            Server(config, at_end).run(sockets=[listening])
    finally:
        listening.close()
    return 0


def allow_open_files() -> None:
    """Let this process open as many files as the system grants: threads keep the datasets they read open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises: CommandError if the port is taken or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches off Nagle's delay (40 ms an answer) only on sockets that name their protocol
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, ValueError) as error:  # ValueError: what can be no name of a host
        listening.close()
        reason = getattr(error, "strerror", None) or "that is no address"
        raise CommandError(
            f"can't listen on {host}:{port} ({reason}). Choose another port with --port or PORT=..."
        ) from None
    listening.listen(2048)
    return listening


def refuse_public_demo(settings: Settings, demo_users: list[str]) -> None:
    """Raises: CommandError if a user with a known password could be reached from other machines."""
    if demo_users and not settings.is_loopback:
        names = ", ".join(demo_users)
        raise CommandError(
            f"the demo user {names} has a password that everybody knows, so the server listens on this machine only. "
            f"Delete it (`pygeoapi-openeo user delete {demo_users[0]}`) or use --host 127.0.0.1."
        )


def worker_command(given: argparse.Namespace) -> list[str]:
    """How to start a worker with the same options."""
    command = [sys.executable, "-m", "openeo_plugin.cli", "worker", "--parent-pid", str(os.getpid())]
    for flag, value in (
        ("--config", given.config),
        ("--data-dir", given.data_dir),
        ("--database-url", given.database_url),
    ):
        if value is not None:
            command += [flag, str(value)]
    return command


class WorkerProcesses:
    """Worker processes beside the server: started, started again if one dies, ended with it."""

    def __init__(self, command: list[str], count: int) -> None:
        self._command = command
        self._count = count
        self._processes: list[subprocess.Popen[bytes]] = []
        self._started: list[float] = []
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._keep_alive, name="workers", daemon=True)

    def __enter__(self) -> WorkerProcesses:
        self._processes = [self._start() for _ in range(self._count)]
        self._started = [time.monotonic()] * self._count
        self._watch.start()
        return self

    def tell_to_stop(self) -> None:
        """Ask the workers to end, without waiting for them; none is started again from now on."""
        self._stopping.set()
        for process in self._processes:
            process.terminate()

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._watch.join()
        self.tell_to_stop()
        deadline = time.monotonic() + 5
        for process in self._processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own command

    def _keep_alive(self) -> None:
        pause_s = _RESTART_AFTER_S
        while not self._stopping.wait(pause_s):
            pause_s = _RESTART_AFTER_S
            for place, process in enumerate(self._processes):
                if process.poll() is not None:
                    pause_s = max(pause_s, self._restart(place))

    def _restart(self, place: int) -> float:
        """Start a worker again. Returns: seconds to leave before that may happen again."""
        lived_s = time.monotonic() - self._started[place]
        _LOG.error("A worker ended with status %s; it is started again", self._processes[place].returncode)
        self._started[place] = time.monotonic()
        try:
            self._processes[place] = self._start()
        except OSError as error:
            _LOG.error("A worker can't be started: %s", error.strerror)
        return _RESTART_LATER_S if lived_s < _RESTART_LATER_S else _RESTART_AFTER_S


def worker(settings: Settings, given: argparse.Namespace) -> int:
    """Run batch jobs until stopped."""
    from openeo_plugin.jobs.worker import Worker
    from openeo_plugin.jobs.worker_setup import running, warm_up

    allow_open_files()
    warm_up()
    Worker(
        settings,
        settings.database,
        running(settings),
        slots=given.slots,
        parent_pid=given.parent_pid,
    ).run()
    return 0
