"""A real Redis server for tests: in a temporary folder, on a unix socket, never on a port."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import redis

NAMES = ("redis-server", "valkey-server")


def _program(folder: Path) -> Path | None:
    """Debian's redis-tools bring the server under another name, without a service that starts by itself."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found:
        return Path(found)
    same = shutil.which("redis-check-rdb")
    if same is None:
        return None
    program = folder / NAMES[0]  # it looks at its name
    if not program.exists():
        program.symlink_to(same)
    return program


def why_not_here() -> str:
    """What is missing to run a server; nothing if all is there."""
    with tempfile.TemporaryDirectory() as folder:
        return (
            "" if _program(Path(folder)) else "there is no Redis server (redis-server, valkey-server, redis-check-rdb)"
        )


class RedisServer:
    """Starts with the block and is gone with it, with all it held.

    Args:
        options: of its command line, beside those that keep it to itself.
    """

    def __init__(self, *options: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="openeo-redis-"))
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._folder}/socket"
        self.client = redis.Redis.from_url(self.url, socket_timeout=60)

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, or start it again, empty, after a kill."""
        program = _program(self._folder)
        assert program is not None
        own = ["--port", "0", "--unixsocket", f"{self._folder}/socket", "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            [str(program), *own, *self._options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, "the Redis server ended at once"
            assert time.monotonic() < deadline, "the Redis server does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """It takes connections, and answers nothing until `go_on`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After `hang`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False
