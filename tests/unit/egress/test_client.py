"""What the one client reaches, what it refuses, and what it puts up with. Addresses are checked against a canary."""

from __future__ import annotations

import ipaddress
import pickle
import time
from typing import Any

import pytest
from unit.egress.canary import Server, redirect, reply, zipped

from openeo_plugin.egress.address import is_public, parse
from openeo_plugin.egress.client import Egress
from openeo_plugin.egress.documents import Documents
from openeo_plugin.egress.policy import EgressError, EgressPolicy, MissingError, RefusedAddressError, UnreachableError

OPEN = EgressPolicy(schemes=frozenset({"http", "https"}), timeout_s=5)
"""Any public address, also without encryption."""


def to(server: Server, **changes: Any) -> Egress:
    """A client that may reach the server of the test."""
    policy = {"schemes": frozenset({"http"}), "private_hosts": (f"127.0.0.1:{server.port}",), "timeout_s": 5}
    return Egress(EgressPolicy(**{**policy, **changes}))


FORMS = """
http://127.0.0.1:{port}/ http://127.0.0.2:{port}/ http://127.1:{port}/ http://127.0.1:{port}/ http://0:{port}/
http://0.0.0.0:{port}/ http://2130706433:{port}/ http://0x7f000001:{port}/ http://0x7f.0.0.1:{port}/
http://0x7f.1:{port}/ http://0177.0.0.1:{port}/ http://0177.1:{port}/ http://017700000001:{port}/
http://127.000.000.001:{port}/ http://127.0.0.1.:{port}/ http://[::1]:{port}/ http://[::]:{port}/
http://[::ffff:127.0.0.1]:{port}/ http://[::ffff:7f00:1]:{port}/ http://[::127.0.0.1]:{port}/
http://[0:0:0:0:0:ffff:7f00:0001]:{port}/ http://[64:ff9b::127.0.0.1]:{port}/ http://[2002:7f00:1::]:{port}/
http://[fe80::1%25lo]:{port}/ http://localhost:{port}/ http://LOCALHOST:{port}/ http://localhost.:{port}/
http://a.localhost:{port}/ http://user@127.0.0.1:{port}/ http://example.org@127.0.0.1:{port}/
http://127.0.0.1:{port}@example.org/ http://example.org#@127.0.0.1:{port}/ http://127.0.0.1:{port}\\@example.org/
http://①②⑦.⓪.⓪.①:{port}/ http://127。0。0。1:{port}/ http://127%2e0%2e0%2e1:{port}/ http://%31%32%37.0.0.1:{port}/
http://127.0.0.1%00.example.org:{port}/ http:/127.0.0.1:{port}/ http:127.0.0.1:{port}/ //127.0.0.1:{port}/
http:///127.0.0.1:{port}/ file:///etc/passwd gopher://127.0.0.1:{port}/ ftp://127.0.0.1:{port}/
dict://127.0.0.1:{port}/ /vsicurl/http://127.0.0.1:{port}/ jar:http://127.0.0.1:{port}!/ data:text/plain,x
http://10.0.0.1/ http://172.16.0.1/ http://192.168.1.1/ http://169.254.169.254/latest/meta-data/ http://100.64.0.1/
http://100.100.100.200/ http://168.63.129.16/ http://[fd00:ec2::254]/ http://[fe80::1]/ http://224.0.0.1/
http://255.255.255.255/ http://metadata.google.internal/ http://printer.local/ http://[ff02::1]/ http://192.0.0.192/
""".split()


@pytest.mark.parametrize("form", FORMS)
def test_no_spelling_of_a_private_address_reaches_the_canary(form: str, server: Server) -> None:
    server.answers["/"] = b"{}"
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with pytest.raises(RefusedAddressError):
        Egress(OPEN, resolver=resolver).fetch(form.replace("{port}", str(server.port)))
    assert server.hits == []


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["fe80::1%eth0"], ["0.0.0.0"]],
)
def test_a_name_with_any_private_address_is_refused(answers: list[str], server: Server) -> None:
    with pytest.raises(RefusedAddressError, match="private"):
        Egress(OPEN, resolver=lambda host, port: answers).fetch(f"http://example.org:{server.port}/")
    assert server.hits == []


def test_a_name_that_changes_its_address_is_asked_for_once_and_pinned(server: Server) -> None:
    answers = iter([["192.0.2.1"], ["127.0.0.1"]])
    with pytest.raises(RefusedAddressError):  # a documentation address is not public; the second is never asked for
        Egress(OPEN, resolver=lambda host, port: next(answers)).fetch(f"http://rebind.example.org:{server.port}/")
    assert next(answers) == ["127.0.0.1"]
    assert server.hits == []


def test_the_connection_goes_to_the_address_that_was_checked(server: Server) -> None:
    server.answers["/a"] = b"1"
    answers = iter([["127.0.0.1"], ["192.0.2.1"]])
    policy = EgressPolicy(schemes=frozenset({"http"}), private_hosts=("name.example.org",))
    client = Egress(policy, resolver=lambda host, port: next(answers))
    assert client.json(f"http://name.example.org:{server.port}/a") == 1
    assert client.json(f"http://name.example.org:{server.port}/a") == 1
    assert server.headers[0]["host"] == f"name.example.org:{server.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_private_address_is_refused(status: int, server: Server) -> None:
    client = to(server)
    server.answers["/start"] = redirect(f"http://localhost:{server.port}/secret", status)
    with pytest.raises(RefusedAddressError):
        client.fetch(f"{server.base}/start")
    assert server.hits == ["/start"]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://2130706433/", "//[::1]/"])
def test_a_redirect_to_another_kind_of_address_is_refused(target: str, server: Server) -> None:
    server.answers["/start"] = redirect(target)
    with pytest.raises(RefusedAddressError):
        to(server).fetch(f"{server.base}/start")


def test_five_redirects_are_followed_and_six_are_not(server: Server) -> None:
    for step in range(6):
        server.answers[f"/{step}"] = redirect(f"/{step + 1}")
    server.answers["/6"] = b"there"
    assert to(server).fetch(f"{server.base}/1").body == b"there"
    with pytest.raises(UnreachableError, match="redirected too often"):
        to(server).fetch(f"{server.base}/0")


def test_a_redirect_to_nowhere_is_an_error(server: Server) -> None:
    server.answers["/a"] = lambda handler: reply(handler, b"", status=302)
    with pytest.raises(EgressError):
        to(server).fetch(f"{server.base}/a")


def test_the_headers_of_a_user_do_not_go_out(server: Server) -> None:
    server.answers["/a"] = b"1"
    headers = {"Authorization": "Bearer secret", "Cookie": "a=b", "Accept": "text/plain", "X-Forwarded-For": "1.2.3.4"}
    to(server).fetch(f"{server.base}/a", headers=headers)
    assert set(server.headers[0]) == {"host", "accept", "accept-encoding", "user-agent"}


def test_an_answer_may_have_just_as_many_bytes_as_allowed(server: Server) -> None:
    server.answers["/a"] = b"x" * 1000
    assert len(to(server, max_bytes=1000).fetch(f"{server.base}/a").body) == 1000
    with pytest.raises(UnreachableError, match="larger than 999 bytes"):
        to(server, max_bytes=999).fetch(f"{server.base}/a")


def test_an_answer_without_a_length_is_cut_off_at_the_limit(server: Server) -> None:
    def endless(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            handler.close_connection = True

    server.answers["/a"] = endless
    with pytest.raises(UnreachableError, match="larger than"):
        to(server, max_bytes=10**6).fetch(f"{server.base}/a")


def test_a_compressed_answer_is_decoded(server: Server) -> None:
    server.answers["/a"] = zipped(b'{"a": 1}')
    assert to(server).json(f"{server.base}/a") == {"a": 1}


def test_a_compressed_answer_must_not_grow_beyond_the_limit(server: Server) -> None:
    server.answers["/a"] = zipped(b"0" * 10**6)
    with pytest.raises(UnreachableError, match="larger than"):
        to(server, max_bytes=10**5).fetch(f"{server.base}/a")


def test_a_compressed_answer_must_not_grow_out_of_proportion(server: Server) -> None:
    server.answers["/a"] = zipped(b"0" * 10**7)
    with pytest.raises(UnreachableError, match="compressed more"):
        to(server).fetch(f"{server.base}/a")


def test_a_server_that_drips_is_left_when_the_time_is_up(server: Server) -> None:
    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        try:
            for _ in range(100):
                handler.wfile.write(b"x")
                time.sleep(0.1)
        except OSError:
            handler.close_connection = True

    server.answers["/a"] = drip
    began = time.monotonic()
    with pytest.raises(UnreachableError):
        to(server, timeout_s=0.5).fetch(f"{server.base}/a")
    assert time.monotonic() - began < 3


def test_an_answer_cut_short_is_an_error(server: Server) -> None:
    def short(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        handler.wfile.write(b"abc")
        handler.close_connection = True

    server.answers["/a"] = short
    with pytest.raises(UnreachableError):
        to(server).fetch(f"{server.base}/a")


def test_what_is_not_there_is_told_from_what_does_not_work(server: Server) -> None:
    server.answers["/broken"] = lambda handler: reply(handler, b"", status=500)
    with pytest.raises(MissingError):
        to(server).fetch(f"{server.base}/nothing")
    with pytest.raises(UnreachableError, match="status 500"):
        to(server).fetch(f"{server.base}/broken")


def test_what_is_no_json_is_an_error(server: Server) -> None:
    server.answers |= {"/a": b"<html>", "/b": b"[" * 10**6}
    for path in ("/a", "/b"):
        with pytest.raises(UnreachableError, match="no valid JSON"):
            to(server).json(f"{server.base}{path}")


def test_a_post_becomes_a_get_after_303_and_stays_one_after_307(server: Server) -> None:
    server.answers |= {"/see": redirect("/a", 303), "/same": redirect("/a", 307), "/a": b"1"}
    client = to(server)
    client.json(f"{server.base}/see", body={"x": 1})
    client.json(f"{server.base}/same", body={"x": 1})
    assert server.bodies == [b'{"x": 1}', b"", b'{"x": 1}', b'{"x": 1}']


def test_only_encrypted_connections_are_allowed_by_default() -> None:
    with pytest.raises(RefusedAddressError, match="https"):
        Egress(EgressPolicy()).check("http://example.org/")


def test_nothing_is_reached_when_the_policy_says_so() -> None:
    with pytest.raises(RefusedAddressError, match="nothing outside"):
        Egress(EgressPolicy(enabled=False)).check("https://example.org/")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("example.org", True),
        ("EXAMPLE.org.", True),
        ("data.stac.example", True),
        ("a.b.stac.example", True),
        ("stac.example", False),
        ("notexample.org", False),
        ("example.org.evil.net", False),
        ("xstac.example", False),
    ],
)
def test_a_list_of_hosts_holds_whole_names(host: str, allowed: bool) -> None:
    client = Egress(EgressPolicy(hosts=("example.org", "*.stac.example")), resolver=lambda h, p: ["93.184.215.14"])
    if allowed:
        assert client.check(f"https://{host}/a").startswith("https://")
    else:
        with pytest.raises(RefusedAddressError, match="not among"):
            client.check(f"https://{host}/a")


def test_a_private_host_is_allowed_on_the_port_that_was_named(server: Server) -> None:
    server.answers["/"] = b"1"
    assert to(server).fetch(server.base).body == b"1"
    with pytest.raises(RefusedAddressError):
        to(server).fetch(f"http://127.0.0.1:{server.port + 1}/")


def test_low_ports_of_other_protocols_are_refused() -> None:
    for port in (0, 22, 25, 53, 1023):
        with pytest.raises(RefusedAddressError):
            parse(f"https://example.org:{port}/", OPEN)
    assert parse("https://example.org:8443/a?b=c#d", OPEN).target == "/a?b=c"


def test_an_international_name_goes_out_in_ascii() -> None:
    address = parse("https://bücher.example/straße?q=ä", OPEN)
    assert address.url == "https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%A4"


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700:4700::1111", "93.184.215.14"])
def test_public_addresses_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def test_a_client_travels_to_another_process_with_its_policy() -> None:
    assert pickle.loads(pickle.dumps(Egress(OPEN))).policy == OPEN


def test_a_document_is_fetched_once_within_a_minute(server: Server) -> None:
    server.answers["/a"] = b'{"n": [1]}'
    now = [0.0]
    documents = Documents(to(server), clock=lambda: now[0])
    url, first = documents.get(f"{server.base}/a")
    first["n"].append(2)  # what a reader does to its copy is its own
    assert documents.get(f"{server.base}/a") == (url, {"n": [1]})
    now[0] = 61
    documents.get(f"{server.base}/a")
    assert server.hits == ["/a", "/a"]
