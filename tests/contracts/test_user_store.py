"""What every database must do for users and their logins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from db.jobs import JobStore
from db.session import Database
from db.users import UserError, UserStore

NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that moves when told to."""

    now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(database: Database, clock: Clock) -> UserStore:
    return UserStore(database, clock=clock)


def test_a_user_comes_back_as_created(users: UserStore) -> None:
    user = users.create("ada", "hash", is_demo=True)
    assert users.get("ada") == user
    assert (user.name, user.password_hash, user.is_demo, user.created) == ("ada", "hash", True, NOON)
    assert users.get("eve") is None
    assert [found.name for found in users.list()] == ["ada"]


def test_a_password_hash_is_not_shown(users: UserStore) -> None:
    assert "argon" not in repr(users.create("ada", "$argon2id$..."))


def test_a_name_is_given_once(users: UserStore) -> None:
    users.create("ada", "hash")
    with pytest.raises(UserError, match="already"):
        users.create("ada", "other")


def test_a_token_is_its_users_until_it_expires(users: UserStore, clock: Clock) -> None:
    user = users.create("ada", "hash")
    token = users.issue_token("ada", 60)
    clock.now = NOON + timedelta(seconds=59.9)
    assert users.user_of_token(token) == user
    clock.now = NOON + timedelta(seconds=60)
    assert users.user_of_token(token) is None


def test_a_token_lies_in_the_database_as_its_digest_only(database: Database, users: UserStore) -> None:
    users.create("ada", "hash")
    token = users.issue_token("ada", 60)
    with database.reading() as session:
        stored = session.execute(text("SELECT * FROM tokens")).one()
    assert token not in str(stored)
    assert len(stored.digest) == 64
    assert users.user_of_token(stored.digest) is None


def test_tokens_can_be_revoked_one_by_one(users: UserStore) -> None:
    users.create("ada", "hash")
    one, other = users.issue_token("ada", 60), users.issue_token("ada", 60)
    assert one != other
    assert users.revoke(one)
    assert not users.revoke(one)
    assert users.user_of_token(one) is None
    assert users.user_of_token(other) is not None


def test_a_new_password_ends_all_logins(users: UserStore) -> None:
    users.create("ada", "hash")
    token = users.issue_token("ada", 60)
    users.set_password("ada", "other")
    assert users.user_of_token(token) is None


def test_expired_tokens_do_not_pile_up(database: Database, users: UserStore, clock: Clock) -> None:
    users.create("ada", "hash")
    for _ in range(3):
        users.issue_token("ada", 60)
        clock.now += timedelta(seconds=61)
    users.issue_token("ada", 60)
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM tokens")) == 1


@pytest.mark.parametrize("token", ["", "x", "nul\x00", "\ud800", "' OR 1=1 --"])
def test_an_unknown_token_is_nobodys(users: UserStore, token: str) -> None:
    users.create("ada", "hash")
    assert users.user_of_token(token) is None


def test_a_deleted_user_is_gone_with_their_logins(users: UserStore) -> None:
    users.create("ada", "hash")
    token = users.issue_token("ada", 60)
    users.delete("ada")
    assert users.get("ada") is None
    assert users.user_of_token(token) is None
    for attempt in (lambda: users.delete("ada"), lambda: users.issue_token("ada", 1)):
        with pytest.raises(UserError, match="no user"):
            attempt()


def test_a_user_who_owns_something_is_not_deleted_as_the_next_of_that_name_would_own_it(
    database: Database, users: UserStore
) -> None:
    users.create("ada", "hash")
    JobStore(database).create("ada", {})
    with pytest.raises(UserError, match="1 batch jobs"):
        users.delete("ada")
    assert users.get("ada") is not None


def test_a_user_who_signs_in_elsewhere_is_added_once_even_by_many_at_a_time(users: UserStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: users.ensure("oidc~1"), range(16)))

    assert {user.name for user in found} == {"oidc~1"}
    assert [user.password_hash for user in users.list()] == [None]
    assert users.ensure("oidc~1") == users.get("oidc~1")
