"""Tiles made ahead of requests: ordered over HTTP and on the command line, stopped, and taken up again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import httpx
import pytest
from instance import until
from map_server import publish, running_server, write_pattern

from services.seed_ledger import UNFINISHED


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeding")
    with running_server(folder / "data", write_pattern(folder / "pattern")) as running:
        for name in ("ann", "bob"):
            running.backend.users.create(name, None)
        yield running


@pytest.fixture
def service(server):
    return publish(server, "XYZ", None, {"bands": ["B04"], "rescale": [0, 200]})


def as_user(server, name="ann"):
    token = server.backend.users.issue_token(name, 600)
    headers = {"Authorization": f"Bearer basic//{token}"}
    return httpx.Client(base_url=f"{server.base}/openeo/v1", headers=headers, timeout=60)


def ended(client, address):
    until(lambda: client.get(address).json()["status"] not in UNFINISHED, within_s=120, every_s=0.1)
    return client.get(address).json()


def files_of(server, service):
    folder = server.backend.settings.data_dir / "tiles"
    return [path for path in folder.glob(f"public/{service.id}/**/*") if path.is_file()]


def seeded(server, service, *arguments, **more):
    command = [sys.executable, "-m", "openeo_plugin.cli", "seed", service.id, "--data-dir"]
    command += [str(server.backend.settings.data_dir), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def test_tiles_that_an_owner_orders_are_made_and_served(server, service):
    client, address = as_user(server), f"/services/{service.id}/seed"
    taken = client.post(address, json={"zoom": [8, 11], "dates": "all"})
    assert taken.status_code == 202, taken.text
    assert taken.headers["location"].endswith(address)
    found = ended(client, address)
    assert (found["status"], found["progress"], found["failed"]) == ("finished", 100, 0)
    assert found["made"] == found["total"] == len(files_of(server, service)) > 12
    made = {path.read_bytes() for path in files_of(server, service)}
    tile = httpx.get(f"{server.base}/tiles/{service.id}/11/1109/735.png?time=2020-06-11")
    assert tile.content in made
    messages = [entry["message"] for entry in client.get(f"/services/{service.id}/logs").json()["logs"]]
    assert any(f"{found['total']} tiles are to be made" in message for message in messages)
    assert any("finished" in message for message in messages)


def test_the_same_order_again_finds_everything_there(server, service):
    client, address = as_user(server), f"/services/{service.id}/seed"
    for _ in range(2):
        client.post(address, json={"zoom": [9, 10]})
        found = ended(client, address)
    assert (found["made"], found["kept"]) == (0, found["total"])


def test_orders_are_the_owners_business(server, service):
    address = f"/services/{service.id}/seed"
    for method in ("POST", "GET", "DELETE"):
        answer = as_user(server, "bob").request(method, address)
        assert (answer.status_code, answer.json()["code"]) == (404, "ServiceNotFound")
        assert httpx.request(method, f"{server.base}/openeo/v1{address}").status_code == 401
    assert as_user(server).get(address).status_code == 404
    assert as_user(server).delete(address).status_code == 204


@pytest.mark.parametrize(
    "order", [{"zoom": [0, 40]}, {"zoom": [0, 20]}, {"bbox": [100, 0, 110, 10]}, {"dates": ["1999"]}, {"what": 1}]
)
def test_an_order_that_can_not_be_met_is_refused_at_once(server, service, order):
    answer = as_user(server).post(f"/services/{service.id}/seed", json=order)
    assert (answer.status_code, answer.json()["code"]) == (400, "RequestInvalid")
    assert as_user(server).get(f"/services/{service.id}/seed").status_code == 404


def test_an_order_can_be_stopped_and_given_again(server, service):
    client, address = as_user(server), f"/services/{service.id}/seed"
    assert client.post(address, json={"zoom": [15, 16], "dates": "all"}).status_code == 202
    again = client.post(address, json={})
    assert (again.status_code, "already" in again.json()["message"]) == (400, True)
    until(lambda: client.get(address).json()["made"] > 0, within_s=120)
    assert client.delete(address).status_code == 204
    found = ended(client, address)
    assert found["status"] == "canceled"
    assert 0 < found["made"] < found["total"]
    assert client.post(address, json={"zoom": 8}).status_code == 202
    assert ended(client, address)["status"] == "finished"


def test_tiles_of_a_deleted_service_are_gone(server, service):
    client, address = as_user(server), f"/services/{service.id}/seed"
    client.post(address, json={"zoom": [8, 9]})
    ended(client, address)
    assert files_of(server, service)
    assert client.delete(f"/services/{service.id}").status_code == 204
    assert files_of(server, service) == []
    assert client.get(address).status_code == 404


def test_a_service_that_changes_is_not_made_on(server, service):
    client, address = as_user(server), f"/services/{service.id}/seed"
    client.post(address, json={"zoom": [15, 16], "dates": "all"})
    until(lambda: client.get(address).json()["made"] > 0, within_s=120)
    client.patch(f"/services/{service.id}", json={"configuration": {"bands": ["B08"], "rescale": [0, 240]}})
    found = ended(client, address)
    assert found["status"] == "canceled"
    assert "changed" in found["message"]


def test_the_command_line_makes_tiles_that_the_server_hands_out(server, service):
    with seeded(server, service, "--zoom", "8-10", "--all-dates", "--format", "webp") as command:
        out, progress = command.communicate(timeout=120)
    assert command.returncode == 0, progress
    assert out.startswith("finished: ")
    assert "100%" in progress
    made = {path.read_bytes() for path in files_of(server, service)}
    assert httpx.get(f"{server.base}/tiles/{service.id}/9/277/183.webp").content in made
    assert as_user(server).get(f"/services/{service.id}/seed").json()["status"] == "finished"


def test_an_interrupted_command_goes_on_where_it_was(server, service):
    order = ("--zoom", "14-15", "--all-dates")
    with seeded(server, service, *order) as command:
        until(lambda: len(files_of(server, service)) > 5, within_s=120)
        command.send_signal(signal.SIGINT)
        out, progress = command.communicate(timeout=120)
    assert (command.returncode, out.split(":")[0]) == (1, "canceled"), progress
    there = len(files_of(server, service))
    with seeded(server, service, *order) as command:
        until(lambda: len(files_of(server, service)) > there, within_s=120)
        os.kill(command.pid, signal.SIGKILL)
        command.communicate(timeout=120)
    found = as_user(server).get(f"/services/{service.id}/seed").json()
    assert (found["status"], "interrupted" in found["message"]) == ("error", True)
    with seeded(server, service, *order) as command:
        out, progress = command.communicate(timeout=300)
    assert command.returncode == 0, progress
    found = as_user(server).get(f"/services/{service.id}/seed").json()
    assert found["kept"] > there
    assert found["kept"] + found["made"] == found["total"]


def test_an_owner_stops_what_a_command_makes(server, service):
    client, address = as_user(server), f"/services/{service.id}/seed"
    with seeded(server, service, "--zoom", "15-16", "--all-dates") as command:
        until(lambda: len(files_of(server, service)) > 5, within_s=120)
        refused = client.post(address, json={"zoom": 8})
        assert client.delete(address).status_code == 204
        out, progress = command.communicate(timeout=120)
    assert (refused.status_code, "already" in refused.json()["message"]) == (400, True)
    assert (command.returncode, out.split(":")[0]) == (1, "canceled"), progress


def test_tiles_of_a_private_service_lie_apart_and_are_the_owners(server):
    configuration = {"bands": ["B04"], "rescale": [0, 200], "access": "private"}
    hidden = publish(server, "XYZ", None, configuration)
    client, address = as_user(server), f"/services/{hidden.id}/seed"
    assert client.post(address, json={"zoom": [11, 11]}).status_code == 202
    found = ended(client, address)
    assert (found["status"], found["made"]) == ("finished", found["total"])
    assert files_of(server, hidden) == []
    folder = server.backend.settings.data_dir / "tiles"
    kept = [path for path in folder.glob(f"private-*/{hidden.id}/**/*") if path.is_file()]
    assert len(kept) == found["made"]
    tile = f"{server.base}/tiles/{hidden.id}/11/1109/735.png"
    assert httpx.get(tile).status_code == 404
    own = httpx.get(tile, headers={"Authorization": client.headers["authorization"]})
    assert own.content in {path.read_bytes() for path in kept}
