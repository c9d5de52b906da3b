"""Tiles in a real Redis server that is killed, hangs, is full, asks for a password, or is none at all."""

from __future__ import annotations

import datetime
import logging
import re
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from instance import ROOT, free_port, until
from redis_server import RedisServer

from config.settings import load_settings
from services.kept_tiles import kept_tiles_of
from services.tile_files import TileFiles
from services.tile_redis import RedisOptions, RedisTiles
from services.tile_store import TileKey

LONG_S = 60.0
PASSWORD = "hunter2-hunter2"


def key(column: int = 0) -> TileKey:
    return TileKey((9, column, 0), None, "png")


@pytest.fixture
def server(has_redis):
    with RedisServer() as running:
        yield running


def opened(url: str, limit_bytes: int = 10**9, timeout_s: float = LONG_S, pause_s: float = 0.05) -> RedisTiles:
    return RedisTiles(RedisOptions(url, "tiles:test", limit_bytes, timeout_s, lifetime_s=1000, pause_s=pause_s))


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "services.tile_redis"]


def kept_again(tiles, content: bytes = b"again") -> None:
    def is_kept() -> bool:
        tiles.put(key(99), content)
        return bool(tiles.get(key(99)) == content)

    until(is_kept)


def test_a_server_that_was_killed_keeps_nothing_and_is_used_again_when_it_is_back(server, caplog):
    tiles = opened(server.url).of("abc", "1", None)
    tiles.put(key(), b"picture")
    server.kill()
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            assert tiles.get(key()) is None
            assert not tiles.has(key())
            tiles.put(key(), b"picture")
    assert len(warnings_in(caplog)) == 1
    server.start()
    kept_again(tiles)
    assert tiles.get(key()) is None


def test_a_connection_that_the_server_has_closed_is_no_failure(server):
    tiles = opened(server.url, pause_s=3600).of("abc", "1", None)
    tiles.put(key(), b"picture")
    server.client.client_kill_filter(_type="normal", skipme=True)
    assert tiles.get(key()) == b"picture"


def test_a_server_that_hangs_is_left_alone_for_the_pause(server):
    opened(server.url).of("abc", "1", None).put(key(), b"picture")
    tiles = opened(server.url, timeout_s=0.2, pause_s=3600).of("abc", "1", None)
    server.hang()
    assert tiles.get(key()) is None
    server.go_on()
    assert tiles.get(key()) is None
    assert opened(server.url).of("abc", "1", None).get(key()) == b"picture"


def test_an_answer_that_came_too_late_is_taken_for_no_other_tile(server):
    slow = opened(server.url, timeout_s=0.2).of("abc", "1", None)
    sure = opened(server.url).of("abc", "1", None)
    for column in range(8):
        sure.put(key(column), str(column).encode())
    server.hang()
    threads = [threading.Thread(target=slow.get, args=(key(column),)) for column in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.go_on()
    until(lambda: slow.get(key(7)) is not None)
    for column in range(8):
        assert slow.get(key(column)) in (None, str(column).encode())
    until(lambda: all(slow.get(key(column)) == str(column).encode() for column in range(8)))


def test_a_picture_under_the_key_of_another_is_not_taken(server):
    tiles = opened(server.url).of("abc", "1", None)
    tiles.put(key(1), b"one")
    (name,) = server.client.keys("*:abc:*")
    server.client.copy(name, name.replace(b"9/1/0", b"9/2/0"))
    assert tiles.get(key(2)) is None
    assert not tiles.has(key(2))


def test_a_full_server_is_still_read_and_written_again_when_there_is_room(server, caplog):
    tiles = opened(server.url).of("abc", "1", None)
    tiles.put(key(), b"picture")
    server.client.config_set("maxmemory", 1)
    with caplog.at_level(logging.WARNING):
        tiles.put(key(1), b"more")
        assert tiles.get(key(1)) is None
        assert tiles.get(key()) == b"picture"
    assert [text for text in warnings_in(caplog) if "OutOfMemoryError" in text] == warnings_in(caplog) != []
    other = opened(server.url).of("xyz", "1", None)
    assert other.get(key()) is None
    server.client.config_set("maxmemory", 0)
    kept_again(tiles)


def test_a_server_that_evicts_keeps_the_latest_tiles(server):
    server.client.config_set("maxmemory", server.client.info("memory")["used_memory"] + 4 * 2**20)
    server.client.config_set("maxmemory-policy", "allkeys-lru")
    tiles = opened(server.url).of("abc", "1", None)
    for column in range(511):
        tiles.put(key(column), bytes(40_000))
    assert tiles.has(key(510))
    assert server.client.info("stats")["evicted_keys"] > 300


def test_every_key_is_gone_some_day(server):
    store = opened(server.url)
    for owner in (None, "ann"):
        store.of("abc", "1", owner).put(key(), b"picture")
        store.of("abc", "2", owner).put(key(), b"picture")
    store.of("never shown", "1", None)
    lifetimes = [server.client.ttl(name) for name in server.client.keys("*")]
    assert len(lifetimes) > 3
    assert all(0 < lifetime <= 1000 for lifetime in lifetimes)


def test_a_server_that_lost_everything_keeps_tiles_anew(server):
    tiles = opened(server.url).of("abc", "1", None)
    tiles.put(key(), b"picture")
    server.client.flushall()
    assert tiles.get(key()) is None
    tiles.put(key(), b"picture")
    assert tiles.get(key()) == b"picture"


def test_the_room_is_the_lesser_of_the_setting_and_the_servers_own(server):
    tiles = opened(server.url, limit_bytes=10**7).of("abc", "1", None)
    assert tiles.room_bytes() == 10**7
    server.client.config_set("maxmemory", 5 * 10**6)
    assert tiles.room_bytes() == 5 * 10**6
    server.client.config_set("maxmemory", 10**9)
    assert tiles.room_bytes() == 10**7


def test_the_commands_that_the_operators_page_names_are_enough(server):
    page = (ROOT / "docs/operation.md").read_text()
    named = re.findall(r"`([A-Z]+)`", page.partition("Commands needed:")[2].partition("if orders")[0])
    allowed = [f"+{name.lower()}" for name in named if name != "INFO"]
    server.client.acl_setuser(
        "web", enabled=True, passwords=[f"+{PASSWORD}"], keys=["tiles:*"], categories=["-@all"], commands=allowed
    )
    store = opened(server.url.replace("unix://", f"unix://web:{PASSWORD}@"), pause_s=3600)
    for stamp in ("1", "2"):
        tiles = store.of("abc", stamp, None)
        tiles.put(key(), b"picture")
        assert tiles.get(key()) == b"picture"
        assert tiles.has(key())
    server.client.delete("tiles:test:abc")
    tiles.put(key(), b"anew")
    assert store.of("abc", "2", "ann").get(key()) is None
    assert tiles.get(key()) is None
    store.forget("abc")
    assert not server.client.exists("tiles:test:abc")
    assert tiles.room_bytes() == 10**9


def test_a_password_is_used_and_told_nobody(has_redis, caplog):
    with RedisServer("--requirepass", PASSWORD) as server, caplog.at_level(logging.DEBUG):
        right = opened(server.url.replace("unix://", f"unix://:{PASSWORD}@"))
        tiles = right.of("abc", "1", None)
        tiles.put(key(), b"picture")
        assert tiles.get(key()) == b"picture"
        wrong = opened(server.url.replace("unix://", f"unix://:not-{PASSWORD}@"))
        tiles = wrong.of("abc", "1", None)
        tiles.put(key(), b"picture")
        assert tiles.get(key()) is None
        assert warnings_in(caplog)
        assert PASSWORD not in caplog.text + repr(right.options) + repr(tiles)


def test_settings_choose_the_place_and_never_show_the_password(tmp_path, server):
    assert isinstance(kept_tiles_of(load_settings(data_dir=tmp_path)), TileFiles)
    assert kept_tiles_of(load_settings(data_dir=tmp_path, tile_cache_bytes=0, tile_cache_url=server.url)) is None
    settings = load_settings(data_dir=tmp_path, tile_cache_url=f"redis://:{PASSWORD}@127.0.0.1:6379/1")
    store = kept_tiles_of(settings)
    assert isinstance(store, RedisTiles)
    assert kept_tiles_of(settings) is store
    assert PASSWORD not in repr(settings) + str(settings) + repr(store.options)


def test_two_instances_at_one_server_do_not_see_each_other(tmp_path, server):
    first, second = (
        kept_tiles_of(load_settings(data_dir=tmp_path / name, tile_cache_url=server.url, tile_cache_timeout_s=LONG_S))
        for name in "ab"
    )
    assert first is not None
    assert second is not None
    first.of("abc", "1", None).put(key(), b"picture")
    assert second.of("abc", "1", None).get(key()) is None
    second.forget("abc")
    assert first.of("abc", "1", None).get(key()) == b"picture"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$x\r\n", b"\r\n", b"", b":1\r\n:2\r\n" * 9])
def test_a_server_of_another_kind_is_of_no_use_and_no_harm(answer):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        port = listener.getsockname()[1]
        tiles = opened(f"redis://127.0.0.1:{port}", timeout_s=5, pause_s=0).of("abc", "1", None)
        for _ in range(3):
            tiles.put(key(), b"picture")
            assert tiles.get(key()) is None
            assert not tiles.has(key())
        assert tiles.room_bytes() == 10**9
        listener.shutdown(socket.SHUT_RDWR)


def test_nobody_at_the_address_is_no_harm():
    tiles = opened(f"redis://127.0.0.1:{free_port()}").of("abc", "1", None)
    tiles.put(key(), b"picture")
    assert tiles.get(key()) is None


def test_tls_is_used_with_a_certificate_that_is_trusted_and_with_no_other(has_redis, tmp_path):
    certificate, private = self_signed(tmp_path)
    port = free_port()
    options = ("--tls-port", port, "--bind", "127.0.0.1", "--tls-auth-clients", "no")
    files = ("--tls-cert-file", certificate, "--tls-key-file", private, "--tls-ca-cert-file", certificate)
    with RedisServer(*map(str, options + files)) as server:
        try:
            with socket.create_connection(("127.0.0.1", port), 30):
                pass
        except OSError:
            pytest.fail("the server has no TLS")
        trusted = opened(f"rediss://localhost:{port}?ssl_ca_certs={certificate}").of("abc", "1", None)
        trusted.put(key(), b"picture")
        assert trusted.get(key()) == b"picture"
        assert opened(f"rediss://localhost:{port}").of("abc", "1", None).get(key()) is None
        assert isinstance(server.client, redis.Redis)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate of localhost, and its key."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files
