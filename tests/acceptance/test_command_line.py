"""Commands as a person types them: what works, and sentences that help where it does not."""

from __future__ import annotations

import json
import socket

import pytest
from acceptance.conftest import USER, free_port, run

COMMANDS = ["serve", "worker", "demo", "import", "migrate", "user", "publish", "seed", "explain"]


def complaint(done):
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    done = run(name, "--help")
    assert done.returncode == 0
    assert "--data-dir" in done.stdout


def test_the_help_names_all_commands():
    done = run("--help")
    assert [name for name in COMMANDS if f"\n    {name} " not in done.stdout] == []


def test_serve_refuses_another_address_while_the_demo_user_exists(tmp_path):
    from config.settings import load_settings
    from openeo_plugin.backend import open_backend

    backend = open_backend(load_settings(data_dir=tmp_path / "data"))
    backend.auth.basic.ensure_demo_user()
    backend.database.dispose()

    done = run("serve", "--host", "0.0.0.0", "--port", free_port(), "--data-dir", tmp_path / "data")

    assert "demo" in complaint(done)
    assert "user delete demo" in done.stderr


def test_the_demo_refuses_another_address(tmp_path):
    done = run("demo", "--once", "--host", "0.0.0.0", "--port", free_port(), "--data-dir", tmp_path / "data")
    assert "127.0.0.1" in complaint(done)


def test_a_port_that_is_taken_is_said(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", "--port", port, "--data-dir", tmp_path / "data")
    assert f"127.0.0.1:{port}" in complaint(done)


def test_an_option_that_is_not_valid_is_named(tmp_path):
    done = run("serve", "--port", 99999, "--data-dir", tmp_path / "data")
    assert (done.returncode, "port" in complaint(done)) == (2, True)


def test_an_unknown_setting_in_a_file_is_named(tmp_path):
    (tmp_path / "mine.yml").write_text("prot: 9000\n")
    done = run("migrate", "--config", tmp_path / "mine.yml", "--data-dir", tmp_path / "data")
    assert "prot" in complaint(done)


def test_a_configuration_file_that_is_missing_is_named(tmp_path):
    done = run("migrate", "--config", tmp_path / "missing.yml", "--data-dir", tmp_path / "data")
    assert "missing.yml" in complaint(done)


def test_a_key_that_is_damaged_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret.key").write_text("short")
    done = run("user", "list", "--data-dir", tmp_path / "data")
    assert (done.returncode, "secret.key" in complaint(done)) == (2, True)


def test_a_configuration_file_that_is_no_yaml_is_named(tmp_path):
    (tmp_path / "mine.yml").write_text("title: [1\n")
    done = run("migrate", "--config", tmp_path / "mine.yml", "--data-dir", tmp_path / "data")
    assert (done.returncode, "mine.yml" in complaint(done)) == (2, True)


@pytest.mark.parametrize(
    ("url", "said"),
    [("postgresql://ann:hidden@127.0.0.1:1/eo", "refused"), ("mysql://ann:hidden@db/eo", "mysql"), ("{}", "open")],
)
def test_a_database_that_can_not_be_used_is_said_without_its_password(tmp_path, url, said):
    done = run("migrate", "--database-url", url.format(f"sqlite:///{tmp_path}"), "--data-dir", tmp_path / "data")
    assert said in complaint(done)
    assert "hidden" not in done.stderr


def test_a_worker_without_slots_is_refused(tmp_path):
    done = run("worker", "--slots", "0", "--data-dir", tmp_path / "data")
    assert (done.returncode, "--slots: must be 1 or more" in done.stderr) == (2, True)


def test_a_folder_that_is_missing_is_not_imported(tmp_path):
    done = run("import", tmp_path / "nothing", "--data-dir", tmp_path / "data")
    assert "nothing" in complaint(done)


def test_a_folder_without_data_is_not_imported(tmp_path):
    (tmp_path / "empty").mkdir()
    done = run("import", tmp_path / "empty", "--data-dir", tmp_path / "data")
    assert "empty" in complaint(done)


def test_users_are_listed_added_and_deleted(tmp_path):
    (tmp_path / "password").write_text("a long enough password\n")
    data = ("--data-dir", tmp_path / "data")

    assert run("user", "add", "bob", "--password-file", tmp_path / "password", *data).returncode == 0
    assert "bob" in complaint(run("user", "add", "bob", "--password-file", tmp_path / "password", *data))
    assert run("user", "list", *data).stdout == "bob\n"
    assert run("user", "delete", "bob", *data).returncode == 0
    assert run("user", "list", *data).stdout == ""
    assert "bob" in complaint(run("user", "delete", "bob", *data))


def test_a_process_is_published_as_a_map(server, tmp_path):
    arguments = {"id": "sentinel-2-l2a-synthetic", "spatial_extent": None, "temporal_extent": None, "bands": ["B08"]}
    node = {"process_id": "load_collection", "arguments": arguments, "result": True}
    (tmp_path / "map.json").write_text(json.dumps({"process_graph": {"load": node}}))

    done = run("publish", tmp_path / "map.json", "--user", USER, "--type", "WMTS", "--data-dir", server.data_dir)

    assert done.stderr == ""
    assert done.stdout.strip().endswith("/WMTSCapabilities.xml")


def test_a_job_that_does_not_exist_is_not_published(server):
    done = run("publish", "0123456789abcdef", "--user", USER, "--data-dir", server.data_dir)
    assert "0123456789abcdef" in complaint(done)
