"""A test double of a provider of OpenID Connect: a real web server on this machine that signs real tokens.

Clients get access tokens with the grants client_credentials (by their secret) and device_code (at once, for a user).
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, RSAKey

AUDIENCE = "openeo-test"
PATH = "/realm"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class OidcProvider:
    """The provider.

    hits: the paths that were asked for. published: the keys that it shows, the first of which signs. silent: whether it
    answers everything with status 503.
    """

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.silent = False
        self.clients: dict[str, tuple[str, dict[str, Any]]] = {}
        self.published: list[Key] = [new_key("first")]
        self.configuration: dict[str, Any] = {}
        self._codes: dict[str, str] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.issuer = self.base + PATH
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def add_client(self, identifier: str, **claims: Any) -> str:
        """Register a client whose tokens hold some claims. Gives its secret."""
        self.clients[identifier] = (secrets.token_urlsafe(16), {"sub": identifier, **claims})
        return self.clients[identifier][0]

    def rotate(self, key_id: str) -> None:
        """Sign with a new key from now on; the old ones stay published."""
        self.published.insert(0, new_key(key_id))

    def claims(self, subject: str = "ada", **changes: Any) -> dict[str, Any]:
        """The claims of a good access token, some of them changed; None leaves one away."""
        now = int(time.time())
        good = {"iss": self.issuer, "sub": subject, "aud": AUDIENCE, "iat": now, "exp": now + 300, **changes}
        return {name: value for name, value in good.items() if value is not None}

    def token(self, subject: str = "ada", *, key: Key | None = None, **changes: Any) -> str:
        """An access token, signed by the newest key or another one."""
        return signed(self.claims(subject, **changes), key or self.published[0])

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and JSON for a request."""
        self.hits.append(path)
        if self.silent:
            return 503, {}
        if path == f"{PATH}/.well-known/openid-configuration":
            return 200, {**self._described(), **self.configuration}
        if path == f"{PATH}/keys":
            return 200, {"keys": [key.as_dict(private=False) for key in self.published]}
        if path == f"{PATH}/device":
            return 200, self._device_code()
        if path == f"{PATH}/token":
            return self._granted(form)
        return 404, {}

    def _described(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint": f"{self.issuer}/token",
            "device_authorization_endpoint": f"{self.issuer}/device",
            "authorization_endpoint": f"{self.issuer}/authorize",
            "scopes_supported": ["openid", "email", "profile"],
            "grant_types_supported": ["client_credentials", DEVICE_CODE],
            "code_challenge_methods_supported": ["S256"],
        }

    def _device_code(self) -> dict[str, Any]:
        code = secrets.token_urlsafe(16)
        self._codes[code] = "device-user"
        where = f"{self.issuer}/activate"
        return {"device_code": code, "user_code": "ABCD", "verification_uri": where, "expires_in": 60, "interval": 1}

    def _granted(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if form.get("grant_type") == "client_credentials":
            secret, claims = self.clients.get(form.get("client_id", ""), ("", {}))
            if secret and form.get("client_secret") == secret:
                return 200, {"access_token": self.token(**claims), "token_type": "Bearer", "expires_in": 300}
        if form.get("grant_type") == DEVICE_CODE and form.get("device_code") in self._codes:
            subject = self._codes.pop(form["device_code"])
            return 200, {"access_token": self.token(subject, name="Device User"), "token_type": "Bearer"}
        return 400, {"error": "invalid_grant"}


def new_key(key_id: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": key_id, "use": "sig"})


def new_rsa_key(key_id: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": key_id, "use": "sig"})


def signed(claims: dict[str, Any], key: Key, *, algorithm: str | None = None, **header: Any) -> str:
    """A token with these claims, by the key's own algorithm unless another is given."""
    own = {"EC": "ES256", "RSA": "RS256", "oct": "HS256"}[key.key_type]
    named = {"alg": algorithm or own, "kid": key.kid, **header}
    return jwt.encode({name: value for name, value in named.items() if value is not None}, claims, key, [named["alg"]])


def symmetric_key(secret: bytes, key_id: str) -> OctKey:
    return OctKey.import_key(secret, {"kid": key_id})


@contextmanager
def serving() -> Iterator[OidcProvider]:
    """A provider that is there for the time of a test."""
    provider = OidcProvider()
    try:
        yield provider
    finally:
        provider.close()


def _handler(provider: OidcProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            status, document = provider.answer(self.path.partition("?")[0], form)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    return Handler
