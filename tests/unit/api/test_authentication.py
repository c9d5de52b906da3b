from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from unit.api.conftest import Api

from config.settings import load_settings
from openeo_plugin.api.application import MICROSERVICES, create_api
from openeo_plugin.api.routing import Access

ROUTES = [route for name, routes in MICROSERVICES.items() if name != "udf_runtimes" for route in routes]
CLOSED = [route for route in ROUTES if route.access in (Access.USER, Access.SIGNED)]
OPEN = [route for route in ROUTES if route.access is Access.PUBLIC and route.method == "GET"]


def _basic(text: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text).decode()}


def _path(route) -> str:
    return route.path.replace("{path:", "{").replace("{", "").replace("}", "")


def _ids(routes):
    return [f"{route.method} {route.path}" for route in routes]


@pytest.mark.requirement(100, 110, 120, 121)
def test_name_and_password_give_a_token_that_works(api):
    token = api.get("/credentials/basic", headers=_basic(b"ann:apple")).json["access_token"]

    answer = api.get("/me", headers={"Authorization": f"Bearer basic//{token}"})

    assert answer.json["user_id"] == "ann"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": ""}, 401, "AuthenticationRequired"),
        (_basic(b"ann:wrong"), 403, "CredentialsInvalid"),
        (_basic(b"nobody:apple"), 403, "CredentialsInvalid"),
        (_basic(b"no colon"), 403, "CredentialsInvalid"),
        (_basic(b"\xff\xfe:x"), 403, "CredentialsInvalid"),
        ({"Authorization": "Basic ***"}, 403, "CredentialsInvalid"),
        ({"Authorization": "Bearer basic//token-of-ann"}, 403, "AuthenticationSchemeInvalid"),
    ],
)
def test_bad_credentials_give_no_token(api, headers, status, code):
    response = api.get("/credentials/basic", headers=headers)

    assert (response.status_code, response.json["code"]) == (status, code)


@pytest.mark.parametrize("route", CLOSED, ids=_ids(CLOSED))
@pytest.mark.requirement(101)
def test_without_a_token_closed_endpoints_answer_401(api, route):
    response = api.as_user(None)(route.method, _path(route))

    assert (response.status_code, response.json["code"]) == (401, "AuthenticationRequired")


@pytest.mark.parametrize("route", CLOSED + OPEN, ids=_ids(CLOSED + OPEN))
@pytest.mark.requirement(102)
def test_with_a_bad_token_endpoints_answer_403(api, route):
    response = api(route.method, _path(route), headers={"Authorization": "Bearer basic//token-of-eve"})

    assert (response.status_code, response.json["code"]) == (403, "TokenInvalid")


@pytest.mark.parametrize("bearer", ["token-of-ann", "oidc/egi/x", "magic//token-of-ann"])
def test_other_kinds_of_tokens_are_refused(api, bearer):
    response = api.get("/me", headers={"Authorization": f"Bearer {bearer}"})

    assert (response.status_code, response.json["code"]) == (403, "AuthenticationSchemeInvalid")


def test_the_scheme_may_be_written_in_any_case(api):
    assert api.get("/me", headers={"Authorization": "bearer  basic//token-of-ann"}).status_code == 200


@pytest.fixture
def with_oidc(backend):
    """The API of an instance that trusts a provider, and where nobody signs in with a password."""
    clients = [{"id": "web-editor", "redirect_urls": ["https://editor.openeo.org/"]}]
    trusted = {
        "egi": {
            "issuer": "https://aai.example/oidc",
            "title": "EGI",
            "audience": ["openeo"],
            "default_clients": clients,
        },
        "second": {"issuer": "https://id.example", "title": "Second", "audience": ["openeo"], "scopes": []},
    }
    settings = load_settings(data_dir=backend.settings.data_dir, oidc_providers=trusted, basic_authentication=False)
    changed = replace(backend, settings=settings)
    return Api(create_api(changed).test_client(), changed)


@pytest.mark.requirement(112)
def test_providers_of_openid_connect_are_listed_in_their_order_for_everybody(with_oidc):
    found = with_oidc.as_user(None).get("/credentials/oidc").json["providers"]

    assert [(provider["id"], provider["issuer"]) for provider in found] == [
        ("egi", "https://aai.example/oidc"),
        ("second", "https://id.example"),
    ]
    assert found[0]["scopes"] == ["openid"]
    assert found[0]["default_clients"][0]["redirect_urls"] == ["https://editor.openeo.org/"]
    assert found[1].keys() == {"id", "issuer", "title"}  # what is not given is left out, and the audience is ours


@pytest.mark.requirement(111)
def test_each_way_to_sign_in_is_listed_only_where_it_is_offered(api, with_oidc):
    def paths(instance):
        return {endpoint["path"] for endpoint in instance.get("/").json["endpoints"]}

    assert "/credentials/basic" in paths(api)
    assert "/credentials/oidc" not in paths(api)
    assert api.get("/credentials/oidc").json["code"] == "FeatureUnsupported"
    assert "/credentials/oidc" in paths(with_oidc)
    assert "/credentials/basic" not in paths(with_oidc)
    refused = with_oidc.get("/credentials/basic", headers=_basic(b"ann:apple"))
    assert refused.json["code"] == "FeatureUnsupported"


def test_tokens_are_sent_as_they_are_where_there_is_openid_connect(api, with_oidc):
    conformance = "https://api.openeo.org/1.3.0/authentication/jwt"

    assert conformance in with_oidc.get("/conformance").json["conformsTo"]
    assert conformance not in api.get("/conformance").json["conformsTo"]
