import asyncio
import threading
from types import SimpleNamespace

import pytest

from openeo_plugin.engine.operator import Canceled
from openeo_plugin.errors import OpenEOError
from openeo_plugin.ogcapi.door import CollectionDoor
from services.gate import Gates, Limits
from services.visit import current_context


class Collections:
    """One public collection, `one`."""

    def revision(self):
        return 1

    def changed(self, ids):
        return dict.fromkeys(ids, "now")

    def get(self, identifier, user):
        if identifier != "one":
            raise OpenEOError("CollectionNotFound", identifier=identifier, suggestion="")
        return {"id": identifier}


def backend(tmp_path):
    settings = SimpleNamespace(tile_cache_bytes=0, data_dir=tmp_path)
    return SimpleNamespace(collections=Collections(), settings=settings, auth=None, driver=SimpleNamespace())


class Driver:
    """Something that can be referred to weakly."""


async def ask(door, path, left=None, headers=()):
    """The status of an answer; the client leaves when `left` is set."""
    messages, sent = [{"type": "http.request", "body": b"", "more_body": False}], []

    async def receive():
        if messages:
            return messages.pop()
        await (left or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
    await door({**scope, "headers": list(headers)}, receive, send)
    return sent[0]["status"], dict(sent[0].get("headers", []))


@pytest.fixture
def make(tmp_path):
    def made(app, limits=None):
        stores = backend(tmp_path)
        stores.driver = Driver()
        return CollectionDoor(app, stores, Gates(limits or Limits(1)), 2)

    return made


async def fine(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_a_client_that_leaves_stops_the_computing(make):
    started, stopped = threading.Event(), threading.Event()

    def compute():
        started.set()
        if current_context().cancel.wait(10):
            stopped.set()
        raise Canceled

    async def app(scope, receive, send):
        await asyncio.to_thread(compute)

    async def story():
        left = asyncio.Event()
        task = asyncio.create_task(ask(make(app), "/collections/one/map", left))
        await asyncio.to_thread(started.wait, 10)
        left.set()
        return await asyncio.wait_for(task, 10)

    assert asyncio.run(story())[0] == 499
    assert stopped.is_set()


def test_one_collection_may_not_take_all_of_the_server(make):
    async def story():
        release, inside = asyncio.Event(), asyncio.Event()

        async def app(scope, receive, send):
            inside.set()
            await release.wait()
            await fine(scope, receive, send)

        door = make(app, Limits(1, waiting=0))
        first = asyncio.create_task(ask(door, "/collections/one/coverage"))
        await inside.wait()
        refused = await ask(door, "/collections/one/tiles/WebMercatorQuad/0/0/0")
        release.set()
        page = await ask(door, "/collections/one/items")
        return refused, page, await first

    refused, page, first = asyncio.run(story())
    assert refused[0] == 429
    assert int(refused[1][b"retry-after"]) >= 1
    assert (page[0], first[0]) == (200, 200)


@pytest.mark.parametrize("path", ["/collections/other/map", "/collections/one/items", "/", "/collections/one/map/more"])
def test_what_is_hidden_and_what_holds_no_pixels_is_left_to_the_application(make, path):
    status, headers = asyncio.run(ask(make(fine), path, headers=[(b"if-none-match", b"*")]))
    assert status == 200
    assert b"etag" not in headers


def test_another_representation_has_another_tag(make):
    def tag(accept):
        headers = [(b"accept", accept)]
        return asyncio.run(ask(make(fine), "/collections/one/coverage", headers=headers))[1][b"etag"]

    assert tag(b"image/tiff") == tag(b"image/tiff")
    assert tag(b"image/tiff") != tag(b"application/json")
