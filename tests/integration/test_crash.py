"""Kill -9 at random moments: no job is lost, stuck, run twice to its end or left with half a result.

OPENEO_CRASH_ROUNDS (default 4 on each database, 25 in CI) sets the number of kills, OPENEO_CRASH_SEED the random
numbers.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import netCDF4
import numpy as np
import pytest
import rasterio
from compose_file import command, services
from instance import Instance, free_port, graph, mean_over_time, node, until
from postgres import PostgresServer
from sqlalchemy import text

from openeo_plugin.driver.cluster_task import is_held

ROUNDS = int(os.environ.get("OPENEO_CRASH_ROUNDS", "4"))
SEED = int(os.environ.get("OPENEO_CRASH_SEED", "7"))
USERS = ("ada", "bob", "eve")
KINDS: dict[str, dict[str, Any]] = {
    "sum": graph(add=node("add", x=1, y=2)),
    "map": mean_over_time(),
    "cube": mean_over_time("netCDF"),
    "fault": mean_over_time(bands=("B04", "B99")),
}

# Loaded by Dask workers: windows take a while there too, and are counted.
SLOW_DASK = """
import time
from openeo_plugin.engine import kept_windows, strips
def slowly(folder, key, blocks):
    time.sleep(0.2)
    with open({counter!r}, "a") as file:
        file.write(key + "\\n")
    return kept_windows.write_blocks(folder, key, blocks)
strips.write_blocks = slowly
"""

# A worker whose windows take a while, so that kills hit jobs at work.
SLOW_WORKER = """
import sys, time
from openeo_plugin.engine.kept_windows import KeptWindows
store = KeptWindows.store
def slowly(self, key, blocks):
    store(self, key, blocks)
    time.sleep(0.2)
KeptWindows.store = slowly
from openeo_plugin.cli import main
sys.exit(main(["worker"]))
"""

AUDIT = {
    "sqlite": [
        "CREATE TABLE audit (job_id TEXT)",
        "CREATE TRIGGER audit_finished AFTER UPDATE OF status ON jobs WHEN NEW.status = 'finished' "
        "AND OLD.status <> 'finished' BEGIN INSERT INTO audit VALUES (NEW.id); END",
    ],
    "postgis": [
        "CREATE TABLE audit (job_id TEXT)",
        "CREATE FUNCTION note_finished() RETURNS trigger AS 'BEGIN INSERT INTO audit VALUES (NEW.id); RETURN NEW; END' "
        "LANGUAGE plpgsql",
        "CREATE TRIGGER audit_finished AFTER UPDATE OF status ON jobs FOR EACH ROW "
        "WHEN (NEW.status = 'finished' AND OLD.status <> 'finished') EXECUTE FUNCTION note_finished()",
    ],
}


class Storm:
    """An instance, what was asked of it, and what was killed."""

    def __init__(self, instance: Instance, server: PostgresServer | None) -> None:
        self.instance = instance
        self.server = server
        self.rng = random.Random(SEED)
        self.port = free_port()
        self.jobs: dict[str, str] = {}  # id -> kind
        self.killed: Counter[str] = Counter()
        self.bag: list[str] = []  # who is to be killed next, so that nobody is spared for long
        self.web = instance.start_web(self.port)
        self.dask = DaskProcesses(instance)
        self.workers = [self._start_worker(number) for number in range(2)]
        self.tokens = {user: instance.token(user) for user in USERS}

    def _start_worker(self, number: int) -> subprocess.Popen[bytes]:
        """The first has its jobs' windows computed by Dask."""
        cluster = {"OPENEO_DASK_ADDRESS": self.dask.address} if number == 0 else {}
        return self.instance.start_code(SLOW_WORKER, **cluster)

    def submit(self, kind: str | None = None) -> None:
        """A job over HTTP; while the web process is away, straight into the queue."""
        user = self.rng.choice(USERS)
        kind = kind or self.rng.choice(["sum", "map", "map", "cube", "cube", "fault"])
        with contextlib.suppress(httpx.HTTPError):
            headers = {"Authorization": f"Bearer {self.tokens[user]}"}
            base = f"http://127.0.0.1:{self.port}/openeo/v1/jobs"
            with httpx.Client(headers=headers, timeout=10, trust_env=False) as client:
                created = client.post(base, json={"process": KINDS[kind]})
                if created.status_code == 201:
                    id = created.headers["OpenEO-Identifier"]
                    if client.post(f"{base}/{id}/results").status_code == 202:
                        self.jobs[id] = kind
                        return
        jobs = self.instance.backend.jobs
        id = jobs.create(user, KINDS[kind]).id
        jobs.enqueue(id, user)
        self.jobs[id] = kind

    def strike(self) -> None:
        """Kill something, and start it again."""
        if not self.bag:
            victims = ["web", *2 * ["worker"], *2 * ["job"], *2 * ["Dask worker"], "Dask scheduler"]
            victims += 2 * ["database"] if self.server else []
            self.bag = self.rng.sample(victims, len(victims))
        victim = self.bag.pop()
        number = self.rng.randrange(2)
        if victim == "web":
            _kill(self.web)
            self.web = self.instance.start_web(self.port)
        elif victim == "worker":
            _kill(self.workers[number])
            self.workers[number] = self._start_worker(number)
        elif victim == "job":
            self.submit("cube")
            until(lambda: any(_children_of(worker.pid) for worker in self.workers), every_s=0.001)
            for pid in [pid for worker in self.workers for pid in _children_of(worker.pid)][:1]:
                time.sleep(self.rng.uniform(0, 0.5))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        elif victim.startswith("Dask"):
            before = self.dask.windows
            self.submit("map")
            until(lambda: self.dask.windows > before or self.ended(), every_s=0.1)
            time.sleep(self.rng.uniform(0, 0.5))
            _kill(self.dask.scheduler if victim == "Dask scheduler" else self.dask.workers[number])
            self.dask.tend()
        else:
            assert self.server is not None
            self.server.kill()
            self.server.start()
        self.killed[victim] += 1

    def ended(self) -> bool:
        self.dask.tend()
        states = self.instance.backend.jobs.states(self.jobs)
        assert set(states) == set(self.jobs), "a job is lost"
        return not any(status in ("queued", "running") for status, _ in states.values())


class DaskProcesses:
    """A scheduler and two workers by the commands of docker-compose.yml; `tend` is its restart policy."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._port = free_port()
        self.address = f"tcp://127.0.0.1:{self._port}"
        self._counter = instance.folder / "counter.txt"
        self._preload = instance.folder / "slow_dask.py"
        self._preload.write_text(SLOW_DASK.format(counter=str(self._counter)))
        self.scheduler = self._start("dask-scheduler")
        self.workers = [self._start("dask-worker") for _ in range(2)]

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        more = ["--preload", str(self._preload)] if name == "dask-worker" else []
        quiet = {"DASK_LOGGING__DISTRIBUTED": "error"}
        return self._instance.start_command([*command(services()[name], self._port), *more], **quiet)

    def tend(self) -> None:
        """Start again what has ended; a worker ends by itself when its scheduler is gone."""
        if self.scheduler.poll() is not None:
            self.scheduler = self._start("dask-scheduler")
        for number, worker in enumerate(self.workers):
            if worker.poll() is not None:
                self.workers[number] = self._start("dask-worker")

    @property
    def windows(self) -> int:
        """How many windows Dask workers have computed."""
        return len(self._counter.read_text().splitlines()) if self._counter.exists() else 0


@pytest.fixture(params=["sqlite", "postgis"])
def storm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storm]:
    server = request.getfixturevalue("postgis_server") if request.param == "postgis" else None
    instance = Instance(
        tmp_path, server.new_database() if server else None,
        lease_s="2", heartbeat_s="0.4", threads="1", keep_windows_after_s="0", job_attempts_max="1000",
        memory_budget_bytes=str(2**25),
    )  # fmt: skip
    instance.prepare(*USERS, size=1100, dates=2)
    with instance.backend.database.session() as session:
        for statement in AUDIT[request.param]:
            session.execute(text(statement))
    yield Storm(instance, server)
    instance.close()


@pytest.mark.timeout(1200)
def test_whatever_is_killed_every_job_comes_to_an_honest_end_and_every_result_is_whole(storm: Storm) -> None:
    expected = {kind: reference(storm, kind) for kind in ("sum", "map", "cube")}
    for _ in range(ROUNDS):
        for _ in range(storm.rng.randint(0, 2)):
            storm.submit()
        time.sleep(storm.rng.uniform(0, 0.8))  # a random moment is the point
        storm.strike()
        storm.dask.tend()
    assert sum(storm.killed.values()) == ROUNDS
    until(storm.ended, within_s=240, every_s=0.1)

    jobs = {id: storm.instance.backend.jobs.find(id) for id in storm.jobs}
    by_state = Counter((storm.jobs[id], job.status) for id, job in jobs.items())
    print(f"killed {dict(storm.killed)}; ended {dict(by_state)}; attempts {sum(j.attempts for j in jobs.values())}; "
          f"Dask windows {storm.dask.windows}")  # fmt: skip
    assert storm.dask.windows > 0
    assert {status for _, status in by_state} <= {"finished", "error"}
    assert ("fault", "finished") not in by_state
    for id, job in jobs.items():
        if job.status == "finished":
            assert content(storm.instance, id, job.owner) == expected[storm.jobs[id]], "a result is not whole"
            assert job.error is None
        else:
            assert job.error is not None
            assert storm.jobs[id] == "fault" or "was killed (SIGKILL)" in job.error["message"]
            assert id not in {c["id"] for c in storm.instance.backend.collections.list(job.owner, kind="result")}
    crashed = [id for id, job in jobs.items() if job.status == "error" and storm.jobs[id] != "fault"]
    assert len(crashed) <= storm.killed["job"]
    assert finishes(storm) == Counter({id: 1 for id, job in jobs.items() if job.status == "finished"})
    takes_turns(storm)
    nothing_is_left_over(storm)


def reference(storm: Storm, kind: str) -> Any:
    """What a job gives that nobody disturbs."""
    jobs = storm.instance.backend.jobs
    id = jobs.enqueue(jobs.create("ada", KINDS[kind]).id, "ada").id
    storm.jobs[id] = kind
    until(storm.ended)
    return content(storm.instance, id, "ada")


def content(instance: Instance, id: str, owner: str) -> Any:
    """The values in the files of a result, by name; every pixel is read."""
    document = instance.backend.collections.get(id, owner)
    assert instance.backend.collections.count_items(id) == (0 if "result.json" in document["assets"] else 1)
    return {name: _values(Path(asset["href"])) for name, asset in document["assets"].items()}


def _values(path: Path) -> Any:
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".nc":
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            return [_digest(data[...]) for _, data in sorted(file.variables.items()) if data.ndim == 2]
    with rasterio.open(path) as file:
        return [_digest(file.read(band)) for band in file.indexes]


def _digest(values: Any) -> tuple[Any, ...]:
    return values.shape, str(values.dtype), hash(np.ascontiguousarray(values).tobytes())


def finishes(storm: Storm) -> Counter[str]:
    """How often each job came to its end, from the database's own audit."""
    with storm.instance.backend.database.reading() as session:
        return Counter(session.scalars(text("SELECT job_id FROM audit")))


def takes_turns(storm: Storm) -> None:
    """After all that: who comes late with few jobs does not wait behind one with many."""
    for worker in storm.workers:
        _kill(worker)
    jobs = storm.instance.backend.jobs
    many = [jobs.enqueue(jobs.create("ada", KINDS["sum"]).id, "ada").id for _ in range(6)]
    few = [jobs.enqueue(jobs.create("bob", KINDS["sum"]).id, "bob").id for _ in range(2)]
    storm.jobs |= dict.fromkeys(many + few, "sum")
    storm.workers = [storm.instance.start_code(SLOW_WORKER)]
    until(storm.ended)
    started = sorted(many + few, key=lambda id: jobs.find(id).started.timestamp())
    assert [id for id in started[:4] if id in few] == few


def nothing_is_left_over(storm: Storm) -> None:
    results, windows = storm.instance.settings.results_dir, storm.instance.settings.data_dir / "windows"
    finished = {id for id in storm.jobs if storm.instance.backend.jobs.find(id).status == "finished"}
    failed = set(storm.jobs) - finished
    until(lambda: not [path for path in results.iterdir() if path.name.startswith(".") and not _is_kept(path, failed)])
    assert finished <= {path.name for path in results.iterdir()}
    assert [folder for folder in windows.iterdir() if is_held(folder)] == []  # the rest is swept by a later run


def _is_kept(path: Path, failed: set[str]) -> bool:
    """Whether a folder holds the windows of a failed job, of which its owner may still ask for a partial result."""
    _, id, rest = path.name.split(".", 2)
    return id in failed and rest.startswith("kept-")


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _children_of(pid: int) -> list[int]:
    found: list[int] = []
    read: Callable[[Path], str] = Path.read_text
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, read(file).split())
    return found
