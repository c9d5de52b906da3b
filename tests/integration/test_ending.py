"""How a server with its worker ends: within seconds, with all that it has started, and without a loss."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from instance import Instance, free_port, mean_over_time, until, wait_for_web

SECONDS = 15  # on a machine with much to do; the server itself gives clients five


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance(tmp_path, threads="1", lease_s="60", heartbeat_s="1")
    instance.prepare("ann")
    yield instance
    instance.close()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def descendants(pid: int) -> list[int]:
    files = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for file in files for child in file.read_text().split()]
    return children + [found for child in children for found in descendants(child)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_server_ends_within_seconds_and_no_job_is_lost(instance: Instance, number: signal.Signals) -> None:
    port = free_port()
    server = instance.start("serve", "--port", str(port))
    wait_for_web(port)
    jobs = instance.backend.jobs
    ids = [jobs.enqueue(jobs.create("ann", mean_over_time()).id, "ann").id for _ in range(40)]
    listener = threading.Thread(target=listen, args=(instance, port, ids[-1], heard := []))
    listener.start()
    until(lambda: bool(heard) and jobs.find(ids[0]).status == "finished")
    started = [pid for pid in descendants(server.pid) if is_alive(pid)]
    assert started  # the worker, and mostly a job

    began = time.monotonic()
    server.send_signal(number)
    server.wait(60)

    assert time.monotonic() - began < SECONDS
    assert [pid for pid in started if is_alive(pid)] == []
    found = [jobs.find(id) for id in ids]
    assert {job.status for job in found} <= {"queued", "finished"}
    assert {(job.attempts, job.worker) for job in found if job.status == "queued"} <= {(0, None)}
    listener.join(10)
    assert heard[-1] == "the end"


def listen(instance: Instance, port: int, id: str, heard: list[str]) -> None:
    """Follow the events of a job until the server ends the stream as it should."""
    with instance.client(port, "ann") as client, client.stream("GET", f"/jobs/{id}/events") as answer:
        for line in answer.iter_lines():
            heard.append(line)
    heard.append("the end")
