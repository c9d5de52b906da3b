"""Web servers that keep tiles in one Redis server: shared, private, gone with the service; and what if it dies."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from instance import until
from map_server import publish, running_server, write_pattern
from redis_server import RedisServer

from services.seed_ledger import UNFINISHED

STYLE = {"bands": ["B04"], "rescale": [0, 200]}
PATIENT = {"tile_cache_timeout_s": 60}
TILE = "11/1109/735.png"
HEAD_BYTES = 32
MANY = [f"15/{x}/{y}.png" for x in range(17748, 17756) for y in range(11770, 11778)]


@pytest.fixture
def redis(has_redis):
    with RedisServer() as server:
        yield server


@pytest.fixture
def serving(redis, tmp_path):
    """Starts servers of one instance, the first with the pattern and two users; all end with the test."""
    running = []

    def start(**settings):
        folders = [] if running else [write_pattern(tmp_path / "pattern")]
        options = {"tile_cache_url": redis.url, **PATIENT, **settings}
        one = running_server(tmp_path / "data", *folders, **options)
        server = one.__enter__()
        running.append(one)
        if folders:
            for name in ("ann", "bob"):
                server.backend.users.create(name, None)
        return server

    yield start
    for one in reversed(running):
        one.__exit__(None, None, None)


@pytest.fixture
def server(serving):
    return serving()


def as_user(server, name="ann"):
    token = server.backend.users.issue_token(name, 600)
    headers = {"Authorization": f"Bearer basic//{token}"}
    return httpx.Client(base_url=f"{server.base}/openeo/v1", headers=headers, timeout=60)


def got(server, service, tile=TILE, **more):
    return httpx.get(f"{server.base}/tiles/{service.id}/{tile}", timeout=60, **more)


def pictures(redis, service):
    """Key and value of each kept tile."""
    return {name: redis.client.get(name) for name in redis.client.keys(f"*:{service.id}:*")}


def mark(redis, service):
    """Replaces each kept picture, so that who shows it had it from there."""
    for name, value in pictures(redis, service).items():
        redis.client.set(name, value[:HEAD_BYTES] + b"marked")


def ended(client, address):
    until(lambda: client.get(address).json()["status"] not in UNFINISHED, every_s=0.1)
    return client.get(address).json()


def test_what_one_server_has_made_the_others_show(redis, serving):
    first, second = serving(), serving()
    service = publish(first, "XYZ", None, STYLE)
    made = got(first, service)
    assert (made.status_code, made.headers["content-type"]) == (200, "image/png")
    (value,) = pictures(redis, service).values()
    assert value[HEAD_BYTES:] == made.content
    mark(redis, service)
    assert got(second, service).content == b"marked"
    assert got(first, service).content == b"marked"
    wmts = f"{second.base}/ogc/{service.id}/wmts"
    assert httpx.get(wmts, timeout=60).status_code < 500
    assert not (first.backend.settings.data_dir / "tiles").exists()


def test_a_changed_service_shows_nothing_old_on_any_server(redis, serving):
    first, second = serving(), serving()
    service = publish(first, "XYZ", None, STYLE)
    for server in (first, second):
        got(server, service)
    mark(redis, service)
    changed = {"configuration": {**STYLE, "rescale": [0, 100]}}
    assert as_user(first).patch(f"/services/{service.id}", json=changed).status_code == 204
    answers = [got(server, service) for server in (second, first)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content != b"marked"


@pytest.mark.parametrize("way", ["deleted", "disabled"])
def test_a_service_that_is_gone_shows_no_tile_on_any_server(redis, serving, way):
    first, second = serving(), serving()
    service = publish(first, "XYZ", None, STYLE)
    assert [got(server, service).status_code for server in (first, second)] == [200, 200]
    if way == "deleted":
        assert as_user(first).delete(f"/services/{service.id}").status_code == 204
        assert not redis.client.keys(f"tiles:*:{service.id}")
    else:
        assert as_user(first).patch(f"/services/{service.id}", json={"enabled": False}).status_code == 204
    assert [got(server, service).status_code for server in (first, second)] == [404, 404]


def test_tiles_of_a_private_service_are_the_owners(redis, server):
    service = publish(server, "XYZ", None, {**STYLE, "access": "private"})
    tile = f"{server.base}/tiles/{service.id}/{TILE}"
    own = {"Authorization": as_user(server).headers["authorization"]}
    assert httpx.get(tile, headers=own, timeout=60).status_code == 200
    assert all(f":{service.id}:private-".encode() in name for name in pictures(redis, service))
    mark(redis, service)
    assert httpx.get(tile, headers=own, timeout=60).content == b"marked"
    foreign = {"Authorization": as_user(server, "bob").headers["authorization"]}
    for headers in ({}, foreign):
        assert httpx.get(tile, headers=headers, timeout=60).status_code == 404
    opened = as_user(server).patch(f"/services/{service.id}", json={"configuration": {**STYLE, "access": "public"}})
    assert opened.status_code == 204
    assert httpx.get(tile, timeout=60).content not in (b"marked", b"")


def test_maps_of_collections_are_shared_as_well(redis, server):
    tile = f"{server.base}/oapi/collections/pattern/map/tiles/WebMercatorQuad/11/735/1109?f=png"
    first = httpx.get(tile, timeout=60)
    tile = tile if first.status_code == 200 else tile.replace("/map/tiles", "/tiles")
    assert httpx.get(tile, timeout=60).status_code == 200
    names = redis.client.keys("*:collection-*:public:*")
    assert names
    for name in names:
        redis.client.set(name, redis.client.get(name)[:HEAD_BYTES] + b"marked")
    assert httpx.get(tile, timeout=60).content == b"marked"
    assert httpx.get(tile.replace("WebMercatorQuad", "a%00b"), timeout=60).status_code < 500


def test_tiles_still_come_when_redis_is_killed_in_the_middle(redis, serving, caplog, monkeypatch):
    monkeypatch.setattr("services.tile_redis.WARN_EVERY_S", 3600)
    server = serving(tile_cache_timeout_s=0.25)
    service = publish(server, "XYZ", None, STYLE)
    plain = {tile: got(server, service, tile).content for tile in MANY[:4]}
    killed = threading.Event()

    def tile_of(number):
        if number == len(MANY) // 2:
            redis.kill()
            killed.set()
        return got(server, service, MANY[number])

    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(tile_of, range(len(MANY))))
        assert killed.is_set()
        after = [got(server, service, tile) for tile in MANY]
    assert {answer.status_code for answer in answers + after} == {200}
    assert [answer.content for answer in answers] == [answer.content for answer in after]
    assert {tile: answers[MANY.index(tile)].content for tile in plain} == plain
    warnings = [record.getMessage() for record in caplog.records if "tile_cache_url" in record.getMessage()]
    assert len(warnings) == 1
    redis.start()

    def kept():
        got(server, service)
        return pictures(redis, service)

    until(kept, every_s=0.2)


def test_tiles_still_come_while_redis_hangs(redis, serving):
    server = serving(tile_cache_timeout_s=0.25)
    service = publish(server, "XYZ", None, STYLE)
    before = got(server, service)
    redis.hang()
    answers = [got(server, service, tile) for tile in (TILE, *MANY[:12])]
    unseen = publish(server, "XYZ", None, STYLE)
    assert got(server, unseen).content == before.content
    assert as_user(server).delete(f"/services/{unseen.id}").status_code == 204
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].content == before.content


def test_an_order_is_made_and_found_there_by_the_next(redis, server):
    service = publish(server, "XYZ", None, STYLE)
    client, address = as_user(server), f"/services/{service.id}/seed"
    for _ in range(2):
        assert client.post(address, json={"zoom": [8, 11], "dates": "all"}).status_code == 202
        found = ended(client, address)
        assert (found["status"], found["failed"]) == ("finished", 0)
    assert (found["made"], found["kept"]) == (0, found["total"])
    assert len(pictures(redis, service)) == found["total"]
    mark(redis, service)
    assert got(server, service, TILE + "?time=2020-06-11").content == b"marked"


def test_an_order_on_the_command_line_fills_the_same_place(redis, server):
    service = publish(server, "XYZ", None, STYLE)
    command = [sys.executable, "-m", "openeo_plugin.cli", "seed", service.id, "--zoom", "8-11", "--data-dir"]
    folder = server.backend.settings.data_dir
    environment = {"OPENEO_TILE_CACHE_URL": redis.url, "OPENEO_TILE_CACHE_TIMEOUT_S": "60"}
    done = subprocess.run(
        [*command, str(folder)], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert pictures(redis, service)
    mark(redis, service)
    assert got(server, service).content == b"marked"


def test_an_order_ends_with_its_reason_when_nothing_can_be_kept(redis, server, monkeypatch):
    monkeypatch.setattr("services.seeding.KEEP_TRIES", 2)
    service = publish(server, "XYZ", None, STYLE)
    redis.client.config_set("maxmemory", 1)
    client, address = as_user(server), f"/services/{service.id}/seed"
    assert client.post(address, json={"zoom": [8, 11]}).status_code == 202
    found = ended(client, address)
    assert found["status"] == "error"
    assert "no room" in found["message"] or "can't be kept" in found["message"]


def test_an_order_waits_for_a_place_that_is_away_for_a_moment(redis, server):
    service = publish(server, "XYZ", None, STYLE)
    client, address = as_user(server), f"/services/{service.id}/seed"
    assert client.post(address, json={"zoom": [13, 14], "dates": "all"}).status_code == 202
    until(lambda: len(pictures(redis, service)) > 2)
    redis.kill()
    redis.start()
    found = ended(client, address)
    assert (found["status"], found["failed"]) == ("finished", 0)
    assert found["made"] + found["kept"] == found["total"]
