"""Users of OpenID Connect at every face of a running server, with the openeo client and a provider on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openeo
import pytest
import uvicorn
from instance import free_port, graph, node
from oidc_provider import AUDIENCE, DEVICE_CODE, OidcProvider, serving

from config.settings import Settings, load_settings
from openeo_plugin.app import create_app
from openeo_plugin.backend import open_backend

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with serving() as provider:
        yield provider


@pytest.fixture(scope="module")
def settings(provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    client = {"id": "anybody", "grant_types": [f"{DEVICE_CODE}+pkce"]}
    trusted = {"issuer": provider.issuer, "title": "Test", "audience": [AUDIENCE], "default_clients": [client]}
    folder = tmp_path_factory.mktemp("oidc")
    settings = load_settings(data_dir=folder, port=free_port(), threads=1, oidc_providers={"test": trusted})
    backend = open_backend(settings)
    backend.auth.basic.add_user("ann", PASSWORD)
    backend.database.dispose()
    return settings


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=settings.port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started
    yield settings.public_base
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def signed_in(server: str, provider: OidcProvider, client: str, **claims: str) -> openeo.Connection:
    secret = provider.add_client(client, **claims)
    connection = openeo.connect(server)
    connection.authenticate_oidc_client_credentials(client_id=client, client_secret=secret)
    return connection


def http(server: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=server, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60)


def test_the_client_signs_in_with_client_credentials(server: str, provider: OidcProvider) -> None:
    connection = signed_in(server, provider, "robot", name="A Robot")

    account = connection.describe_account()

    assert account["name"] == "A Robot"
    assert account["user_id"].startswith("oidc~")


def test_the_client_signs_in_with_a_device_code_and_a_client_of_the_server(
    server: str, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENEO_CONFIG_HOME", str(tmp_path))
    connection = openeo.connect(server).authenticate_oidc_device(max_poll_time=30)

    assert connection.describe_account()["name"] == "Device User"


def test_what_a_user_has_made_is_found_again_and_by_nobody_else(server: str, provider: OidcProvider) -> None:
    addition = graph(add=node("add", x=1, y=2))["process_graph"]
    connection = signed_in(server, provider, "owner")
    job = connection.create_job(addition, title="sum")

    assert connection.execute(addition) == 3
    again = openeo.connect(server)
    again.authenticate_oidc_client_credentials(client_id="owner", client_secret=provider.clients["owner"][0])
    assert [found["id"] for found in again.list_jobs()] == [job.job_id]
    assert list(signed_in(server, provider, "neighbour").list_jobs()) == []


def test_a_name_and_a_password_still_work_beside_it_with_the_prefix_and_without(server: str) -> None:
    connection = openeo.connect(server).authenticate_basic("ann", PASSWORD)
    assert connection.describe_account()["user_id"] == "ann"

    plain = connection.auth.bearer.removeprefix("basic//")
    assert http(server, plain).get("/openeo/v1/me").json()["user_id"] == "ann"


def test_a_token_is_good_at_every_face_in_both_spellings(server: str, provider: OidcProvider) -> None:
    token = provider.token("ada")
    for spelling in (token, f"oidc/test/{token}"):
        client = http(server, spelling)
        assert client.get("/openeo/v1/me").status_code == 200
        assert client.get("/oapi/jobs").status_code == 200


def test_a_bad_token_is_refused_at_every_face_in_official_words(server: str, provider: OidcProvider) -> None:
    for token in (provider.token(exp=1), provider.token(aud="another"), provider.token(iss="https://evil.example")):
        client = http(server, token)
        for path in ("/openeo/v1/me", "/openeo/v1/collections", "/oapi/collections", "/oapi/jobs"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (403, "TokenInvalid")
