"""Every way to sign in, as one: a bearer value goes to the provider that it is of."""

from __future__ import annotations

from db.users import User
from openeo_plugin.auth.basic import BasicAuthentication
from openeo_plugin.auth.oidc import OidcAuthentication, is_json_web_token
from openeo_plugin.errors import OpenEOError


class Authentication:
    """Names and passwords, and OpenID Connect where it is set up. Safe to use from many threads.

    Args:
        basic: also keeps the passwords while nobody may sign in with them.
        oidc: None if there is no provider.
        accepts_passwords: whether users may sign in with name and password.
    """

    prefix = ""

    def __init__(
        self, basic: BasicAuthentication, oidc: OidcAuthentication | None = None, *, accepts_passwords: bool = True
    ) -> None:
        self.basic = basic
        self.oidc = oidc
        self._accepts_passwords = accepts_passwords

    def user_of(self, bearer: str) -> User:
        """The user a bearer value belongs to.

        Where tokens of OpenID Connect are accepted as they are, clients leave the prefix away from all tokens.
        Raises: AuthenticationSchemeInvalid, TokenInvalid, InfrastructureBusy.
        """
        if self.oidc is not None:
            if bearer.startswith(self.oidc.prefix) or is_json_web_token(bearer):
                return self.oidc.user_of(bearer)
            if "/" not in bearer:
                bearer = self.basic.prefix + bearer
        if not self._accepts_passwords:
            raise OpenEOError("AuthenticationSchemeInvalid")
        return self.basic.user_of(bearer)
