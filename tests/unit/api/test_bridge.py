from __future__ import annotations

import asyncio
import contextvars
import json
import threading

from openeo_plugin.api.bridge import PIECE_BYTES, Threaded

VARIABLE = contextvars.ContextVar("variable", default="unset")


def scope(method="POST", **headers):
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "method": method,
        "path": "/a",
        "query_string": b"",
        "http_version": "1.1",
        "headers": pairs,
    }


async def ask(app, asked, messages=(), sent=None):
    """The messages of an answer. The connection stays open after the messages of the request."""
    waiting = asyncio.Queue()
    for message in messages:
        waiting.put_nowait(message)
    sent = [] if sent is None else sent

    async def send(message):
        sent.append(message)

    await asyncio.wait_for(app(asked, waiting.get, send), 30)
    return sent


def part(body, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


def content(sent):
    return b"".join(message["body"] for message in sent[1:])


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 Fine", [("X-Length", environ.get("CONTENT_LENGTH", "none")), ("X-Read", str(len(body)))])
    return [body[:100]]


def test_a_body_is_read_whole_whether_its_length_was_told_or_not():
    app = Threaded(echo, 1, 1000)
    for headers in ({"content_length": "4"}, {"transfer_encoding": "chunked"}):
        sent = asyncio.run(ask(app, scope(**headers), [part(b"ab", more=True), part(b"cd")]))
        assert (sent[0]["status"], content(sent)) == (200, b"abcd")
        assert dict(sent[0]["headers"]) == {b"x-length": b"4", b"x-read": b"4"}
        assert not sent[-1]["more_body"]


def test_of_a_body_that_is_too_large_the_application_sees_that_it_is():
    app = Threaded(echo, 1, 1000)
    told = asyncio.run(ask(app, scope(content_length="1001")))
    assert dict(told[0]["headers"]) == {b"x-length": b"1001", b"x-read": b"0"}
    untold = asyncio.run(ask(app, scope(transfer_encoding="chunked"), [part(b"a" * 700, True), part(b"a" * 700, True)]))
    assert dict(untold[0]["headers"]) == {b"x-length": b"1400", b"x-read": b"1400"}


def test_clients_that_are_slow_to_send_hold_no_thread_and_are_sent_away():
    async def run():
        app = Threaded(echo, 1, 1000, silence_s=0.5)
        slow = [asyncio.create_task(ask(app, scope(content_length="9"), [part(b"a", more=True)])) for _ in range(20)]
        await asyncio.sleep(0)
        quick = await ask(app, scope(content_length="2"), [part(b"ok")])
        assert not any(task.done() for task in slow)
        return quick, await asyncio.gather(*slow)

    quick, slow = asyncio.run(run())
    assert content(quick) == b"ok"
    assert {sent[0]["status"] for sent in slow} == {408}
    assert json.loads(content(slow[0]))["code"] == "RequestTimeout"


def test_clients_that_are_slow_to_take_hold_no_thread():
    closed = threading.Event()

    class Large:
        def __iter__(self):
            for _ in range(8):
                yield b"x" * PIECE_BYTES

        def close(self):
            closed.set()

    def app(environ, start_response):
        start_response("200 OK", [])
        return Large() if environ["REQUEST_METHOD"] == "GET" else [b"small"]

    async def run():
        bridge, may_take, large = Threaded(app, 1, 1000), asyncio.Event(), []

        async def send(message):
            large.append(message)
            await may_take.wait()

        tasks = [asyncio.create_task(bridge(scope("GET"), asyncio.Queue().get, send)) for _ in range(5)]
        small = await ask(bridge, scope("PUT"))
        may_take.set()
        await asyncio.gather(*tasks)
        return small, large

    small, large = asyncio.run(run())
    assert content(small) == b"small"
    assert sum(len(message.get("body", b"")) for message in large) == 5 * 8 * PIECE_BYTES
    assert closed.wait(5)


def test_a_client_that_leaves_before_its_body_is_complete_gets_no_answer():
    app = Threaded(echo, 1, 1000)
    messages = [part(b"a", more=True), {"type": "http.disconnect"}]
    assert asyncio.run(ask(app, scope(content_length="9"), messages)) == []


def test_an_application_keeps_its_context_and_may_write_before_it_answers():
    def app(environ, start_response):
        VARIABLE.set("kept")
        start_response("200 OK", [])(b"first ")
        return (VARIABLE.get().encode() for _ in range(1))

    assert content(asyncio.run(ask(Threaded(app, 4, 1000), scope("GET")))) == b"first kept"
    assert VARIABLE.get() == "unset"
