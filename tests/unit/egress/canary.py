"""Small web servers of a test: a canary that counts who came, and one that answers what it is told to."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server:
    """Answers GET, HEAD and POST from a table of path -> body or function of the handler; keeps what was asked."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.answers: dict[str, Any] = {}
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                server.hits.append(self.path)
                server.headers.append({k.lower(): v for k, v in self.headers.items()})
                server.bodies.append(self.rfile.read(length))
                answer = server.answers.get(self.path, server.answers.get(self.path.partition("?")[0]))
                if callable(answer):
                    answer(self)
                elif answer is None:
                    reply(self, b"", status=404)
                else:
                    ranged(self, answer)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *args: object) -> None:
                pass

        return Handler


def reply(handler: Any, body: bytes, *, status: int = 200, **headers: str) -> None:
    """Send an answer; underscores in names of headers stand for dashes."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def redirect(to: str, status: int = 302) -> Callable[[Any], None]:
    return lambda handler: reply(handler, b"", status=status, Location=to)


def zipped(body: bytes) -> Callable[[Any], None]:
    return lambda handler: reply(handler, gzip.compress(body), Content_Encoding="gzip")


def ranged(handler: Any, body: bytes) -> None:
    """The body, or the part of it that the header Range asks for."""
    wanted = handler.headers.get("Range", "")
    if not wanted.startswith("bytes="):
        reply(handler, body, Accept_Ranges="bytes")
        return
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start, stop = int(first), min(int(last or len(body)), len(body) - 1)
    if start >= len(body):
        reply(handler, b"", status=416, Content_Range=f"bytes */{len(body)}")
        return
    part = body[start : stop + 1]
    reply(handler, part, status=206, Content_Range=f"bytes {start}-{stop}/{len(body)}", ETag='"one"')


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
