from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from db.session import Database
from db.users import UserError, UserStore
from openeo_plugin.auth.basic import BasicAuthentication
from openeo_plugin.auth.provider import AuthenticationProvider
from openeo_plugin.errors import OpenEOError


class CountingHasher(PasswordHasher):
    """Cheap, and counts what it verifies."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        self.verified += 1
        return super().verify(hash, password)


@pytest.fixture
def users(tmp_path: Path) -> UserStore:
    database = Database(f"sqlite:///{tmp_path / 'openeo.sqlite'}")
    database.migrate()
    return UserStore(database)


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


@pytest.fixture
def auth(users: UserStore, hasher: CountingHasher) -> BasicAuthentication:
    auth = BasicAuthentication(users, 60, hasher=hasher)
    auth.add_user("ada", "correct horse")
    return auth


def code_of(attempt: Callable[[], object]) -> str:
    with pytest.raises(OpenEOError) as raised:
        attempt()
    return raised.value.code


def test_a_login_gives_a_token_that_stands_for_its_user(auth: BasicAuthentication) -> None:
    assert isinstance(auth, AuthenticationProvider)
    token = auth.login("ada", "correct horse")
    assert auth.user_of(f"basic//{token}").name == "ada"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "wrong horse"), ("ada", ""), ("ada", "correct horse "), ("eve", "correct horse"), ("", ""),
        ("ADA", "correct horse"), ("ada\x00", "correct horse"), ("ada", "\ud800"), ("a" * 10_000, "x"),
    ],
)  # fmt: skip
def test_wrong_credentials_are_refused_alike(auth: BasicAuthentication, name: str, password: str) -> None:
    assert code_of(lambda: auth.login(name, password)) == "CredentialsInvalid"


def test_an_unknown_user_costs_as_much_as_a_wrong_password(auth: BasicAuthentication, hasher: CountingHasher) -> None:
    costs = []
    for name in ("ada", "eve", "no name at all"):
        before = hasher.verified
        code_of(lambda name=name: auth.login(name, "wrong"))
        costs.append(hasher.verified - before)
    assert costs == [1, 1, 1]


def test_an_endless_password_is_refused_without_work(auth: BasicAuthentication, hasher: CountingHasher) -> None:
    assert code_of(lambda: auth.login("ada", "x" * 1025)) == "CredentialsInvalid"
    assert hasher.verified == 0


def test_a_user_who_logs_in_elsewhere_has_no_password_here(auth: BasicAuthentication, users: UserStore) -> None:
    users.create("oidc", None)
    assert code_of(lambda: auth.login("oidc", "the password of nobody")) == "CredentialsInvalid"


@pytest.mark.parametrize("bearer", ["", "x", "oidc/google/x", "Basic//x", "basic/x", "basic"])
def test_a_bearer_value_of_another_scheme_is_refused_as_such(auth: BasicAuthentication, bearer: str) -> None:
    assert code_of(lambda: auth.user_of(bearer)) == "AuthenticationSchemeInvalid"


@pytest.mark.parametrize("token", ["", "x", "x" * 10_000, "\x00", "\ud800"])
def test_a_token_that_was_never_given_is_invalid(auth: BasicAuthentication, token: str) -> None:
    assert code_of(lambda: auth.user_of(f"basic//{token}")) == "TokenInvalid"


def test_a_login_can_be_ended(auth: BasicAuthentication) -> None:
    bearer = "basic//" + auth.login("ada", "correct horse")
    auth.logout(bearer)
    auth.logout(bearer)
    assert code_of(lambda: auth.user_of(bearer)) == "TokenInvalid"


def test_a_changed_password_counts_at_once(auth: BasicAuthentication) -> None:
    bearer = "basic//" + auth.login("ada", "correct horse")
    auth.change_password("ada", "battery staple")
    assert code_of(lambda: auth.user_of(bearer)) == "TokenInvalid"
    assert code_of(lambda: auth.login("ada", "correct horse")) == "CredentialsInvalid"
    assert auth.login("ada", "battery staple")


@pytest.mark.parametrize("name", ["", "a:b", "a@b", "a b", "-a", "a/b", "é", "a\n", "a" * 65])
def test_a_name_that_basic_or_the_api_can_not_carry_is_refused(auth: BasicAuthentication, name: str) -> None:
    with pytest.raises(UserError, match="user name"):
        auth.add_user(name, "long enough")


@pytest.mark.parametrize("password", ["", "1234567", "ä" * 513])
def test_a_password_too_short_or_too_long_is_refused(auth: BasicAuthentication, password: str) -> None:
    with pytest.raises(UserError, match="password"):
        auth.add_user("bob", password)


def test_passwords_are_kept_as_argon2id(users: UserStore) -> None:
    BasicAuthentication(users, 60).add_user("bob", "long enough")
    user = users.get("bob")
    assert user is not None
    assert str(user.password_hash).startswith("$argon2id$")


def test_the_demo_user_is_made_once_and_is_known_as_such(auth: BasicAuthentication, users: UserStore) -> None:
    assert auth.ensure_demo_user() == auth.ensure_demo_user()
    assert [user.name for user in users.list() if user.is_demo] == ["demo"]
    assert auth.user_of("basic//" + auth.login("demo", "demo")).is_demo


def test_a_real_user_named_demo_is_not_made_the_demo_user(auth: BasicAuthentication) -> None:
    auth.add_user("demo", "long enough")
    with pytest.raises(UserError, match="taken"):
        auth.ensure_demo_user()
