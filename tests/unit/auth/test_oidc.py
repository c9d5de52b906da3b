from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from oidc_provider import AUDIENCE, OidcProvider, new_key, new_rsa_key, serving, signed, symmetric_key

from config.oidc import OidcProvider as Trusted
from db.session import Database
from db.users import UserStore
from openeo_plugin.auth import oidc_provider
from openeo_plugin.auth.authentication import Authentication
from openeo_plugin.auth.basic import BasicAuthentication
from openeo_plugin.auth.oidc import LEEWAY_S, OidcAuthentication
from openeo_plugin.auth.oidc_provider import ProviderKeys
from openeo_plugin.auth.provider import AuthenticationProvider
from openeo_plugin.errors import OpenEOError


class Clock:
    """Seconds, set by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with serving() as provider:
        yield provider


@pytest.fixture
def users(tmp_path: Path) -> UserStore:
    database = Database(f"sqlite:///{tmp_path / 'openeo.sqlite'}")
    database.migrate()
    return UserStore(database)


@pytest.fixture
def clock() -> Clock:
    """Of the pauses between two looks for keys."""
    return Clock()


@pytest.fixture
def oidc(provider: OidcProvider, users: UserStore, clock: Clock) -> OidcAuthentication:
    return OidcAuthentication({"test": trusted(provider)}, users, keys=lambda issuer: ProviderKeys(issuer, clock=clock))


def trusted(provider: OidcProvider, **changes: Any) -> Trusted:
    return Trusted(**{"issuer": provider.issuer, "title": "Test", "audience": [AUDIENCE], **changes})


def refusal(attempt: Callable[[], object]) -> OpenEOError:
    with pytest.raises(OpenEOError) as raised:
        attempt()
    return raised.value


def code_of(oidc: OidcAuthentication, token: str) -> str:
    return refusal(lambda: oidc.user_of(f"oidc/test/{token}")).code


def unsigned(claims: dict[str, Any], **header: Any) -> str:
    def part(document: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()

    return f"{part(header)}.{part(claims)}."


def test_a_token_stands_for_its_user_with_the_prefix_and_without(
    oidc: OidcAuthentication, provider: OidcProvider
) -> None:
    assert isinstance(oidc, AuthenticationProvider)
    token = provider.token("ada", name="Ada Lovelace")
    user = oidc.user_of(f"oidc/test/{token}")
    assert oidc.user_of(token) == user
    assert user.title == "Ada Lovelace"
    assert user.password_hash is None


def test_a_user_is_the_same_at_each_sign_in_and_stands_in_the_list(
    oidc: OidcAuthentication, provider: OidcProvider, users: UserStore
) -> None:
    first = oidc.user_of(provider.token("ada", email="ada@example.org"))
    second = oidc.user_of(provider.token("ada"))
    assert first.name == second.name
    assert (first.title, second.title) == ("ada@example.org", None)
    assert [user.name for user in users.list()] == [first.name]


def test_the_same_subject_of_two_issuers_is_two_users(users: UserStore) -> None:
    with serving() as one, serving() as other:
        oidc = OidcAuthentication({"one": trusted(one), "other": trusted(other)}, users)
        assert oidc.user_of(one.token("ada")).name != oidc.user_of(other.token("ada")).name
        assert refusal(lambda: oidc.user_of(f"oidc/other/{one.token('ada')}")).code == "TokenInvalid"


def test_a_subject_named_like_a_user_with_a_password_is_somebody_else(
    oidc: OidcAuthentication, provider: OidcProvider, users: UserStore
) -> None:
    basic = BasicAuthentication(users, 60)
    basic.add_user("ada", "correct horse")
    user = oidc.user_of(provider.token("ada"))
    assert user.name.startswith("oidc~")
    assert users.get("ada") is not None
    with pytest.raises(Exception, match="a user name has"):
        basic.add_user(user.name, "correct horse")


def test_rsa_keys_sign_too(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    provider.published.insert(0, new_rsa_key("rsa"))
    assert oidc.user_of(provider.token("ada")).name.startswith("oidc~")


def test_one_of_several_audiences_is_enough(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    assert oidc.user_of(provider.token(aud=["account", AUDIENCE])).name


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": ["another", "account"]},
        {"aud": []},
        {"aud": None},
        {"aud": {AUDIENCE: 1}},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a" * 256},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": 1},
        {"nbf": 99_999_999_999},
        {"iat": 99_999_999_999},
        {"at_hash": "of an id token"},
        {"typ": "ID"},
        {"typ": "Refresh"},
    ],
)
def test_a_token_with_wrong_claims_is_invalid(
    oidc: OidcAuthentication, provider: OidcProvider, users: UserStore, changes: dict[str, Any]
) -> None:
    assert code_of(oidc, provider.token(**changes)) == "TokenInvalid"
    assert users.list() == []


def test_an_expired_token_is_told_so(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    late = int(provider.claims()["iat"]) - LEEWAY_S - 1
    error = refusal(lambda: oidc.user_of(provider.token(exp=late)))
    assert (error.code, error.status) == ("TokenInvalid", 403)
    assert "expired" in error.message


def test_clocks_may_differ_a_little(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    now = int(provider.claims()["iat"])
    assert oidc.user_of(provider.token(nbf=now + LEEWAY_S // 2)).name


def test_a_token_that_nobody_signed_is_invalid(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    for algorithm in ("none", "None", "nOnE"):
        token = unsigned(provider.claims(), alg=algorithm, kid="first")
        assert code_of(oidc, token) == "TokenInvalid"
        assert code_of(oidc, token + "AAAA") == "TokenInvalid"


def test_the_public_key_is_no_secret_to_sign_with(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    key = new_rsa_key("rsa")
    provider.published.append(key)
    for public in (key.as_pem(private=False), key.as_der(private=False)):
        content = unsigned(provider.claims(), alg="HS256", kid="rsa").removesuffix(".")
        forged = base64.urlsafe_b64encode(hmac.digest(public, content.encode(), "sha256")).rstrip(b"=").decode()
        assert code_of(oidc, f"{content}.{forged}") == "TokenInvalid"


def test_a_symmetric_key_of_the_provider_is_not_used(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    shared = symmetric_key(b"0123456789abcdef0123456789abcdef", "shared")
    provider.published.append(shared)
    assert code_of(oidc, signed(provider.claims(), shared)) == "TokenInvalid"


def test_another_key_of_the_same_name_is_not_the_key(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    assert code_of(oidc, provider.token(key=new_key("first"))) == "TokenInvalid"


def test_a_key_that_the_token_brings_along_is_not_used(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    own = new_key("first")
    headers = ({"jwk": own.as_dict(private=False)}, {"jku": f"{provider.base}/evil"}, {"x5u": f"{provider.base}/evil"})
    for header in headers:
        assert code_of(oidc, signed(provider.claims(), own, **header)) == "TokenInvalid"
    assert not any("evil" in path for path in provider.hits)


def test_a_key_for_encryption_does_not_sign(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    key = ECKey.generate_key("P-256", {"kid": "enc", "use": "enc"})
    provider.published.append(key)
    token = signed(provider.claims(), ECKey.import_key({**key.as_dict(private=True), "use": "sig"}))
    assert code_of(oidc, token) == "TokenInvalid"


def test_a_changed_token_is_invalid(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    header, _, signature = provider.token("ada").split(".")
    _, payload, _ = provider.token("eve").split(".")
    assert code_of(oidc, f"{header}.{payload}.{signature}") == "TokenInvalid"


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b", "a.b.c", "a.b.c.d.e", "opaque", "e30.e30.e30", "W10.W10.W10", "é.b.c", "a.b.c" * 9999],
)
def test_rubbish_is_invalid(oidc: OidcAuthentication, token: str) -> None:
    assert code_of(oidc, token) == "TokenInvalid"


def test_an_unknown_provider_is_told(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    assert refusal(lambda: oidc.user_of(f"oidc/other/{provider.token()}")).code == "TokenInvalid"
    assert refusal(lambda: oidc.user_of("basic//token")).code == "AuthenticationSchemeInvalid"


def test_a_new_key_is_found_without_a_restart(oidc: OidcAuthentication, provider: OidcProvider, clock: Clock) -> None:
    name = oidc.user_of(provider.token("ada")).name
    provider.rotate("second")
    clock.now += oidc_provider.PAUSE_S
    assert oidc.user_of(provider.token("ada")).name == name


def test_a_flood_of_unknown_keys_asks_the_provider_once(
    oidc: OidcAuthentication, provider: OidcProvider, clock: Clock
) -> None:
    assert oidc.user_of(provider.token("ada")).name
    clock.now += oidc_provider.PAUSE_S
    provider.hits.clear()
    for number in range(50):
        assert code_of(oidc, provider.token(key=new_key(f"unknown {number}"))) == "TokenInvalid"
    assert len(provider.hits) == 2  # its configuration and its keys
    assert oidc.user_of(provider.token("ada")).name


def test_tokens_of_unknown_issuers_reach_nobody(oidc: OidcAuthentication, provider: OidcProvider) -> None:
    assert refusal(lambda: oidc.user_of(provider.token(iss=f"{provider.base}/other"))).code == "TokenInvalid"
    assert provider.hits == []


def test_a_withdrawn_key_is_forgotten_after_an_hour(
    oidc: OidcAuthentication, provider: OidcProvider, clock: Clock
) -> None:
    token = provider.token("ada")
    assert oidc.user_of(token).name
    provider.published = [new_key("second")]
    clock.now += oidc_provider.KEPT_S + 1
    assert code_of(oidc, token) == "TokenInvalid"


def test_a_provider_that_is_down_is_told_and_asked_seldom(
    oidc: OidcAuthentication, provider: OidcProvider, clock: Clock
) -> None:
    provider.silent = True
    for _ in range(20):
        error = refusal(lambda: oidc.user_of(provider.token("ada")))
        assert (error.code, error.status) == ("InfrastructureBusy", 503)
        assert "'test'" in error.message
        assert provider.base not in error.message
    assert len(provider.hits) == 1
    provider.silent = False
    clock.now += oidc_provider.PAUSE_AFTER_FAILURE_S
    assert oidc.user_of(provider.token("ada")).name


def test_known_keys_outlive_a_provider_that_is_down_for_a_day(
    oidc: OidcAuthentication, provider: OidcProvider, clock: Clock
) -> None:
    assert oidc.user_of(provider.token("ada")).name
    provider.silent = True
    clock.now += oidc_provider.MAX_STALE_S - 1
    assert oidc.user_of(provider.token("ada")).name
    clock.now += 2
    assert code_of(oidc, provider.token("ada")) == "InfrastructureBusy"


@pytest.mark.parametrize(
    "configuration",
    [
        {"issuer": "https://evil.example"},
        {"jwks_uri": None},
        {"jwks_uri": "http://127.0.0.1:1/keys"},
        {"jwks_uri": "http://169.254.169.254/keys"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
)
def test_a_configuration_that_leads_elsewhere_is_not_followed(
    oidc: OidcAuthentication, provider: OidcProvider, configuration: dict[str, Any]
) -> None:
    provider.configuration = configuration
    assert code_of(oidc, provider.token()) == "InfrastructureBusy"


def test_a_bearer_value_goes_to_the_provider_that_it_is_of(
    oidc: OidcAuthentication, provider: OidcProvider, users: UserStore
) -> None:
    basic = BasicAuthentication(users, 60)
    basic.add_user("ada", "correct horse")
    token = basic.login("ada", "correct horse")
    both = Authentication(basic, oidc)
    assert both.user_of(f"basic//{token}").name == "ada"
    assert both.user_of(token).name == "ada"  # clients leave the prefix away where tokens may be sent as they are
    assert both.user_of(provider.token("ada")).name.startswith("oidc~")
    assert both.user_of(f"oidc/test/{provider.token('ada')}").name.startswith("oidc~")
    assert refusal(lambda: both.user_of("saml/test/token")).code == "AuthenticationSchemeInvalid"
    assert refusal(lambda: both.user_of("unknown")).code == "TokenInvalid"


def test_what_is_switched_off_is_refused_as_a_scheme(
    oidc: OidcAuthentication, provider: OidcProvider, users: UserStore
) -> None:
    basic = BasicAuthentication(users, 60)
    basic.add_user("ada", "correct horse")
    token = basic.login("ada", "correct horse")
    only_basic, only_oidc = Authentication(basic), Authentication(basic, oidc, accepts_passwords=False)
    for bearer in (token, provider.token(), f"oidc/test/{provider.token()}"):
        assert refusal(lambda bearer=bearer: only_basic.user_of(bearer)).code == "AuthenticationSchemeInvalid"
    for bearer in (token, f"basic//{token}"):
        assert refusal(lambda bearer=bearer: only_oidc.user_of(bearer)).code == "AuthenticationSchemeInvalid"
