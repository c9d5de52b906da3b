from __future__ import annotations

import asyncio
import threading

import pytest

from openeo_plugin.api.departure import KEY, Departure, WatchDepartures, departure_of

BODY = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.request", "body": b"}"}]


async def _ask(app, messages, method="POST"):
    """Call an application with these messages; after them the connection stays open until it is cut."""
    waiting = asyncio.Queue()
    for message in messages:
        waiting.put_nowait(message)
    sent = []

    async def send(message):
        sent.append(message)

    await asyncio.wait_for(WatchDepartures(app)({"type": "http", "method": method}, waiting.get, send), 5)
    return sent


def test_work_is_told_when_the_client_leaves_after_its_body_was_read():
    async def app(scope, receive, send):
        assert [(await receive())["body"], (await receive())["body"]] == [b"{", b"}"]
        left = asyncio.Event()
        scope[KEY].call(left.set)
        await left.wait()
        await send("stopped")

    assert asyncio.run(_ask(app, [*BODY, {"type": "http.disconnect"}])) == ["stopped"]


def test_a_client_that_stays_is_not_taken_for_one_that_left():
    async def app(scope, receive, send):
        await receive(), await receive()
        scope[KEY].call(lambda: pytest.fail("nobody left"))
        await asyncio.sleep(0)
        await send("answered")

    assert asyncio.run(_ask(app, BODY)) == ["answered"]


def test_a_client_that_leaves_before_its_body_is_complete_has_left():
    async def app(scope, receive, send):
        await receive(), await receive()
        scope[KEY].call(lambda: told.append(True))

    told = []
    asyncio.run(_ask(app, [BODY[0], {"type": "http.disconnect"}]))
    assert told == [True]


def test_only_requests_with_a_body_are_watched():
    async def app(scope, receive, send):
        assert KEY not in scope

    asyncio.run(_ask(app, [], method="GET"))


def test_whoever_asks_after_the_departure_is_told_at_once():
    departure, told = Departure(), threading.Event()
    departure.leave()
    departure.call(told.set)
    assert told.is_set()


def test_where_nobody_watches_nobody_leaves():
    departure_of({}).call(lambda: pytest.fail("nobody left"))


def test_work_that_the_ending_server_waits_for_no_longer_is_told():
    told = threading.Event()

    async def app(scope, receive, send):
        scope[KEY].call(told.set)
        await asyncio.sleep(60)

    async def cut_off():
        asked = asyncio.create_task(_ask(app, BODY))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    asyncio.run(cut_off())
    assert told.is_set()
