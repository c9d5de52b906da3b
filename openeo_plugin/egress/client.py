"""The one client for everything that reaches outside.

Every address is held against the policy, its host is resolved once, and the connection goes to the very IP address
that was checked: a second, different answer of the name server changes nothing. Redirects are addresses like any
other. No proxy, no cookie, no stored credential and no header of the user's request takes part.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from openeo_plugin.egress.address import WebAddress, joined, parse
from openeo_plugin.egress.decode import read_body, too_large
from openeo_plugin.egress.policy import EgressError, EgressPolicy, MissingError, RefusedAddressError, UnreachableError
from openeo_plugin.egress.resolve import Pinning, Resolver, system_resolver

_REDIRECTS = (301, 302, 303, 307, 308)
_ALLOWED_HEADERS = frozenset({"accept", "content-type", "range", "prefer", "if-range", "openeo-signature"})
_JSON = {"Accept": "application/json, application/geo+json"}
USER_AGENT = "pygeoapi-openeo"


@dataclass(frozen=True)
class Answer:
    """An answer with its body, decoded.

    Args:
        url: where it came from, after redirects.
        headers: names in lower case.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON.

        Raises: UnreachableError.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise UnreachableError(f"{self.url} gives no valid JSON") from None


@dataclass(frozen=True)
class _Wish:
    method: str
    headers: Mapping[str, str]
    body: bytes | None
    max_bytes: int


@dataclass
class _Connections(threading.local):
    """One idle connection of each thread, kept for the next request to the same place."""

    key: tuple[str, str, int, str] | None = None
    idle: HTTPConnection | None = field(default=None, repr=False)


class Egress:
    """Fetches what lies outside, within a policy. Safe in threads."""

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        resolver: Resolver = system_resolver,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.policy = policy
        self._tls = tls
        self._pinning = Pinning(policy, resolver)
        self._connections = _Connections()

    def __reduce__(self) -> tuple[Any, ...]:
        """What travels to another process is the policy."""
        return Egress, (self.policy,)

    def check(self, url: str) -> str:
        """The address in its plain spelling, if it may be fetched; nothing is sent.

        Raises: EgressError.
        """
        address = parse(url, self.policy)
        self._pinning.pinned(address)
        return address.url

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int | None = None,
    ) -> Answer:
        """The answer at an address, redirects followed.

        Args:
            headers: of those that say what is wanted; any other is left out.
            max_bytes: of the answer; never more than the policy's.
        Raises: RefusedAddressError; MissingError; UnreachableError, also for a status of 400 and above.
        """
        kept = {n: v for n, v in (headers or {}).items() if n.lower() in _ALLOWED_HEADERS}
        wish = _Wish(method, kept, body, min(max_bytes or self.policy.max_bytes, self.policy.max_bytes))
        for _ in range(self.policy.max_redirects + 1):
            answer = self._once(parse(url, self.policy), wish)
            if answer.status not in _REDIRECTS:
                return _accepted(answer)
            url = joined(answer.url, answer.headers.get("location"))
            if answer.status == 303 or (answer.status in (301, 302) and wish.method == "POST"):
                wish = _Wish("GET", wish.headers, None, wish.max_bytes)
        raise UnreachableError("the address is redirected too often")

    def json(self, url: str, *, body: Any = None) -> Any:
        """The JSON at an address; with a body it is posted there.

        Raises: EgressError.
        """
        return (self.fetch(url, headers=_JSON) if body is None else self.post(url, body)).json()

    def post(self, url: str, body: Any) -> Answer:
        """Post JSON.

        Raises: EgressError.
        """
        posted = json.dumps(body, allow_nan=False).encode()
        return self.fetch(url, method="POST", headers=_JSON | {"Content-Type": "application/json"}, body=posted)

    def _once(self, address: WebAddress, wish: _Wish) -> Answer:
        """One request and its answer, a redirect or not."""
        pinned = self._pinning.pinned(address)
        key = (address.scheme, f"{pinned} {os.getpid()}", address.port, address.host)  # a fork shares no line
        kept = self._connections
        idle = kept.idle if kept.key == key and wish.method == "GET" else None
        kept.key, kept.idle = None, None
        try:
            if idle is not None:
                with suppress(UnreachableError):  # the server may have closed it meanwhile
                    return self._asked(idle, key, address, wish)
            return self._asked(self._connection(address, pinned), key, address, wish)
        except (OSError, HTTPError) as error:
            raise UnreachableError(f"{address.host} can't be reached") from error

    def _connection(self, address: WebAddress, pinned: str) -> HTTPConnection:
        timeout = min(self.policy.connect_timeout_s, self.policy.timeout_s)
        if address.scheme == "http":
            return HTTPConnection(pinned, address.port, timeout=timeout)
        return HTTPSConnection(
            pinned,
            address.port,
            timeout=timeout,
            ssl_context=self._tls or ssl.create_default_context(),
            server_hostname=address.host,
            assert_hostname=address.host,
        )

    def _asked(
        self, connection: HTTPConnection, key: tuple[str, str, int, str], address: WebAddress, wish: _Wish
    ) -> Answer:
        """Send a request and read its answer; a watchdog cuts the line when the time is up."""
        whole, late = False, threading.Event()

        def cut() -> None:
            late.set()
            _cut(connection)

        watchdog = threading.Timer(self.policy.timeout_s, cut)
        watchdog.daemon = True
        watchdog.start()
        try:
            answer = self._exchange(connection, address, wish)
            whole = answer is not None
            return answer
        except EgressError:
            raise
        except (OSError, HTTPError, ValueError) as error:
            reason = f"takes longer than {self.policy.timeout_s:g} s" if late.is_set() else "can't be reached"
            raise UnreachableError(f"{address.host} {reason}") from error
        finally:
            watchdog.cancel()
            if whole and not late.is_set() and connection.sock is not None:
                self._connections.key, self._connections.idle = key, connection
            else:
                connection.close()

    def _exchange(self, connection: HTTPConnection, address: WebAddress, wish: _Wish) -> Answer:
        encoding = "identity" if "Range" in wish.headers else "gzip, identity"
        headers = {**wish.headers, "Host": address.authority, "Accept-Encoding": encoding, "User-Agent": USER_AGENT}
        if connection.sock is None:
            connection.connect()
            _patient(connection, self.policy.timeout_s)
        connection.request(
            wish.method, address.target, body=wish.body, headers=headers, preload_content=False, decode_content=False
        )
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.headers.items()}
        declared = named.get("content-length", "")
        if declared.isdigit() and int(declared) > wish.max_bytes:
            raise too_large(wish.max_bytes)
        if response.status in _REDIRECTS:
            return Answer(address.url, response.status, named, _remaining(response))
        encoded = named.get("content-encoding", "").strip().lower()
        body = read_body(_reader(response), encoded, wish.max_bytes, self.policy.max_ratio)
        if declared.isdigit() and wish.method != "HEAD" and not encoded and len(body) < int(declared):
            raise UnreachableError("the answer is cut short")
        return Answer(address.url, response.status, named, body)


def _reader(response: HTTPResponse) -> Any:
    def read(count: int) -> bytes:
        return response.read(count, decode_content=False)

    return read


def _remaining(response: HTTPResponse) -> bytes:
    """The small body of a redirect, so that the connection can be used again."""
    return response.read(2**16, decode_content=False)


def _patient(connection: HTTPConnection, timeout_s: float) -> None:
    """Once the line stands, the answer may take its time."""
    if connection.sock is not None:
        connection.sock.settimeout(timeout_s)


def _cut(connection: HTTPConnection) -> None:
    """Wake whoever waits for the socket."""
    held = connection.sock
    if held is not None:
        with suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)


def _accepted(answer: Answer) -> Answer:
    if answer.status in (404, 410):
        raise MissingError(f"there is nothing at {answer.url}")
    if answer.status >= 400 or answer.status < 200:
        raise UnreachableError(f"{answer.url} answers with status {answer.status}")
    return answer


__all__ = ["Answer", "Egress", "EgressError", "RefusedAddressError", "UnreachableError"]
