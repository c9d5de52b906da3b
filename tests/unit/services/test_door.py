import asyncio
import threading
import time
from types import SimpleNamespace

import pytest
from instance import until
from starlette.testclient import TestClient

from db.service_use import ServiceUse
from openeo_plugin.engine.operator import Canceled
from openeo_plugin.errors import OpenEOError
from services.access import OpenServices
from services.door import Door, Entrance
from services.gate import Gates, Limits
from services.journal import Journal
from services.ows import create_ows
from services.ticket import with_ticket
from services.tile_files import TileFiles
from services.viewer.page import create_viewer
from services.wcs import create_wcs
from services.xyz import create_tiles

ROWS = {"bands": ["row"], "rescale": [0, 254]}
PRIVATE = {**ROWS, "access": "private"}
SECRET = b"k" * 32
TILE = "12/2218/1470.png"
PATHS = {
    "tiles": [TILE, "tilejson.json", "point/15.01,45.14", "statistics", "preview.png"],
    "ogc": ["wms?request=GetCapabilities", "wmts/1.0.0/WMTSCapabilities.xml", "wmts?request=GetCapabilities"],
    "viewer": ["", "legend.png"],
    "wcs": ["", "?request=DescribeCoverage&coverageId=map"],
}


class Auth:
    def user_of(self, bearer):
        if bearer not in ("ann", "bob"):
            raise OpenEOError("TokenInvalid")
        return SimpleNamespace(name=bearer)


@pytest.fixture
def enter(make_backend, tmp_path):
    def make(face="tiles", plan=None, limits=None, tiles=False, **service):
        backend = make_backend(plan, **{"configuration": ROWS, **service})
        backend.auth, backend.secret = Auth(), SECRET
        backend.settings.title, backend.settings.sync_max_bytes, backend.settings.memory_budget = "t", 10**8, 10**9
        opened = OpenServices(backend, TileFiles(tmp_path / "tiles", 10**7) if tiles else None)
        limits = limits or Limits(2)
        entrance = Entrance(backend, opened, Gates(limits), Journal(backend.services), Gates(limits.times(2)))
        return SimpleNamespace(
            backend=backend,
            door=door(face, entrance),
            client=TestClient(door(face, entrance), raise_server_exceptions=False),
        )

    def door(face, entrance):
        from a2wsgi import WSGIMiddleware

        makers = {
            "tiles": create_tiles,
            "viewer": create_viewer,
            "wcs": create_wcs,
            "ogc": lambda *given: WSGIMiddleware(create_ows(*given)),
        }
        return Door(makers[face](entrance.backend, entrance.services), entrance, face)

    return make


def ticket(service_id="abc", owner="ann", expires=None, secret=SECRET):
    return with_ticket(service_id, owner, secret, expires or int(time.time()) + 100)


def status(answer):
    return answer.status_code, answer.json()["code"]


def each(face):
    return [(face, path) for path in PATHS[face]]


EVERY = [pair for face in PATHS for pair in each(face)]


def address(segment, path):
    return f"/{segment}{path}" if path.startswith("?") or not path else f"/{segment}/{path}"


@pytest.mark.parametrize(("face", "path"), EVERY)
def test_a_private_service_is_there_for_its_owner_only(enter, face, path):
    client = enter(face, configuration=PRIVATE).client
    assert status(client.get(address("abc", path))) == (404, "ServiceNotFound")
    assert status(client.get(address("abc", path), headers={"Authorization": "Bearer bob"})) == (404, "ServiceNotFound")
    assert client.get(address("abc", path), headers={"Authorization": "Bearer ann"}).status_code == 200
    assert client.get(address(ticket(), path)).status_code == 200


@pytest.mark.parametrize(("face", "path"), EVERY)
def test_foreign_disabled_and_unknown_services_are_not_found(enter, face, path):
    client = enter(face, enabled=False).client
    for segment in ("abc", "other", "a%00b", "..%2f", ticket("other")):
        assert client.get(address(segment, path)).status_code == 404


def test_a_forged_ticket_opens_nothing(enter):
    client = enter(configuration=PRIVATE).client
    assert client.get(f"/{ticket()}/{TILE}").status_code == 200
    for forged in (
        ticket(owner="bob"),
        ticket("xyz").replace("xyz", "abc"),
        ticket(secret=b"o" * 32),
        "abc~",
        "abc~1.2.3",
        "abc~99999999999." + "0" * 8 + "." + "0" * 64,
    ):
        assert status(client.get(f"/{forged}/{TILE}")) == (404, "ServiceNotFound"), forged


def test_a_ticket_with_another_expiry_opens_nothing(enter):
    good = ticket(expires=int(time.time()) - 10)
    client = enter(configuration=PRIVATE).client
    assert status(client.get(f"/{good}/{TILE}")) == (410, "ResultLinkExpired")
    expires = good.split("~")[1].split(".")[0]
    longer = good.replace(expires, str(int(expires) + 1000))
    assert status(client.get(f"/{longer}/{TILE}")) == (404, "ServiceNotFound")


def test_a_bad_token_is_told_so(enter):
    client = enter(configuration=PRIVATE).client
    assert status(client.get(f"/abc/{TILE}", headers={"Authorization": "Bearer no"})) == (403, "TokenInvalid")
    assert client.get(f"/abc/{TILE}", headers={"Authorization": "Basic no"}).status_code in (401, 403)


@pytest.mark.parametrize(("face", "path"), [("tiles", "tilejson.json"), *each("ogc"), ("wcs", "")])
def test_addresses_in_answers_carry_the_ticket_on(enter, face, path):
    opened = ticket()
    answer = enter(face, configuration=PRIVATE).client.get(address(opened, path))
    assert f"/{face}/{opened}" in answer.text
    assert f"/{face}/abc/" not in answer.text
    assert f"/{face}/abc?" not in answer.text


def test_what_a_client_has_is_not_sent_again(enter):
    way = enter()
    first = way.client.get(f"/abc/{TILE}")
    assert first.headers["cache-control"] == "public, no-cache"
    again = way.client.get(f"/abc/{TILE}", headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]
    assert len(way.backend.plan.reads) == 1


def test_a_changed_service_has_other_tags(enter, fakes):
    way = enter()
    tag = way.client.get(f"/abc/{TILE}").headers["etag"]
    assert way.client.get("/abc/12/2218/1471.png").headers["etag"] != tag
    way.backend.services.put(fakes.StoredService(configuration={**ROWS, "rescale": [0, 10]}))
    assert way.client.get(f"/abc/{TILE}", headers={"If-None-Match": tag}).status_code == 200


def test_errors_have_no_tag(enter):
    assert "etag" not in enter().client.get("/abc/99/0/0").headers


def test_answers_of_private_services_are_for_their_reader(enter):
    answer = enter(configuration=PRIVATE).client.get(f"/{ticket()}/{TILE}")
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "Authorization" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("face", "path"),
    [
        ("tiles", TILE),
        ("ogc", "wmts/map/WebMercatorQuad/2020-06-21/12/2218/1470.png"),
        ("ogc", "wmts/map/WorldCRS84Quad/2020-06-21/11/2218/510.png"),
        ("ogc", "wmts/map/Native/2020-06-21/0/0/0.png"),
    ],
)
def test_a_tile_is_computed_once(enter, face, path, fakes):
    way = enter(face, tiles=True)
    first, second = way.client.get(f"/abc/{path}"), way.client.get(f"/abc/{path}")
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    assert len(way.backend.plan.reads) == 1
    way.backend.services.put(fakes.StoredService(configuration={**ROWS, "rescale": [0, 10]}))
    assert way.client.get(f"/abc/{path}").content != first.content


def test_a_kept_tile_is_not_handed_out_for_a_tile_matrix_set_that_there_is_not(enter):
    way = enter("ogc", tiles=True)
    path = "/abc/wmts/map/WebMercatorQuad{}/2020-06-21/12/2218/1470.png"
    assert way.client.get(path.format("")).status_code == 200
    assert way.client.get(path.format("")).status_code == 200
    assert way.client.get(path.format("512")).status_code == 400


def test_tiles_are_not_kept_where_the_configuration_says_so(enter):
    way = enter(tiles=True, configuration={**ROWS, "cache": False})
    for _ in range(2):
        way.client.get(f"/abc/{TILE}")
    assert len(way.backend.plan.reads) == 2


def test_an_unknown_date_is_refused_whether_or_not_tiles_are_kept(enter):
    way = enter(tiles=True)
    way.client.get(f"/abc/{TILE}")
    assert status(way.client.get(f"/abc/{TILE}?time=1999-01-01")) == (400, "RequestInvalid")


def test_too_many_requests_are_told_when_to_come_back(enter):
    way = enter(limits=Limits(1, rate_per_s=0.4))
    answer = way.client.get(f"/abc/{TILE}")
    assert status(answer) == (429, "TooManyRequests")
    assert int(answer.headers["retry-after"]) >= 1


def test_there_is_nothing_to_post(enter):
    assert status(enter().client.post(f"/abc/{TILE}")) == (405, "MethodNotAllowed")


def test_a_client_that_leaves_stops_the_computing(enter, fakes):
    started, stopped = threading.Event(), threading.Event()

    class SlowPlan(fakes.PositionPlan):
        def read(self, *_, context=None, **__):
            started.set()
            if context.cancel.wait(10):
                stopped.set()
            raise Canceled

    async def story():
        way = enter(plan=SlowPlan())
        left = asyncio.Event()

        async def receive():
            if not getattr(receive, "asked", False):
                receive.asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            pass

        path = f"/abc/{TILE}"
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [],
        }
        task = asyncio.create_task(way.door(scope, receive, send))
        await asyncio.to_thread(started.wait, 10)
        left.set()
        await asyncio.wait_for(task, 10)

    asyncio.run(story())
    assert stopped.is_set()


def test_failures_stand_in_the_log_of_the_service_once(enter, fakes):
    way = enter()
    way.backend.plan.read = lambda *_, **__: 1 / 0
    for number in range(5):
        way.client.get(f"/abc/12/2218/147{number}.png")
    assert [(entry[1], entry[3]["code"]) for entry in way.backend.services.entries] == [("error", "Internal")]


def used(way, counted):
    """What was counted once so many requests are."""

    def found():
        return way.backend.services.__dict__.get("uses", {}).get("abc", ServiceUse())

    until(lambda: found().requests + found().refused == counted, within_s=30)
    return found()


def test_the_use_of_a_service_is_counted_soon_after_the_requests(enter, monkeypatch):
    monkeypatch.setattr("services.journal.COUNTED_AFTER_S", 0.01)
    way = enter(tiles=True)
    with way.client:
        sizes = [len(way.client.get(f"/abc/{path}").content) for path in (TILE, "12/2218/1471.png", TILE)]
        use = used(way, 3)
    assert (use.requests, use.cached, use.refused) == (3, 1, 0)
    assert use.sent_bytes == sum(sizes)
    assert use.duration_s > 0


def test_what_the_gate_turned_away_is_counted_apart(enter, monkeypatch):
    monkeypatch.setattr("services.journal.COUNTED_AFTER_S", 0.01)
    way = enter(limits=Limits(1, rate_per_s=0.001))
    with way.client:
        way.client.get(f"/abc/{TILE}")
        assert used(way, 1) == ServiceUse(refused=1)


def test_the_use_of_a_service_stands_in_its_log_now_and_then(make_backend):
    now, backend = [0.0], make_backend()
    journal = Journal(backend.services, lambda: now[0])
    journal.answered("abc", cached=True)
    journal.answered("abc", seconds=1.5)
    journal.refused("abc")
    assert journal.due("abc") == []
    now[0] = 601
    (entry,) = journal.due("abc")
    entry()
    assert backend.services.entries[0][3]["data"] == {"cached": 1, "computed": 1, "refused": 1, "seconds": 1.5}
    assert journal.due("abc") == []
