"""The worker with real processes: what happens when something is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, text

from db.jobs import Job, JobStore
from db.migrations.newest import NEWEST
from db.models import JobRow
from db.session import Database

ROOT = Path(__file__).parents[2]

# The worker process. What a job does stands in its title, so that each test can say it.
WORKER = """
import os, signal, subprocess, sys, time
from pathlib import Path
from config.settings import Settings
from db.jobs import JobStore
from db.session import Database
from openeo_plugin.errors import OpenEOError
from openeo_plugin.jobs.worker import Worker

url, folder, lease_s, parent = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
database = Database(url)
jobs = JobStore(database)
jobs.held(["a connection of the parent that must not cross the fork"])

real_fork = os.fork
def fork():
    if os.path.exists(os.environ.get("NO_FORK", "")):
        Path(os.environ["NO_FORK"] + ".tried").touch()
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return real_fork()
os.fork = fork

def run_job(id, board):
    job = jobs.find(id)
    (folder / f"{id}.pid").write_text(f"{os.getpid()} {os.getpgid(0)}")
    match job.title:
        case "finish": jobs.finish(id, job.worker, {"cpu": {"value": 1, "unit": "cpu-seconds"}})
        case "forget": pass
        case "openeo": raise OpenEOError("NoDataAvailable", node="load1")
        case "bug": raise KeyError("secret detail")
        case "exit": os._exit(3)
        case "oom": os.kill(os.getpid(), signal.SIGKILL)
        case "crash": os.kill(os.getpid(), signal.SIGSEGV)
        case "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
            (folder / f"{id}.helper").write_text(str(helper.pid))
            write_on(id)
        case "slow-once":
            if job.attempts == 1 and not (folder / f"{id}.once").exists():
                (folder / f"{id}.once").touch()
                write_on(id)
            jobs.finish(id, job.worker, {})
        case "hungry":
            board.write("computing\\nmerge1")
            held = b"x" * 250_000_000
            write_on(id)
        case _: write_on(id)

def write_on(id):
    while True:
        (folder / f"{id}.beat").write_text(str(time.monotonic()))
        time.sleep(0.02)

settings = Settings(
    lease_s=lease_s, heartbeat_s=lease_s / 5, job_poll_s=0.1, data_dir=folder,
    job_time_max_s=float(os.environ.get("TIME_MAX_S", 600)), job_memory_max_bytes=200_000_000,
)
Worker(settings, url, run_job, parent_pid=parent or None).run()
"""


class Bench:
    """A database, a folder, and the workers that were started on them."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.database = Database(url)
        self.database.migrate()
        self.jobs = JobStore(self.database)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_worker(self, lease_s: float = 30, parent_pid: int = 0, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", WORKER, self.url, str(self.folder), str(lease_s), str(parent_pid)]
        worker = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment})
        self.workers.append(worker)
        return worker

    def start_job(self, what: str, owner: str = "ada") -> str:
        return self.jobs.enqueue(self.jobs.create(owner, {}, title=what).id, owner).id

    def job(self, id: str) -> Job:
        return self.jobs.find(id)

    def number_in(self, name: str) -> int:
        """The first number in a file, once it is there."""
        file = self.folder / name
        until(lambda: file.exists() and file.read_text() != "")
        return int(file.read_text().split()[0])

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.database.dispose()


@pytest.fixture(params=["sqlite", "postgis"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    sqlite_url = f"sqlite:///{tmp_path / 'openeo.sqlite'}"
    bench = Bench(sqlite_url if request.param == "sqlite" else request.getfixturevalue("postgis_url"), tmp_path)
    with bench.database.session() as session:
        session.execute(delete(JobRow))
    yield bench
    bench.close()


def until(holds: Callable[[], bool], within_s: float = 90) -> float:
    """Wait until something holds; how long it took, in s."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < within_s, "it did not happen"
        time.sleep(0.01)
    return time.monotonic() - start


def lives(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return status != "Z"


def test_a_queued_job_runs_at_once_in_a_process_group_of_its_own(bench: Bench) -> None:
    worker = bench.start_worker()
    warm_up = bench.start_job("finish")
    until(lambda: bench.job(warm_up).status == "finished")
    id = bench.start_job("finish")
    until(lambda: bench.job(id).status == "finished")
    job = bench.job(id)
    assert job.queued is not None
    assert job.started is not None
    assert (job.started - job.queued).total_seconds() < 2  # some 0.1 s on an idle machine
    pid, group = map(int, (bench.folder / f"{id}.pid").read_text().split())
    assert pid == group != worker.pid
    assert job.usage == {"cpu": {"value": 1, "unit": "cpu-seconds"}}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("oom", ["SIGKILL", "ran out of memory", "smaller extent"]),
        ("crash", ["SIGSEGV", "damaged"]),
        ("exit", ["exit status 3"]),
        ("forget", ["exit status 0", "before it had stored a result"]),
        ("openeo", ["Node 'load1'", "no data"]),
        ("bug", ["unexpected condition", "id"]),
    ],
)
def test_a_job_whose_process_fails_is_an_error_that_its_user_understands(
    bench: Bench, what: str, words: list[str]
) -> None:
    bench.start_worker()
    id = bench.start_job(what)
    until(lambda: bench.job(id).status == "error")
    error = bench.job(id).error
    assert error is not None
    assert [word for word in words if word not in error["message"]] == []
    assert "secret detail" not in str(bench.jobs.logs(id))
    assert bench.jobs.logs(id, level="error")[0]["message"] == error["message"]
    after = bench.start_job("finish")
    until(lambda: bench.job(after).status == "finished")


def test_canceling_kills_even_a_stubborn_job_and_all_it_started_within_2_seconds(bench: Bench) -> None:
    bench.start_worker()
    id = bench.start_job("stubborn")
    pid, helper = bench.number_in(f"{id}.pid"), bench.number_in(f"{id}.helper")
    bench.jobs.cancel(id, "ada")
    assert until(lambda: not lives(pid) and not lives(helper)) < 2
    assert bench.job(id).status == "created"  # nothing is left that could be downloaded
    until(lambda: bench.job(id).worker is None)


def test_a_deleted_job_is_killed_and_what_it_left_is_discarded(bench: Bench) -> None:
    bench.start_worker()
    id = bench.start_job("endless")
    pid = bench.number_in(f"{id}.pid")
    left = [bench.folder / "results" / name for name in (id, f".{id}.0a1b2c3d", f".{id}.kept-7")]
    for folder in left:
        folder.mkdir(parents=True)
    bench.jobs.delete(id, "ada")
    assert until(lambda: not lives(pid)) < 2
    until(lambda: not any(folder.exists() for folder in left))


def test_a_worker_removes_what_dead_runs_and_deleted_jobs_left_and_nothing_else(bench: Bench) -> None:
    finished, running = bench.start_job("finish"), bench.start_job("other")
    for id in (finished, running):
        claimed = bench.jobs.claim(f"host-1-{id[:8]}", 300)
        assert claimed is not None
    results, gone = bench.folder / "results", 32 * "0"
    bench.jobs.finish(finished, f"host-1-{finished[:8]}")
    kept = [finished, f".{running}.{running[:8]}", f".{running}.kept-7", "somebody-else", ".hidden"]
    swept = [f".{finished}.{finished[:8]}", f".{finished}.kept-7", f".{running}.0a1b2c3d", gone, f".{gone}.0a1b2c3d"]
    for name in kept + swept:
        (results / name).mkdir(parents=True)
    bench.start_worker()
    until(lambda: not any((results / name).exists() for name in swept))
    assert all((results / name).exists() for name in kept)


def test_a_job_that_needs_too_much_memory_is_stopped_and_told_the_limit_and_a_way_out(bench: Bench) -> None:
    bench.start_worker()
    id = bench.start_job("hungry")
    until(lambda: bench.job(id).status == "error")
    error = bench.job(id).error
    assert error is not None
    assert error["message"].startswith("Node 'merge1': ")
    assert "more than 200 MB of memory, the limit of one job. Load fewer dates" in error["message"]
    assert (error["code"], error["path"]) == ("ProcessGraphComplexity", [{"node_id": "merge1"}])
    assert not lives(bench.number_in(f"{id}.pid"))


def test_a_job_that_runs_too_long_is_stopped_and_told_the_limit(bench: Bench) -> None:
    bench.start_worker(TIME_MAX_S="0.5")
    id = bench.start_job("endless")
    until(lambda: bench.job(id).status == "error")
    error = bench.job(id).error
    assert error is not None
    assert "longer than 0.5 s, the limit of one job" in error["message"]
    after = bench.start_job("finish")
    until(lambda: bench.job(after).status == "finished")


def test_a_job_canceled_and_started_again_runs_to_its_end_once(bench: Bench) -> None:
    bench.start_worker()
    id = bench.start_job("slow-once")
    first = bench.number_in(f"{id}.pid")
    until((bench.folder / f"{id}.once").exists)
    bench.jobs.cancel(id, "ada")
    bench.jobs.enqueue(id, "ada")
    until(lambda: bench.job(id).status == "finished")
    assert not lives(first)


def test_a_worker_told_to_stop_gives_its_job_back_at_once(bench: Bench) -> None:
    first = bench.start_worker()
    id = bench.start_job("slow-once")
    until((bench.folder / f"{id}.once").exists)
    pid = bench.number_in(f"{id}.pid")
    first.terminate()
    assert first.wait(timeout=5) == 0
    assert not lives(pid)
    assert (bench.job(id).status, bench.job(id).worker, bench.job(id).attempts) == ("queued", None, 0)
    bench.start_worker()
    until(lambda: bench.job(id).status == "finished")


def test_a_worker_gives_its_jobs_back_when_a_newer_version_has_changed_the_database(bench: Bench) -> None:
    worker = bench.start_worker()
    long = bench.start_job("forever")
    until((bench.folder / f"{long}.beat").exists)
    with bench.database.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9876'"))
    try:
        bench.jobs.cancel(long, "ada", keeps_results=False)
        id = bench.start_job("finish")
        until(lambda: worker.poll() is not None)
        assert worker.returncode == 1
        assert (bench.job(id).status, bench.job(id).attempts, bench.job(id).worker) == ("queued", 0, None)
    finally:
        with bench.database.session() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :newest"), {"newest": NEWEST})


def test_a_worker_waits_when_the_system_has_no_process_left_and_goes_on_afterwards(bench: Bench) -> None:
    worker = bench.start_worker(NO_FORK=str(bench.folder / "no-fork"))
    (bench.folder / "no-fork").touch()
    id = bench.start_job("finish")
    until((bench.folder / "no-fork.tried").exists)
    until(lambda: bench.job(id).status == "queued")
    assert worker.poll() is None
    (bench.folder / "no-fork").unlink()
    until(lambda: bench.job(id).status == "finished")
    assert bench.job(id).attempts == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_worker_told_to_stop_by_any_signal_gives_its_job_back(bench: Bench, number: signal.Signals) -> None:
    worker = bench.start_worker()
    id = bench.start_job("forever")
    until((bench.folder / f"{id}.beat").exists)
    worker.send_signal(number)
    assert worker.wait(10) == 0
    assert (bench.job(id).status, bench.job(id).attempts) == ("queued", 0)


def test_when_a_worker_is_killed_its_job_stops_writing_and_another_worker_finishes_it(bench: Bench) -> None:
    first = bench.start_worker(lease_s=1)
    id = bench.start_job("slow-once")
    until((bench.folder / f"{id}.once").exists)
    pid = bench.number_in(f"{id}.pid")
    lost = bench.job(id).worker
    first.kill()
    first.wait()
    until(lambda: not lives(pid), within_s=2)
    bench.start_worker(lease_s=1)
    until(lambda: bench.job(id).status == "finished")
    assert bench.job(id).attempts == 2
    assert lost is not None
    assert not bench.jobs.log(id, "info", "late", worker_id=lost)


def test_a_live_worker_keeps_a_job_longer_than_one_lease(bench: Bench) -> None:
    bench.start_worker(lease_s=0.5)
    id = bench.start_job("endless")
    until(lambda: bench.job(id).status == "running")
    first = bench.job(id).lease_until
    assert first is not None
    until(lambda: (bench.job(id).lease_until or first).timestamp() > first.timestamp() + 1)
    assert bench.job(id).attempts == 1


def test_a_worker_ends_with_its_parent_and_takes_its_jobs_along(bench: Bench) -> None:
    keeper = subprocess.Popen(
        [sys.executable, "-c", PARENT, WORKER, bench.url, str(bench.folder)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert keeper.stdout is not None
    worker_pid = int(keeper.stdout.readline())
    id = bench.start_job("endless")
    pid = bench.number_in(f"{id}.pid")
    keeper.kill()
    keeper.wait()
    keeper.stdout.close()
    until(lambda: not lives(pid) and not lives(worker_pid), within_s=5)
    assert bench.job(id).status == "queued"


PARENT = """
import os, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2], sys.argv[3], "30", str(os.getpid())])
print(worker.pid, flush=True)
time.sleep(120)
"""


def test_a_worker_whose_parent_is_gone_already_does_not_start(bench: Bench) -> None:
    worker = bench.start_worker(parent_pid=1 if os.getpid() != 1 else 2)
    assert worker.wait(timeout=60) == 0


def test_two_workers_share_the_queue_and_run_each_job_once(bench: Bench) -> None:
    ids = [bench.start_job("finish", owner) for owner in ("ada", "bob") for _ in range(10)]
    bench.start_worker()
    bench.start_worker()
    until(lambda: all(bench.job(id).status == "finished" for id in ids))
    assert {bench.job(id).attempts for id in ids} == {1}
