"""Many services and many requests: what nobody asks for costs nothing, and nobody takes the server from others."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from instance import SENTINEL_2, Instance, free_port, graph, node, until, wait_for_web
from map_server import graph as pattern_graph
from map_server import publish, running_server, write_pattern

from openeo_plugin.app import PIXEL_THREADS
from services import access
from services.served import ServedService

MANY = 200
STYLE = {"bands": ["B04"], "rescale": [0, 10000]}
TILE = "wmts/map/WebMercatorQuad/default/0/0/0.png"
FACES = (
    "tiles/{id}/0/0/0.png",
    "tiles/{id}/0/0/0",
    "tiles/{id}/0/0/0.npy",
    "tiles/{id}/0/0/0.tif",
    "tiles/{id}/tilejson.json",
    "tiles/{id}/point/15.1,45.1",
    "tiles/{id}/statistics",
    "tiles/{id}/preview.png",
    "ogc/{id}/wmts/1.0.0/WMTSCapabilities.xml",
    "ogc/{id}/wmts?service=WMTS&request=GetCapabilities",
    "ogc/{id}/wmts/map/WebMercatorQuad/default/0/0/0.png",
    "ogc/{id}/wmts?service=WMTS&version=1.0.0&request=GetTile&layer=map&style=&tilematrixset=WebMercatorQuad"
    "&tilematrix=0&tilerow=0&tilecol=0&format=image/png",
    "ogc/{id}/wms?service=WMS&request=GetCapabilities&version=1.3.0",
    "ogc/{id}/wms?service=WMS&request=GetMap&version=1.3.0&layers=map&styles=&crs=EPSG:3857"
    "&bbox=1669792,5011010,1700000,5040000&width=32&height=32&format=image/png",
    "ogc/{id}/wms?service=WMS&request=GetFeatureInfo&version=1.3.0&layers=map&query_layers=map&styles=&crs=EPSG:3857"
    "&bbox=1669792,5011010,1700000,5040000&width=32&height=32&format=image/png&i=9&j=9&info_format=application/json",
    "ogc/{id}/wms?service=WMS&request=GetLegendGraphic&version=1.3.0&layer=map&format=image/png",
    "wcs/{id}?service=WCS&request=GetCapabilities",
    "wcs/{id}?service=WCS&version=2.0.1&request=DescribeCoverage&coverageId=map",
    "wcs/{id}?service=WCS&version=2.0.1&request=GetCoverage&coverageId=map&scaleSize=i(8),j(8)",
    "viewer/{id}",
    "viewer/{id}/legend.png",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    with running_server(folder / "data", write_pattern(folder / "pattern"), threads=2) as running:
        for name in ("ann", "bob"):
            running.backend.users.create(name, None)
        yield running


def statuses(server, segment, **headers):
    answers = {
        face: httpx.get(f"{server.base}/{face.format(id=segment)}", headers=headers, timeout=60) for face in FACES
    }
    return {face: answer.status_code for face, answer in answers.items()}, answers


def client(server, user):
    headers = {"Authorization": f"Bearer basic//{server.backend.users.issue_token(user, 600)}"}
    return httpx.Client(base_url=f"{server.base}/openeo/v1", headers=headers, timeout=60)


def test_disabled_and_deleted_services_are_gone_at_every_face_however_well_they_were_kept(server):
    service = publish(server, "XYZ", None, {"bands": ["B04"], "rescale": [0, 200]})
    found, answers = statuses(server, service.id)
    assert set(found.values()) == {200}, found
    tags = [answer.headers["etag"] for answer in answers.values() if "etag" in answer.headers]
    assert len(tags) == len(FACES)
    owner = client(server, "ann")
    assert owner.patch(f"/services/{service.id}", json={"enabled": False}).status_code == 204
    assert set(statuses(server, service.id, **{"If-None-Match": ", ".join(tags)})[0].values()) == {404}
    assert owner.patch(f"/services/{service.id}", json={"enabled": True}).status_code == 204
    assert set(statuses(server, service.id)[0].values()) == {200}
    assert owner.delete(f"/services/{service.id}").status_code == 204
    gone, answers = statuses(server, service.id, **{"If-None-Match": "*"})
    assert set(gone.values()) == {404}
    assert {answer.json()["code"] for answer in answers.values()} == {"ServiceNotFound"}


def test_a_private_service_is_gone_for_others_at_every_face_when_the_owner_has_looked(server):
    service = publish(server, "WMTS", None, {"bands": ["B04"], "rescale": [0, 200], "access": "private"})
    own = {"Authorization": f"Bearer basic//{server.backend.users.issue_token('ann', 600)}"}
    found, answers = statuses(server, service.id, **own)
    assert set(found.values()) == {200}, found
    tags = ", ".join(answer.headers["etag"] for answer in answers.values())
    foreign = {"Authorization": f"Bearer basic//{server.backend.users.issue_token('bob', 600)}"}
    for headers in ({}, foreign):
        hidden, refused = statuses(server, service.id, **headers, **{"If-None-Match": tags})
        assert set(hidden.values()) == {404}
        assert not any(service.id in answer.headers.get("etag", "") for answer in refused.values())


def test_no_document_of_a_service_names_another(server):
    mine, other = publish(server, title="Mine"), publish(server, title="A secret of theirs")
    _, answers = statuses(server, mine.id)
    for face, answer in answers.items():
        assert other.id not in answer.text, face
        assert "secret of theirs" not in answer.text, face


def test_services_are_not_opened_before_somebody_asks_for_one(tmp_path, monkeypatch):
    opened = []
    opening = access.open_service
    monkeypatch.setattr(access, "open_service", lambda backend, service: opened.append(1) or opening(backend, service))
    with running_server(tmp_path / "data", write_pattern(tmp_path / "pattern")) as first:
        services = [publish(first) for _ in range(MANY)]
    with running_server(tmp_path / "data") as server:
        assert httpx.get(f"{server.base}/openeo/v1/", timeout=60).status_code == 200
        assert opened == []
        assert httpx.get(f"{server.base}/tiles/{services[150].id}/tilejson.json", timeout=60).status_code == 200
        assert len(opened) == 1


def test_one_tenant_that_floods_keeps_nobody_else_from_tiles(server, monkeypatch):
    """Four services of ann are asked for far more than the server can compute; bob's tiles come all the same."""
    release, make = threading.Event(), ServedService._made
    slow = [publish(server, "XYZ", None, {"bands": ["B04"], "cache": False}) for _ in range(4)]
    names = {service.id for service in slow}

    def made(self, request, *given):
        if self.id in names:
            release.wait(120)
        return make(self, request, *given)

    monkeypatch.setattr(ServedService, "_made", made)
    theirs = server.backend.services.create("bob", "XYZ", pattern_graph(), configuration={"bands": ["B08"]})
    limits = httpx.Limits(max_connections=400)
    with httpx.Client(limits=limits, timeout=120) as flood, ThreadPoolExecutor(320) as pool:
        asked = [
            pool.submit(flood.get, f"{server.base}/tiles/{slow[n % 4].id}/11/1109/735.png?n={n}") for n in range(320)
        ]
        try:
            until(lambda: sum(answer.done() for answer in asked) >= 320 - 4 * 66, within_s=120)
            tiles = [
                httpx.get(f"{server.base}/tiles/{theirs.id}/11/{x}/735.png", timeout=60) for x in range(1105, 1115)
            ]
            pages = [httpx.get(f"{server.base}/{face.format(id=theirs.id)}", timeout=60) for face in FACES]
            assert not all(answer.done() for answer in asked), "the flood is over"
        finally:
            release.set()
        flooded = [answer.result() for answer in asked]
    assert {answer.status_code for answer in (*tiles, *pages)} == {200}
    turned_away = [answer for answer in flooded if answer.status_code == 429]
    assert turned_away
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in turned_away)
    assert {answer.status_code for answer in flooded} == {200, 429}


def test_a_flood_of_maps_of_collections_keeps_nobody_from_pages(server, monkeypatch):
    release, started, make = threading.Event(), [], ServedService._made
    stores = server.backend.collections
    for n in range(20):
        stores.put({**stores.get("pattern", None), "id": f"flooded-{n}"}, stores.items("pattern"))

    def made(self, request, *given):
        if self.id.startswith("flooded"):
            started.append(self.id)
            release.wait(120)
        return make(self, request, *given)

    monkeypatch.setattr(ServedService, "_made", made)
    base = f"{server.base}/oapi/collections"
    with ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(httpx.get, f"{base}/flooded-{n % 20}/map?width={n + 10}", timeout=120) for n in range(60)]
        try:
            until(lambda: len(started) == PIXEL_THREADS, within_s=120)
            for path in ("", "/pattern", "/pattern/items"):
                assert httpx.get(f"{base}{path}?f=json", timeout=60).status_code == 200
            assert len(started) == PIXEL_THREADS
        finally:
            release.set()
        assert {answer.result().status_code for answer in asked} <= {200, 429}
    for n in range(20):
        stores.delete(f"flooded-{n}")


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    """Two web processes on one database with 200 services of ann."""
    made = Instance(tmp_path_factory.mktemp("processes"), threads="1")
    made.prepare("ann", "bob")
    ports = [free_port(), free_port()]
    load = graph(load=node("load_collection", id=SENTINEL_2, spatial_extent=None, temporal_extent=None))
    made.ids = [made.backend.services.create("ann", "XYZ", load, configuration=STYLE).id for _ in range(MANY)]
    made.load, made.ports = load, ports
    made.web = [made.start_web(port) for port in ports]
    try:
        wait_for_web(*ports)
        yield made
    finally:
        made.close()


def test_a_service_is_there_changed_and_gone_at_the_next_request_in_every_process(instance):
    one, two = (f"http://127.0.0.1:{port}" for port in instance.ports)
    owner = instance.client(instance.ports[0], "ann")
    created = owner.post("/services", json={"type": "XYZ", "process": instance.load, "configuration": STYLE})
    service = created.headers["openeo-identifier"]

    def shown(base, path="tiles/{id}/preview.png"):
        return httpx.get(f"{base}/{path.format(id=service)}", timeout=60)

    first = shown(two)
    assert first.status_code == 200
    assert shown(one).content == first.content
    changed = {"bands": ["B08"], "rescale": [0, 20000], "colormap": "viridis"}
    assert owner.patch(f"/services/{service}", json={"configuration": changed}).status_code == 204
    second = shown(two)
    assert second.content != first.content
    assert second.headers["etag"] != first.headers["etag"]
    assert shown(one).content == second.content
    owner.delete(f"/services/{service}")
    for base in (two, one):
        assert shown(base).status_code == 404
        assert shown(base, f"ogc/{{id}}/{TILE}").status_code == 404


def test_memory_does_not_grow_with_the_services_that_were_shown(instance):
    """When as many were shown as are kept open, further ones take the place of those."""
    base, process = f"http://127.0.0.1:{instance.ports[1]}", instance.web[1]

    def show(ids):
        for service in ids:
            for path in (
                f"tiles/{service}/preview.png",
                f"ogc/{service}/{TILE}",
                f"ogc/{service}/wms?request=GetCapabilities",
            ):
                assert httpx.get(f"{base}/{path}", timeout=60).status_code == 200

    show(instance.ids[:100])
    before = resident_bytes(process.pid)
    show(instance.ids[100:])
    grown = resident_bytes(process.pid) - before
    assert grown < 60e6, f"{grown / 1e6:.0f} MB for {MANY - 100} services"


def resident_bytes(pid):
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024
