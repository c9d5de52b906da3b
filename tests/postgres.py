"""A real PostgreSQL server with PostGIS for tests: in a temporary folder, on a unix socket, never on a port."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

_USER = "postgres"  # whom the server runs as where tests run as root, since it refuses root


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("pg_ctl")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def why_not_here() -> str:
    """What is missing to run a server with PostGIS; nothing if all is there."""
    programs = _programs()
    if programs is None:
        return "there is no PostgreSQL server (pg_ctl)"
    shared = Path("/usr/share/postgresql") / programs.parts[-2] / "extension" / "postgis.control"
    if programs.parts[1:3] == ("usr", "lib") and not shared.exists():
        return f"PostgreSQL {programs.parts[-2]} has no PostGIS"
    return ""


class PostgresServer:
    """Starts with the block and is gone with it. `url` is that of its first database."""

    def __init__(self) -> None:
        programs = _programs()
        assert programs is not None
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="openeo-postgis-"))
        self._data = self._folder / "data"
        self.url = f"postgresql+psycopg://{_USER}@/postgres?host={self._folder}"

    def __enter__(self) -> PostgresServer:
        if os.geteuid() == 0:
            owner = pwd.getpwnam(_USER)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "-D", str(self._data), "-U", _USER, "-A", "trust", "-N", "-E", "UTF8", "--no-locale")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid is not None:
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, or start it again after a stop or a kill."""
        options = (
            f"-c listen_addresses='' -c unix_socket_directories={self._folder} "
            "-c fsync=off -c shared_buffers=32MB -c max_connections=200"
        )
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-s", "-w", "-t", "60", "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once; open connections break."""
        self._run("pg_ctl", "-D", str(self._data), "-s", "-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """SIGKILL the server with all its processes, and wait until they are gone."""
        pid = self.pid
        assert pid is not None
        family = [pid, *_children_of(pid)]
        for member in family:
            _kill(member)
        while any(_lives(member) for member in family):
            time.sleep(0.01)
        for name in ("data/postmaster.pid", ".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
            (self._folder / name).unlink(missing_ok=True)  # where nobody reaps it, the dead server seems to live

    @property
    def pid(self) -> int | None:
        """Of the postmaster; None if it does not run."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if _lives(pid) else None

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"openeo_test_{secrets.token_hex(4)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url.replace("/postgres?", f"/{name}?")

    def execute(self, statement: str) -> None:
        """Run a statement as the server's first user."""
        self._run("psql", "-h", str(self._folder), "-U", _USER, "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, _USER)

    def _run(self, program: str, *arguments: str) -> None:
        user = _USER if os.geteuid() == 0 else None
        done = subprocess.run(
            [self._programs / program, *arguments],
            user=user, group=user, extra_groups=[] if user else None, cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stderr}"


def _children_of(pid: int) -> list[int]:
    return [int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in file.read_text().split()]


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
