"""The seam of authentication: whoever can say which user a bearer token belongs to."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from db.users import User


@runtime_checkable
class AuthenticationProvider(Protocol):
    """One way to authenticate."""

    prefix: str  # of bearer values this provider answers for, such as `basic//`

    def user_of(self, bearer: str) -> User:
        """The user a bearer value belongs to.

        Raises: AuthenticationSchemeInvalid, if the value is not of this provider; TokenInvalid.
        """
        ...
