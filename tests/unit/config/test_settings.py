from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from config.files import OptionsError
from config.machine import available_cores, memory_bytes
from config.secret_key import read_or_create_key
from config.settings import DEFAULT_FILE, MICROSERVICES, Settings, load_settings, misspelt_variables


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"OPENEO_{name.upper()}", raising=False)


def test_the_default_file_names_every_option_with_its_default() -> None:
    written = yaml.safe_load(DEFAULT_FILE.read_text())
    assert set(written) == set(Settings.model_fields)
    assert Settings(**written) == Settings()


def test_every_option_in_the_default_file_is_explained() -> None:
    lines = DEFAULT_FILE.read_text().splitlines()
    plain = {"title", "description", "microservices"}  # the heading above them says it
    for name in Settings.model_fields.keys() - plain:
        (line,) = [line for line in lines if line.startswith(f"{name}:")]
        assert len(line.partition("#")[2].split()) > 2, name


def test_options_are_taken_from_the_strongest_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own.yml"
    file.write_text("port: 1000\ntitle: From the file\nlease_s: 7\n")
    monkeypatch.setenv("OPENEO_PORT", "2000")
    monkeypatch.setenv("OPENEO_LEASE_S", "8")
    settings = load_settings(file, port=3000, host=None)
    assert (settings.port, settings.lease_s, settings.title, settings.heartbeat_s) == (3000, 8, "From the file", 5)
    assert settings.host == "127.0.0.1"


def test_microservices_are_switched_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "own.yml"
    file.write_text("microservices: {services: false}\n")
    monkeypatch.setenv("OPENEO_MICROSERVICES__JOBS", "false")
    switched = load_settings(file, microservices={"results": False}).microservices
    assert switched == {**MICROSERVICES, "services": False, "jobs": False, "results": False}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("port", 70_000), ("port", "many"), ("lease_s", 0), ("threads", 0), ("log_level", "loud"),
        ("secret_key", "short"), ("microservices", {"jbos": True}), ("memory_budget_bytes", 1), ("prot", 80),
        ("lease_s", "inf"), ("token_lifetime_s", 1e30), ("job_poll_s", float("inf")), ("job_attempts_max", 10**25),
        ("request_max_bytes", 10**25), ("worker_processes", 10**6), ("service_rate_per_s", "nan"),
        ("public_url", "example.org"), ("public_url", ""), ("public_url", "https://a.org/?x=1"),
        ("heartbeat_s", 30), ("lease_s", 5),
    ],
)  # fmt: skip
def test_a_bad_option_is_refused_and_named(option: str, value: object) -> None:
    with pytest.raises(ValidationError, match=option):
        load_settings(**{option: value})


@pytest.mark.parametrize(
    "content",
    [b"- port\n", b"port\n", b"1: 2\n", b"title: [a\n", b"secret_key: 'topsecret\n", b"\xff\xfe\0", b"title: \x07\n"],
)
def test_a_file_that_holds_no_options_is_refused_and_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "own.yml"
    file.write_bytes(content)
    with pytest.raises(OptionsError, match=r"own\.yml") as refused:
        load_settings(file)
    assert "topsecret" not in str(refused.value)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text("# port: 1\n")
    assert load_settings(tmp_path / "own.yml") == load_settings()


def test_a_variable_that_should_hold_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENEO_BILLING_PLANS", "free")
    with pytest.raises(OptionsError, match=r"OPENEO_BILLING_PLANS.*JSON"):
        load_settings()


def test_misspelt_variables_are_found_and_those_of_others_are_left_alone() -> None:
    names = ["PATH", "OPENEO_TITEL", "OPENEO_TITLE", "OPENEO_MICROSERVICES__JOBS", "openeo_port", "OPENEO_SECRETKEY"]
    others = ["OPENEO_SHARED", "OPENEO_CRASH_ROUNDS", "OPENEO_URL", "OPENEO_USER", "OPENEO_CLIENT_CONFIG", "OPENEO_"]
    assert misspelt_variables(names + others) == {
        "OPENEO_SECRETKEY": "OPENEO_SECRET_KEY",
        "OPENEO_TITEL": "OPENEO_TITLE",
    }


def test_paths_and_addresses_follow_from_the_options(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, port=9000)
    assert settings.database == f"sqlite:///{tmp_path}/openeo.sqlite"
    assert settings.results_dir == tmp_path / "results"
    assert settings.public_base == "http://127.0.0.1:9000"
    assert load_settings(public_url="https://eo.example/api/").public_base == "https://eo.example/api"
    assert load_settings(host="::1", port=1).public_base == "http://[::1]:1"
    assert load_settings(host="0.0.0.0", port=1).public_base == "http://localhost:1"
    assert load_settings(database_url="postgresql://db/eo").database == "postgresql://db/eo"
    assert load_settings(data_dir="x").data_dir == Path.cwd() / "x"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "[::1]"])
def test_a_loopback_address_is_known_as_such(host: str) -> None:
    assert load_settings(host=host).is_loopback


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.0.1", "eo.example", "localhost.example", "127.0.0.1.nip.io"]
)
def test_an_address_that_others_may_reach_is_not_loopback(host: str) -> None:
    assert not load_settings(host=host).is_loopback


def test_secrets_are_not_shown() -> None:
    settings = load_settings(secret_key="k" * 32, database_url="postgresql://u:hidden@db/eo")
    assert "kkkk" not in repr(settings)
    assert "hidden" not in repr(settings)
    assert settings.signing_key() == b"k" * 32


def test_a_key_is_written_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "new")
    key = settings.signing_key()
    file = tmp_path / "new" / "secret.key"
    assert len(key) == 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert settings.signing_key() == key
    assert [path.name for path in file.parent.iterdir()] == ["secret.key"]


def test_all_who_start_together_get_the_same_key(tmp_path: Path) -> None:
    start, keys = threading.Barrier(8), []

    def read() -> None:
        start.wait()
        keys.append(read_or_create_key(tmp_path / "secret.key"))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("")
    with pytest.raises(ValueError, match="no valid key"):
        read_or_create_key(tmp_path / "secret.key")


def test_a_containers_limit_of_memory_counts(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("268435456\n")
    assert memory_bytes(limit) == 268_435_456
    limit.write_text("max\n")
    assert memory_bytes(limit) == memory_bytes(tmp_path / "none") > 268_435_456
    assert load_settings(memory_budget_bytes=2**25).memory_budget == 2**25
    assert load_settings().memory_budget > 2**24


def test_threads_are_the_cores_unless_said_otherwise() -> None:
    assert load_settings().threads == available_cores()
    assert load_settings(threads=3).threads == 3


@pytest.mark.parametrize("url", ["redis://cache", "rediss://:word@cache:6380/1", "unix:///run/redis.sock?db=2"])
def test_a_tile_cache_is_told_by_its_address_which_nobody_reads_later(url: str) -> None:
    settings = Settings(tile_cache_url=url)
    assert settings.tile_cache_url is not None
    assert settings.tile_cache_url.get_secret_value() == url
    assert url not in repr(settings)


@pytest.mark.parametrize("url", ["http://:hunter2@cache", "redis://", "cache:6379/hunter2", "file:///hunter2", ""])
def test_an_address_of_another_kind_is_refused_without_its_text(url: str) -> None:
    with pytest.raises(ValidationError, match="begins with redis") as refused:
        Settings(tile_cache_url=url)
    assert "hunter2" not in str(refused.value)
