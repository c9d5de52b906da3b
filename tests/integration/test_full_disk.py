"""A disk that is really full: the job fails clearly, leaves nothing, and everything goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from instance import Instance, free_port, graph, mean_over_time, node, until, wait_for_web

SIZE = 1100  # the mean of two dates is float32: 4.8 MB for a band, which hardly compress


def mounted(folder: Path, size: str) -> bool:
    """Whether there is a file system in memory of that size now."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", str(folder)]
    for prefix in ([], ["sudo", "-n"]):
        try:
            if subprocess.run([*prefix, *command], capture_output=True, check=False).returncode == 0:
                return True
        except FileNotFoundError:
            continue
    return False


def unmount(folder: Path) -> None:
    prefix = [] if os.getuid() == 0 else ["sudo", "-n"]
    subprocess.run([*prefix, "umount", "-l", str(folder)], check=False)


@pytest.fixture(params=["results on it", "everything on it"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """An instance whose results, or whose results and database, lie on a small disk."""
    alone = request.param == "results on it"
    disk = tmp_path / "data" / "results" if alone else tmp_path / "data"
    if not mounted(disk, "2m" if alone else "12m"):
        pytest.skip("NO REAL FULL DISK: mounting a small tmpfs needs root, or sudo without a password")
    instance = Instance(tmp_path, lease_s="5", heartbeat_s="0.5", threads="2", keep_windows_after_s="0")
    try:
        instance.prepare("ada", size=SIZE, dates=2)
        yield instance
    finally:
        instance.close()
        unmount(disk)


@pytest.mark.parametrize(("format", "options"), [("GTiff", {}), ("GTiff", {"compress": "NONE"}), ("netCDF", {})])
def test_a_job_on_a_full_disk_fails_in_clear_words_and_leaves_nothing(
    instance: Instance, format: str, options: dict[str, Any]
) -> None:
    port = free_port()
    web, worker = instance.start_web(port), instance.start_worker()
    wait_for_web(port)
    results = instance.settings.results_dir
    results.mkdir(exist_ok=True)
    process = mean_over_time(format, bands=("B02", "B03", "B04", "B08"))
    process["process_graph"]["save"]["arguments"]["options"] = options
    with instance.client(port, "ada") as client:
        id = client.post("/jobs", json={"process": process}).headers["OpenEO-Identifier"]
        assert client.post(f"/jobs/{id}/results").status_code == 202
        until(lambda: client.get(f"/jobs/{id}").json()["status"] not in ("queued", "running"))
        answer = client.get(f"/jobs/{id}/results")
        assert (answer.status_code, answer.json()["code"]) == (424, "StorageFailure")
        assert "the disk is full. Delete results that you need no more" in answer.json()["message"]
        assert str(instance.folder) not in answer.text
        until(lambda: not [path for path in results.glob(f"*{id}*") if ".kept-" not in path.name])

        small = client.post("/jobs", json={"process": graph(add=node("add", x=1, y=2))}).headers["OpenEO-Identifier"]
        client.post(f"/jobs/{small}/results")
        until(lambda: client.get(f"/jobs/{small}").json()["status"] == "finished")
        assert client.delete(f"/jobs/{id}").status_code == 204
        assert client.delete(f"/jobs/{small}").status_code == 204
        until(lambda: not list(results.iterdir()))
    assert (web.poll(), worker.poll()) == (None, None)
