"""The queue under load: how soon a small job starts, how fast its state is told, how listing grows.

    python -m benchmarks.queue [--url postgresql://...] [--seconds 20]

Starts a web process and one worker of its own on loopback. Prints JSON and writes build/queue.json:
start_ms    from the request that queues a small job to its being `running`, the machine idle
poll_ms     `GET /jobs/{id}` by 50 clients, each once a second, while 1,000 jobs of 20 users wait and run
fair        the most jobs of one user that ran before some user had their first one
list_ms     one page of 100 of 10,000 jobs: first page, page in the middle, last page
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from config.settings import load_settings
from openeo_plugin.backend import Backend, open_backend

ADD = {"process_graph": {"add": {"process_id": "add", "arguments": {"x": 1, "y": 2}, "result": True}}}
USERS, JOBS, CLIENTS, MANY = 20, 1000, 50, 10_000


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--url", help="SQLAlchemy URL of an empty database; SQLite by default")
    parser.add_argument("--seconds", type=float, default=20, help="how long clients poll")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), database_url=given.url)
        backend = open_backend(settings)
        tokens = [_user(backend, f"user{number}") for number in range(USERS)]
        port = _free_port()
        web = _start(folder, given.url, "serve", "--no-worker", "--port", str(port))
        worker = _start(folder, given.url, "worker")
        try:
            base = f"http://127.0.0.1:{port}/openeo/v1"
            _wait(base)
            result = {
                "database": "postgresql" if given.url else "sqlite",
                "cores": os.cpu_count(),
                "start_ms": _start_latency(backend, base, tokens[0]),
                **asyncio.run(_crowd(backend, base, tokens, given.seconds)),
                "list_ms": _listing(backend, base),
            }
        finally:
            for process in (web, worker):
                process.send_signal(signal.SIGTERM)
                process.wait(20)
            backend.database.dispose()
    text = json.dumps(result, indent=1)
    Path("build").mkdir(exist_ok=True)
    Path("build/queue.json").write_text(text)
    print(text)


def _start_latency(backend: Backend, base: str, token: str, count: int = 20) -> dict[str, float]:
    """Small jobs one after the other; each is finished before the next is queued."""
    waits, ends = [], []
    with httpx.Client(headers=_headers(token), trust_env=False) as client:
        for _ in range(count + 1):
            id = client.post(f"{base}/jobs", json={"process": ADD}).headers["OpenEO-Identifier"]
            client.post(f"{base}/jobs/{id}/results").raise_for_status()
            while backend.jobs.find(id).status != "finished":
                time.sleep(0.01)
            job = backend.jobs.find(id)
            assert job.started is not None
            assert job.queued is not None
            assert job.finished is not None
            waits.append((job.started - job.queued).total_seconds() * 1000)
            ends.append((job.finished - job.queued).total_seconds() * 1000)
    return {**_told(waits[1:]), "until_finished_p50": round(statistics.median(ends[1:]), 1)}


async def _crowd(backend: Backend, base: str, tokens: list[str], seconds: float) -> dict[str, Any]:
    """1,000 jobs wait and run while 50 clients poll theirs."""
    ids: list[tuple[str, str]] = []
    for number in range(JOBS):
        user = number % USERS
        job = backend.jobs.create(f"user{user}", ADD)
        backend.jobs.enqueue(job.id, f"user{user}")
        ids.append((job.id, tokens[user]))
    times: list[float] = []
    stop = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=CLIENTS)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=30) as client:

        async def poll(place: int) -> None:
            await asyncio.sleep(place / CLIENTS)
            while time.monotonic() < stop:
                id, token = ids[(place * 19) % JOBS]
                begun = time.perf_counter()
                answer = await client.get(f"{base}/jobs/{id}", headers=_headers(token))
                times.append((time.perf_counter() - begun) * 1000)
                answer.raise_for_status()
                await asyncio.sleep(max(0.0, 1 - (time.perf_counter() - begun)))

        await asyncio.gather(*(poll(place) for place in range(CLIENTS)))
    started = sorted(
        (job.started, job.owner)
        for user in range(USERS)
        for job in backend.jobs.list(f"user{user}")
        if job.started is not None and job.id in {id for id, _ in ids}
    )
    first_round = Counter(owner for _, owner in started[:USERS])
    counts = Counter(owner for _, owner in started)
    return {
        "poll_ms": {**_told(times), "requests": len(times)},
        "jobs_per_s": round(len(started) / seconds, 1),
        "fair": {
            "in_first_20_starts": max(first_round.values()),
            "spread": max(counts.values()) - min(counts.values()),
        },
    }


def _listing(backend: Backend, base: str) -> dict[str, float]:
    """Pages of a user with 10,000 jobs."""
    token = _user(backend, "collector")
    for _ in range(MANY):
        backend.jobs.create("collector", ADD)
    found = {}
    with httpx.Client(headers=_headers(token), trust_env=False, timeout=60) as client:
        url: str | None = f"{base}/jobs?limit=100"
        times = []
        while url:
            begun = time.perf_counter()
            page = client.get(url).json()
            times.append((time.perf_counter() - begun) * 1000)
            url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
            if url:
                url = f"{base}{url.split('/openeo/v1', 1)[1]}"
    half = len(times) // 2
    found = {"first": times[0], "middle": statistics.median(times[half - 3 : half + 3]), "last": times[-1]}
    found["first"] = statistics.median(times[:5])
    found["last"] = statistics.median(times[-5:])
    return {**{name: round(value, 1) for name, value in found.items()}, "pages": len(times)}


def _told(times_ms: list[float]) -> dict[str, float]:
    ordered = sorted(times_ms)
    share = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    return {name: round(ordered[min(len(ordered) - 1, int(part * len(ordered)))], 1) for name, part in share.items()}


def _user(backend: Backend, name: str) -> str:
    backend.auth.basic.add_user(name, secrets.token_hex(16))
    return f"basic//{backend.users.issue_token(name, 3600)}"


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _start(folder: str, url: str | None, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "openeo_plugin.cli", *arguments, "--data-dir", folder]
    command += ["--database-url", url] if url else []
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wait(base: str) -> None:
    while True:
        try:
            httpx.get(f"{base}/", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    main()
