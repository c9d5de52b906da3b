"""Users and their logins. A token is known to its holder only; here lies its SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db.models import CollectionRow, JobRow, ProcessRow, ServiceRow, TokenRow, UserRow
from db.session import Clock, Database, affected, utc_now


class UserError(Exception):
    """A user can't be created, changed or removed; the message says why."""


@dataclass(frozen=True, slots=True)
class User:
    """A user. `password_hash` is None for those who log in elsewhere; `title` is what these call themselves there."""

    name: str
    password_hash: str | None = field(repr=False)
    is_demo: bool
    created: datetime
    title: str | None = None


type Users = list[User]


class UserStore:
    """The users of the back-end."""

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def create(self, name: str, password_hash: str | None, *, is_demo: bool = False) -> User:
        """Add a user. Raises: UserError, if the name is taken."""
        row = UserRow(name=name, password_hash=password_hash, is_demo=is_demo, created=self._clock())
        with self._database.session() as session:
            if session.get(UserRow, name) is not None:
                raise UserError(f"there is already a user '{name}'")
            session.add(row)
            session.flush()
            return _user_of(row)

    def get(self, name: str) -> User | None:
        """The user of that name."""
        with self._database.reading() as session:
            row = session.get(UserRow, name)
            return None if row is None else _user_of(row)

    def ensure(self, name: str) -> User:
        """The user of that name, added without a password if there is none."""
        known = self.get(name)
        if known is None:
            with suppress(UserError, IntegrityError):  # another process was quicker
                return self.create(name, None)
            known = self.get(name)
        if known is None:
            raise UserError(f"there is no user '{name}'")
        return known

    def set_password(self, name: str, password_hash: str) -> None:
        """Change a password; all logins of the user end. Raises: UserError, if there is no such user."""
        with self._database.session() as session:
            _existing(session, name).password_hash = password_hash
            session.execute(delete(TokenRow).where(TokenRow.user_name == name))

    def delete(self, name: str) -> None:
        """Remove a user and their logins.

        Raises: UserError, if there is none, or something is left that the next user of that name would inherit.
        """
        with self._database.session() as session:
            row = _existing(session, name)
            for what, rows in _BELONGINGS.items():
                count = session.scalar(select(func.count()).select_from(rows).where(rows.owner == name))
                if count:
                    raise UserError(f"the user '{name}' still has {count} {what}; remove them first")
            session.delete(row)

    def issue_token(self, name: str, lifetime_s: float) -> str:
        """A new token for a login that lasts so many seconds. Raises: UserError, if there is no such user."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._database.session() as session:
            _existing(session, name)
            session.execute(delete(TokenRow).where(TokenRow.expires <= now))
            expires = now + timedelta(seconds=lifetime_s)
            session.add(TokenRow(digest=_digest(token), user_name=name, created=now, expires=expires))
        return token

    def user_of_token(self, token: str) -> User | None:
        """Whose login a token is; None if it is unknown or has expired."""
        query = select(UserRow).join(TokenRow, TokenRow.user_name == UserRow.name)
        query = query.where(TokenRow.digest == _digest(token), TokenRow.expires > self._clock())
        with self._database.reading() as session:
            row = session.scalar(query)
            return None if row is None else _user_of(row)

    def revoke(self, token: str) -> bool:
        """End a login. False if there was none."""
        with self._database.session() as session:
            return affected(session, delete(TokenRow).where(TokenRow.digest == _digest(token))) > 0

    def list(self) -> Users:
        """All users, by name."""
        with self._database.reading() as session:
            return [_user_of(row) for row in session.scalars(select(UserRow).order_by(UserRow.name))]


_BELONGINGS: dict[str, type[JobRow] | type[ServiceRow] | type[ProcessRow] | type[CollectionRow]] = {
    "batch jobs": JobRow,
    "services": ServiceRow,
    "user-defined processes": ProcessRow,
    "collections": CollectionRow,
}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _existing(session: Session, name: str) -> UserRow:
    row = session.get(UserRow, name, with_for_update=True)
    if row is None:
        raise UserError(f"there is no user '{name}'")
    return row


def _user_of(row: UserRow) -> User:
    return User(row.name, row.password_hash, row.is_demo, row.created)
