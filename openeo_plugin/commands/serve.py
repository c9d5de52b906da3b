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


def serve(settings: Settings, given: argparse.Namespace) -> int:
    """Start the server and, unless switched off, its workers."""
    import uvicorn

    from openeo_plugin.app import create_app_of, faces
    from openeo_plugin.backend import open_backend

    listening = listen(settings.host, settings.port)
    allow_open_files()
    try:
        backend = open_backend(settings)
        refuse_public_demo(settings, [u.name for u in backend.users.list() if u.is_demo])
        app = create_app_of(backend, faces(backend))
        workers = WorkerProcesses(worker_command(given), settings.worker_processes if settings.embedded_worker else 0)
        with workers:
            print(f"pygeoapi-openeo listens on {settings.public_base}", flush=True)
            config = uvicorn.Config(
                app, log_level="warning", access_log=False, timeout_graceful_shutdown=5, server_header=False
            )
            uvicorn.Server(config).run(sockets=[listening])
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
    except OSError as error:
        listening.close()
        raise CommandError(
            f"can't listen on {host}:{port} ({error.strerror}). Choose another port with --port or PORT=..."
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
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._keep_alive, name="workers", daemon=True)

    def __enter__(self) -> WorkerProcesses:
        self._processes = [self._start() for _ in range(self._count)]
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._watch.join()
        for process in self._processes:
            process.terminate()
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
        while not self._stopping.wait(_RESTART_AFTER_S):
            for place, process in enumerate(self._processes):
                if process.poll() is not None:
                    _LOG.error("A worker ended with status %s; it is started again", process.returncode)
                    self._processes[place] = self._start()


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
