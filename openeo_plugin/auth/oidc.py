"""OpenID Connect: access tokens of trusted providers, sent as `oidc/{provider}/{token}` or as they are.

A token must be a JSON Web Token: its signature, issuer, audience and times are checked here, and nobody is asked about
it. Tokens without content are refused: what a provider says of them does not tell whom they are meant for.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError
from joserfc.jwk import Key

from config.oidc import OidcProvider
from db.users import User, UserStore
from openeo_plugin.auth.oidc_provider import ProviderKeys, ProviderUnavailableError
from openeo_plugin.errors import OpenEOError

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
LEEWAY_S = 60
TOKEN_MAX_CHARACTERS = 16_384
SUBJECT_MAX_CHARACTERS = 255
USER_PREFIX = "oidc~"  # no user with a password has a tilde in their name
_TITLE_CLAIMS = ("name", "preferred_username", "email")
_TITLE_MAX_CHARACTERS = 200
_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_TYPES = (None, "jwt", "at+jwt", "application/at+jwt")


def is_json_web_token(text: str) -> bool:
    """Whether a text has the form of one; of its content nothing is known."""
    return _TOKEN.fullmatch(text) is not None


@dataclass(frozen=True)
class _Trusted:
    """A provider with its keys."""

    id: str
    provider: OidcProvider
    keys: ProviderKeys


class OidcAuthentication:
    """Users of providers of OpenID Connect. Safe to use from many threads.

    Args:
        providers: by their ids.
        users: where those who have been here are kept.
        keys: makes the keys of an issuer; tests take their own.
        clock: seconds since 1970.
    """

    prefix = "oidc/"

    def __init__(
        self,
        providers: Mapping[str, OidcProvider],
        users: UserStore,
        *,
        keys: Callable[[str], ProviderKeys] = ProviderKeys,
        clock: Callable[[], float] = time.time,
    ) -> None:
        trusted = [_Trusted(name, provider, keys(provider.issuer)) for name, provider in providers.items()]
        self._by_id = {one.id: one for one in trusted}
        self._by_issuer = {one.provider.issuer: one for one in trusted}
        self._users = users
        self._clock = clock

    def user_of(self, bearer: str) -> User:
        """The user of a bearer value, added if they come for the first time.

        Raises: AuthenticationSchemeInvalid; TokenInvalid; InfrastructureBusy, if the provider can't be reached.
        """
        if is_json_web_token(bearer):
            return self._user_of(self._issuer_of(bearer), bearer)
        if not bearer.startswith(self.prefix):
            raise OpenEOError("AuthenticationSchemeInvalid")
        name, _, token = bearer.removeprefix(self.prefix).partition("/")
        if name not in self._by_id:
            raise OpenEOError("TokenInvalid", message="This back-end does not know the provider of the token.")
        return self._user_of(self._by_id[name], token)

    def _issuer_of(self, token: str) -> _Trusted:
        """The provider that a token says it is of, so that its keys may prove it. Raises: TokenInvalid."""
        claims = _unchecked(token).claims
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self._by_issuer:
            raise OpenEOError("TokenInvalid", message="This back-end does not know the issuer of the token.")
        return self._by_issuer[issuer]

    def _user_of(self, trusted: _Trusted, token: str) -> User:
        claims = self._checked(trusted, token)
        user = self._users.ensure(_name_of(trusted.provider.issuer, claims["sub"]))
        return replace(user, title=_title_of(claims))

    def _checked(self, trusted: _Trusted, token: str) -> dict[str, Any]:
        """What a token says, once all of it has been found right. Raises: TokenInvalid, InfrastructureBusy."""
        unchecked = _unchecked(token)
        if unchecked.header.get("alg") not in ALGORITHMS:
            raise OpenEOError("TokenInvalid")
        verified = self._verified(token, self._keys(trusted, unchecked.header.get("kid")))
        _check_kind(verified)
        provider = trusted.provider
        rules = jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": provider.issuer},
            sub={"essential": True},
            aud={"essential": True, "values": provider.audience},
            exp={"essential": True},
        )
        try:
            rules.validate(verified.claims)
        except ExpiredTokenError:
            raise OpenEOError("TokenInvalid", message="The token has expired. Please authenticate again.") from None
        except InvalidClaimError as error:
            log.info("A token of %s is refused: %s", trusted.id, error)
            reason = "The token is not meant for this back-end." if error.claim == "aud" else None
            raise OpenEOError("TokenInvalid", message=reason) from None
        except (JoseError, TypeError, ValueError, OverflowError) as error:
            log.info("A token of %s is refused: %s", trusted.id, error)
            raise OpenEOError("TokenInvalid") from None
        _check_subject(verified.claims["sub"])
        return verified.claims

    def _keys(self, trusted: _Trusted, key_id: object) -> tuple[Key, ...]:
        if key_id is not None and not isinstance(key_id, str):
            raise OpenEOError("TokenInvalid")
        try:
            return trusted.keys.candidates(key_id)
        except ProviderUnavailableError:
            message = f"The identity provider '{trusted.id}' can't be reached; please try again later."
            raise OpenEOError("InfrastructureBusy", message=message) from None

    def _verified(self, token: str, keys: tuple[Key, ...]) -> jwt.Token:
        """The content of a token that one of the keys has signed. Raises: TokenInvalid."""
        registry = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        for key in keys:
            try:
                return jwt.decode(token, key, algorithms=list(ALGORITHMS), registry=registry)
            except (JoseError, TypeError, ValueError, AttributeError, RecursionError):
                continue  # a key of another kind, or not the one
        raise OpenEOError("TokenInvalid")


def _unchecked(token: str) -> jwt.Token:
    """Header and content of a token that anybody may have written. Raises: TokenInvalid."""
    if len(token) > TOKEN_MAX_CHARACTERS or not is_json_web_token(token):
        raise OpenEOError("TokenInvalid")
    try:
        found = jws.extract_compact(token.encode())
        header, claims = found.headers(), json.loads(found.payload or b"")
    except (JoseError, ValueError, TypeError, RecursionError):
        raise OpenEOError("TokenInvalid") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise OpenEOError("TokenInvalid")
    return jwt.Token(header, claims)


def _check_kind(token: jwt.Token) -> None:
    """Refuse tokens that tell a client who signed in, or that are there to get new ones. Raises: TokenInvalid."""
    kind = token.header.get("typ")
    known = kind is None or (isinstance(kind, str) and kind.lower() in _TYPES)
    if not known or "at_hash" in token.claims or token.claims.get("typ") in ("ID", "Refresh", "Offline", "Logout"):
        raise OpenEOError("TokenInvalid", message="The token is not an access token.")


def _check_subject(subject: object) -> None:
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_MAX_CHARACTERS:
        raise OpenEOError("TokenInvalid")


def _name_of(issuer: str, subject: str) -> str:
    """The name of a user, always the same: of nobody of another issuer, and of nobody with a password."""
    told = f"{len(issuer)}:{issuer}{subject}".encode(errors="surrogatepass")
    return USER_PREFIX + hashlib.sha256(told).hexdigest()[:40]


def _title_of(claims: Mapping[str, Any]) -> str | None:
    found = (claims.get(name) for name in _TITLE_CLAIMS)
    texts = (value.strip()[:_TITLE_MAX_CHARACTERS] for value in found if isinstance(value, str))
    return next((text for text in texts if text.isprintable() and text), None)
