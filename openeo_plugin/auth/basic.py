"""HTTP Basic: a name and a password are exchanged for a token, which is then sent as `basic//<token>`."""

from __future__ import annotations

import re

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from db.users import User, UserError, UserStore
from openeo_plugin.errors import OpenEOError

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")  # all of it may stand in `user_id`
PASSWORD_MIN_CHARACTERS = 8
PASSWORD_MAX_BYTES = 1024  # a longer one costs us time and its user nothing
_TOKEN_MAX_CHARACTERS = 256

DEMO_NAME = DEMO_PASSWORD = "demo"  # noqa: S105 - public on purpose; on loopback only


class BasicAuthentication:
    """Users with passwords, kept as argon2id. Safe to use from many threads.

    Args:
        users: where they are kept.
        token_lifetime_s: seconds that a login lasts.
        hasher: of passwords; tests take a cheap one.
    """

    prefix = "basic//"

    def __init__(self, users: UserStore, token_lifetime_s: float, *, hasher: PasswordHasher | None = None) -> None:
        self._users = users
        self._token_lifetime_s = token_lifetime_s
        self._hasher = hasher or PasswordHasher()
        self._nobody_hash: str | None = None

    def login(self, name: str, password: str) -> str:
        """A token, to be sent as `basic//<token>`. Raises: CredentialsInvalid.

        It takes as long for an unknown user as for a wrong password.
        """
        secret = _bytes_of(password)
        if len(secret) > PASSWORD_MAX_BYTES:
            raise OpenEOError("CredentialsInvalid")
        nobody_hash = self._hash_of_nobody()
        user = self._users.get(name) if NAME_PATTERN.fullmatch(name) else None
        known_hash = user.password_hash if user is not None else None
        right = self._verifies(known_hash or nobody_hash, secret)
        if user is None or known_hash is None or not right:
            raise OpenEOError("CredentialsInvalid")
        return self._users.issue_token(user.name, self._token_lifetime_s)

    def user_of(self, bearer: str) -> User:
        """The user of a bearer value. Raises: AuthenticationSchemeInvalid, TokenInvalid."""
        if not bearer.startswith(self.prefix):
            raise OpenEOError("AuthenticationSchemeInvalid")
        token = bearer.removeprefix(self.prefix)
        user = self._users.user_of_token(token) if 0 < len(token) <= _TOKEN_MAX_CHARACTERS else None
        if user is None:
            raise OpenEOError("TokenInvalid")
        return user

    def logout(self, bearer: str) -> None:
        """End a login; nothing happens if there is none."""
        self._users.revoke(bearer.removeprefix(self.prefix))

    def add_user(self, name: str, password: str) -> User:
        """Create a user. Raises: UserError, if the name or password won't do or the name is taken."""
        if not NAME_PATTERN.fullmatch(name):
            raise UserError("a user name has 1 to 64 letters, digits or _.- and starts with a letter or digit")
        return self._users.create(name, self._hash(password))

    def change_password(self, name: str, password: str) -> None:
        """Give a user another password; all their logins end. Raises: UserError."""
        self._users.set_password(name, self._hash(password))

    def ensure_demo_user(self) -> User:
        """The user `demo` with the password `demo`. For an instance that only this machine can reach.

        Raises: UserError, if somebody else has that name.
        """
        user = self._users.get(DEMO_NAME)
        if user is None:
            return self._users.create(DEMO_NAME, self._hasher.hash(DEMO_PASSWORD), is_demo=True)
        if not user.is_demo:
            raise UserError(f"the name '{DEMO_NAME}' is taken by a user who is not the demo user")
        return user

    def _hash(self, password: str) -> str:
        if len(password) < PASSWORD_MIN_CHARACTERS:
            raise UserError(f"a password needs at least {PASSWORD_MIN_CHARACTERS} characters")
        secret = _bytes_of(password)
        if len(secret) > PASSWORD_MAX_BYTES:
            raise UserError(f"a password has at most {PASSWORD_MAX_BYTES} bytes")
        return self._hasher.hash(secret)

    def _hash_of_nobody(self) -> str:
        if self._nobody_hash is None:
            self._nobody_hash = self._hasher.hash("the password of nobody")
        return self._nobody_hash

    def _verifies(self, known_hash: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(known_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _bytes_of(password: str) -> bytes:
    return password.encode(errors="surrogatepass")
